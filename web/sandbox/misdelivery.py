"""What goes wrong with deliveries when it is asked to, for all events or for those of some types."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from web.sandbox import ids
from web.sandbox.store import Object

ORDERS = ("sent", "reverse", "shuffle")
SIGNS = ("all", "old", "new", "wrong")


@dataclass
class Faults:
    """Until it is told otherwise."""

    hold: bool = False
    drop: int = 0
    twice: bool = False
    twin: bool = False  # once more, as another event with an id of its own
    order: str = "sent"
    seed: int = 0  # of the shuffle
    delay: int = 0  # real seconds until the first attempt
    sign: str = "all"  # with which of an endpoint's secrets
    age: int = 0  # seconds that the signature is old
    live: bool = False  # as if from live mode
    account: str | None = None  # as if from a connected account
    types: tuple[str, ...] = ()  # to which events all of this happens; to all if there are none

    def concerns(self, happened: str) -> bool:
        return not self.types or happened in self.types

    def holds(self, happened: str) -> bool:
        return self.hold and self.concerns(happened)

    def place(self, seq: int, happened: str) -> tuple[int, str]:
        """Where in the line a delivery stands."""
        if not self.concerns(happened) or self.order == "sent":
            return seq, ""
        if self.order == "reverse":
            return -seq, ""
        return 0, hashlib.sha256(f"{self.seed}:{seq}".encode()).hexdigest()

    def signing(self, secrets: list[str]) -> list[str]:
        """What it is signed with: a rolled endpoint has a new secret, and an old one for a while."""
        chosen = {"old": secrets[-1:], "new": secrets[:1], "wrong": [ids.webhook_secret()]}
        return chosen.get(self.sign, secrets)

    def dressed(self, event: Object) -> Object:
        """The event with what is pretended of where it came from."""
        if not self.concerns(event["type"].removeprefix("v1.")):
            return event
        if self.live:
            event = event | {"livemode": True}
            if "data" in event:
                held = event["data"]["object"]
                event["data"] = event["data"] | {"object": held | ({"livemode": True} if "livemode" in held else {})}
        if self.account is not None:
            event = event | (
                {"context": self.account} if event["object"] == "v2.core.event" else {"account": self.account}
            )
        return event


def told(faults: Faults, said: Mapping[str, Any]) -> Faults:
    """With what is said changed; ValueError where it makes no sense."""
    changed: dict[str, Any] = {}
    for name in ("hold", "twice", "twin", "live"):
        if name in said:
            changed[name] = said[name] in (True, "true", "1", "on", "yes")
    for name in ("drop", "seed", "delay", "age"):
        if name in said:
            changed[name] = int(said[name])
    for name, words in (("order", ORDERS), ("sign", SIGNS)):
        if name in said:
            if said[name] not in words:
                raise ValueError(f"{name} is one of {', '.join(words)}.")
            changed[name] = said[name]
    if "account" in said:
        changed["account"] = None if said["account"] in (None, "none") else str(said["account"])
    if "types" in said:
        types = said["types"]
        changed["types"] = tuple(types.replace(",", " ").split() if isinstance(types, str) else map(str, types))
    return replace(faults, **changed)
