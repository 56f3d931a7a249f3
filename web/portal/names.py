"""What entries speak of by id: buckets, and what the spends and holds that came before were for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.base import ids
from billing.rules.refusals import Refusal
from web.portal.words import name_of

if TYPE_CHECKING:
    from billing import Bucket, Entry, Transaction


@dataclass(frozen=True, slots=True)
class Names:
    """`buckets` by id, `purposes` by the number of the entry that a spend or a hold began with."""

    buckets: Mapping[str, Bucket]
    purposes: Mapping[int, str]

    def bucket(self, account: str) -> Bucket | None:
        """The bucket an entry's source or destination speaks of."""
        return self.buckets.get(account.partition(":")[2])

    def of(self, account: str) -> str:
        """Its name; empty for accounts that are no bucket."""
        bucket = self.bucket(account)
        return name_of(bucket) if bucket else ""

    def purpose(self, entry: Entry) -> str:
        """What it was for: as the spend or hold before it said, else as it says itself."""
        return self.purposes.get(_begun_by(entry) or 0) or purpose_of(entry)


def purpose_of(entry: Entry) -> str:
    """What the entry itself says it was for."""
    return entry.description or described(entry) or entry.feature or ""


def described(entry: Entry) -> str:
    """A hold has no description of its own; many put one into its metadata."""
    text = (entry.details or {}).get("description") if entry.kind == "hold" else None
    return text if isinstance(text, str) else ""


def names_of(tx: Transaction, customer: str, unit: str, entries: Iterable[Entry]) -> Names:
    """All that these entries speak of; ended buckets, too."""
    entries = list(entries)
    accounts = (account for entry in entries for account in (entry.source, entry.destination))
    spoken_of = {account.partition(":")[2] for account in accounts} - {"", "overdraft"}
    buckets = {bucket.id: bucket for bucket in tx.buckets(customer, unit=unit)}
    for older in spoken_of - buckets.keys():
        with suppress(Refusal):
            buckets[older] = tx.bucket(customer, older)
    purposes = {}
    for number in {number for entry in entries if (number := _begun_by(entry))}:
        first = tx.entries(customer, unit=unit, before=number + 1, limit=1)
        if first:
            purposes[number] = purpose_of(first[0])
    return Names(buckets, purposes)


def _begun_by(entry: Entry) -> int | None:
    """The number of the first entry of the spend that is given back, or of the hold that is ended."""
    details = entry.details or {}
    if entry.kind == "reverse":
        place = ids.read("spend", str(details.get("spend")))
    elif entry.kind in ("capture", "release") and "hold" in details:
        place = ids.read("hold", str(details["hold"]))
    elif entry.kind == "release":
        number = entry.cause.removeprefix("hold:")
        return int(number) if number.isdigit() else None
    else:
        return None
    return place[1] if place else None
