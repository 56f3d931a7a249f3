"""The endpoint as Stripe's own delivery reaches it: in a shape, signed by its secrets, gone wrong as asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.cases.desk import SECRET, Desk, Event

URL = "https://app.example.com/webhooks/stripe"


@dataclass
class Ear:
    """Nothing is sent by itself: `send` sends what it is given, in that order."""

    desk: Desk
    shape: str = "endive"
    secret: str = SECRET
    answers: list[Any] = field(default_factory=list)
    """Status by HTTP, and what became of the event."""
    sent: list[tuple[bytes, str]] = field(default_factory=list)
    endpoint: str = ""

    def __post_init__(self) -> None:
        self.desk.sandbox.delivery.faults.hold = True
        self.endpoint = self.desk.sandbox.listen(URL, self.secret, deliver=self.take, shape=self.shape)

    @property
    def faults(self) -> Any:
        return self.desk.sandbox.delivery.faults

    def take(self, body: bytes, header: str) -> int:
        """One request, as it came or once more."""
        answer = self.desk.send(body, header)
        self.sent.append((body, header))
        self.answers.append(
            (answer.status_code, answer.get_json().get("status" if answer.status_code == 200 else "code"))
        )
        return int(answer.status_code)

    def send(self, *events: Event, twin: bool = False) -> list[Any]:
        """What became of each."""
        before = len(self.answers)
        self.desk.sandbox.delivery.send_now([event["id"] for event in events], twin=twin)
        return self.answers[before:]

    def hear(self, *types: str) -> list[Any]:
        """All that is new, in the order it happened."""
        return self.send(*self.desk.news(*types))
