"""What the wallet page shows, as plain values: built from a wallet, its entries and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from billing.base.wording import credits_text, date_text, time_text
from web.charts import Chart, Point, balance_chart
from web.portal.activity import Activity
from web.portal.words import KIND_NAMES, SOON_DAYS, days_until, how_soon, kind_of, name_of

if TYPE_CHECKING:
    from billing import Bucket, Wallet

BAR = 1000
"""Bars are drawn in thousandths of their width."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One bucket's part of the bar: `x` and `width` in thousandths."""

    x: int
    width: int
    tone: str
    name: str
    amount: str


@dataclass(frozen=True, slots=True)
class BucketRow:
    """One bucket in burn-down order; `place` 0 can't be used yet. `left`: thousandths of what was granted."""

    place: int
    name: str
    kind: str
    tone: str
    left: int
    remaining: str
    granted: str
    held: str
    features: str
    expires: str
    expires_at: datetime | None
    badge: str | None
    soon: bool
    starts: str


@dataclass(frozen=True, slots=True)
class Ending:
    """Credits that expire on one day, and whose they are."""

    day: str
    at: datetime
    badge: str | None
    soon: bool
    amount: str
    names: str


@dataclass(frozen=True, slots=True)
class WalletPage:
    """The whole page. Texts are ready to be shown; empty means there is nothing to say.

    `kinds`: what the chart tells apart, as (tone, name).
    """

    who: str
    unit: str
    units: tuple[str, ...]
    as_of: str
    as_of_at: datetime
    available: str
    held: str
    owed: str
    overdraft: str
    scoped: str
    frozen: bool
    segments: tuple[Segment, ...]
    rows: tuple[BucketRow, ...]
    upcoming: tuple[BucketRow, ...]
    endings: tuple[Ending, ...]
    activity: tuple[Activity, ...]
    more_activity: bool
    kinds: tuple[tuple[str, str], ...]
    chart: Chart | None
    narrow_chart: Chart | None

    @property
    def warning(self) -> Ending | None:
        """What runs out within a week, if anything does."""
        return next((ending for ending in self.endings if ending.soon), None)

    @property
    def new(self) -> bool:
        """Has nothing ever happened here?"""
        return not (self.rows or self.upcoming or self.activity)


def wallet_page(
    wallet: Wallet,
    now: datetime,
    *,
    who: str,
    activity: Sequence[Activity] = (),
    more_activity: bool = False,
    points: Sequence[Point] = (),
    units: Sequence[str] = (),
) -> WalletPage:
    """The page of a wallet as it stands at `now`; credits become texts at the unit's scale."""
    scale = wallet.scale
    live = [bucket for bucket in wallet.buckets if bucket.status == "live"]
    scoped = [bucket for bucket in live if bucket.features]
    upcoming = [bucket for bucket in wallet.buckets if bucket.status == "upcoming"]

    def text(credits: int) -> str:
        return credits_text(credits, scale)

    charts = [
        balance_chart(points, text, _short_day, plain="plan", width=width, height=height, columns=columns)
        for width, height, columns in ((660, 290, 5), (340, 210, 3))
    ]
    return WalletPage(
        who=who,
        unit=wallet.unit,
        units=tuple(units) or (wallet.unit,),
        as_of=time_text(now),
        as_of_at=now,
        available=text(wallet.available),
        held=text(wallet.held) if wallet.held else "",
        owed=text(wallet.owed) if wallet.owed else "",
        overdraft=_overdraft(wallet),
        scoped=text(sum(bucket.remaining - bucket.held for bucket in scoped)) if scoped else "",
        frozen=wallet.frozen,
        segments=_segments(live, scale),
        rows=tuple(_row(place, bucket, now, scale) for place, bucket in enumerate(live, 1)),
        upcoming=tuple(_row(0, bucket, now, scale) for bucket in upcoming),
        endings=_endings(live, now, scale),
        activity=tuple(activity),
        more_activity=more_activity,
        kinds=tuple(kind for kind in KIND_NAMES.items() if any(point.parts.get(kind[0]) for point in points)),
        chart=charts[0],
        narrow_chart=charts[1],
    )


def _short_day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _overdraft(wallet: Wallet) -> str:
    """How far below zero it may still go. What is set aside and lies in no bucket was set aside there."""
    limit = wallet.overdraft.limit
    if limit == 0:
        return ""
    if limit is None:
        return "without limit"
    set_aside = wallet.held - sum(bucket.held for bucket in wallet.buckets)
    left = max(limit - wallet.owed - set_aside, 0)
    whole = credits_text(limit, wallet.scale)
    return f"by {whole}" if left == limit else f"{credits_text(left, wallet.scale)} of {whole} left"


def _segments(live: Sequence[Bucket], scale: int) -> tuple[Segment, ...]:
    """General credits only: the figure above the bar does not count those bound to a feature."""
    free = [(bucket, bucket.remaining - bucket.held) for bucket in live if not bucket.features]
    free = [(bucket, credits) for bucket, credits in free if credits > 0]
    total, before, segments = sum(credits for _, credits in free), 0, []
    for bucket, credits in free:
        x = BAR * before // total
        before += credits
        width = max(BAR * before // total - x, 1)
        segments.append(Segment(x, width, kind_of(bucket), name_of(bucket), credits_text(credits, scale)))
    return tuple(segments)


def _row(place: int, bucket: Bucket, now: datetime, scale: int) -> BucketRow:
    kind, end = kind_of(bucket), bucket.expires_at
    return BucketRow(
        place=place,
        name=name_of(bucket),
        kind=KIND_NAMES[kind],
        tone=kind,
        left=BAR * bucket.remaining // bucket.granted if bucket.granted else 0,
        remaining=credits_text(bucket.remaining, scale),
        granted=credits_text(bucket.granted, scale),
        held=credits_text(bucket.held, scale) if bucket.held else "",
        features=", ".join(bucket.features),
        expires=date_text(end) if end else "Never",
        expires_at=end,
        badge=how_soon(end, now) if end else None,
        soon=bool(end) and days_until(end, now) <= SOON_DAYS if end else False,
        starts="" if place else date_text(bucket.effective_at),
    )


def _endings(live: Sequence[Bucket], now: datetime, scale: int) -> tuple[Ending, ...]:
    """By day, soonest first; what is used up has nothing left to lose, and what is set aside is honoured after it."""
    ending = sorted(
        (
            (bucket.expires_at, place, bucket)
            for place, bucket in enumerate(live)
            if bucket.expires_at and bucket.remaining > bucket.held
        ),
    )
    endings = []
    for day, group in groupby(ending, key=lambda item: item[0].date()):
        same = list(group)
        at = same[0][0]
        endings.append(
            Ending(
                day=date_text(at),
                at=at,
                badge=how_soon(at, now),
                soon=(day - now.date()).days <= SOON_DAYS,
                amount=credits_text(sum(bucket.remaining - bucket.held for _, _, bucket in same), scale),
                names=", ".join(name_of(bucket) for _, _, bucket in same),
            )
        )
    return tuple(endings)
