"""`billing demo --tour`: how it works, told in the terminal. All of it happens in a database that is thrown away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from billing import Billing, Entry, InsufficientCredits, Receipt
from billing.base import ids, schema
from billing.base.wording import credits_text, date_text, money_text, time_text
from billing.rules.periods import Span, add
from billing.stripe.gateway import Gateway
from web.demo.account import Account
from web.demo.clock import DemoClock
from web.demo.sold import MONTHLY_CENTS, story_catalog
from web.demo.world import APP, World, catch_up
from web.sandbox import Sandbox, serve

TEAM, NAME, CURRENCY = "team_42", "Team 42", "usd"
START = datetime(2026, 3, 1, tzinfo=UTC)
DECLINED = "4000000000000002"
_BASIC_CENTS = MONTHLY_CENTS["basic"][CURRENCY]
_WIDTH = 118


def tour() -> int:
    """Tells it. Returns the exit code: 0, or 1 if the books don't add up at the end."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    with tempfile.TemporaryDirectory(prefix="billing-tour-") as folder, _begun(Path(folder)) as told:
        told.console = console
        told.play()
        return told.statement()


@contextmanager
def _begun(folder: Path) -> Iterator[_Tour]:
    """An engine and a sandbox of Stripe, at a clock that stands still until the tour moves it."""
    url, secret, key = f"sqlite:///{folder / 'tour.sqlite3'}", f"whsec_{ids.token(24)}", "sk_test_tour"
    schema.upgrade(url)
    clock = DemoClock()
    sandbox = Sandbox(folder / "sandbox.sqlite3", now=lambda: START)
    clock.sandbox = sandbox
    served = serve(sandbox)
    account = Account(served.url, key)
    billing = Billing(
        url, catalog=story_catalog(), clock=clock, gateway=Gateway(key, served.url), webhook_secrets=(secret,)
    )

    def deliver(body: bytes, signature: str) -> int:
        billing.receive_stripe_event(body, signature)
        return 200

    try:
        sandbox.listen(f"{served.url}/nowhere", secret, deliver=deliver)
        account.sell()
        yield _Tour(World(billing, sandbox, account))
    finally:
        account.close()
        served.close()
        sandbox.close()
        billing.close()


class _Tour:
    """The story of one team, step by step, each with a line or two about what it came to."""

    def __init__(self, world: World) -> None:
        self.world, self.billing, self.sandbox = world, world.billing, world.sandbox
        self.console = Console()
        self.number = 0

    def play(self) -> None:
        """From the first invoice to a clean end."""
        self._subscribed()
        self._told_again()
        self._spent_across_buckets()
        self._refused()
        self._topped_up()
        self._renewed()
        self._reversed()
        self._refunded()
        self._disputed()

    def _subscribed(self) -> None:
        self.billing.customer(TEAM, name=NAME, email="finance@team42.example")
        checkout = self.billing.subscribe(TEAM, "basic", key="subscribe", currency=CURRENCY, home=APP)
        self._on(minutes=1)
        self.world.pay(checkout)
        bucket = self.billing.wallet(TEAM).buckets[0]
        ends = bucket.expires_at
        assert ends is not None
        self._say(
            f"{NAME} subscribes to Basic by Stripe Checkout and pays {money_text(_BASIC_CENTS, CURRENCY)}; Stripe says "
            "so by a signed webhook.",
            f"Granted: {_credits(bucket.granted)} in a bucket of their own, until {date_text(ends)}. {self._balance()}",
        )

    def _told_again(self) -> None:
        [paid] = [event for event in self.billing.stripe_events(limit=100) if event.type == "invoice.paid"]
        self.sandbox.delivery.resend(paid.id)
        self.sandbox.drain()
        self._say(f"Stripe says it once more. Nothing is granted again. {self._balance()}")

    def _spent_across_buckets(self) -> None:
        self._on(days=1, hours=9)
        until = self.now + timedelta(days=10)
        self.billing.grant(TEAM, 100, reason="Welcome bonus", key="welcome", expires_at=until)
        self._say(f"Support grants {_credits(100)} as a welcome, until {date_text(until)}. {self._balance()}")
        self._on(hours=2)
        receipt = self._spend(180, "job-1", "Poster, 12 variants")
        self._say(
            f"A job takes {_credits(180)}; what ends first pays first: {self._slices(receipt)}. {self._balance()}"
        )
        again = self._spend(180, "job-1", "Poster, 12 variants")
        assert again.replayed and again == receipt
        self._say(f"The app sends it again with the same key: the same receipt, nothing taken. {self._balance()}")

    def _refused(self) -> None:
        self._on(days=7)
        self._spend(700, "job-2", "Catalogue, 70 pages")
        self._say(f"A week later a catalogue takes {_credits(700)}. {self._balance()}")
        self._on(hours=1)
        try:
            self._spend(600, "job-3", "Product film")
        except InsufficientCredits as refused:
            self._say(
                f"A film would take {_credits(600)}. Refused: {refused.required} are needed, {refused.available} are "
                f"there; nothing has moved. {self._balance()}"
            )

    def _topped_up(self) -> None:
        self._on(minutes=5)
        topup = self.billing.topup(TEAM, "small", key="topup", currency=CURRENCY, home=APP)
        self.world.pay(topup, DECLINED)
        self._say(f"They go to buy the Small pack, and their card is declined: nothing is granted. {self._balance()}")
        self._on(minutes=2)
        self.world.pay(topup)
        self._say(
            f"Another card pays: {_credits(topup.credits)} for {money_text(topup.cents, CURRENCY)}, good for a year. "
            f"{self._balance()}"
        )
        receipt = self._spend(90, "job-4", "Newsletter header")
        self._say(f"A small job takes {_credits(90)}, still of the month's: {self._slices(receipt)}. {self._balance()}")

    def _renewed(self) -> None:
        self._to(add(START, Span(months=1)) + timedelta(days=2))
        gone = self.billing.entries(TEAM, kind="expire", limit=1)[0]
        new = max(self.billing.wallet(TEAM).buckets, key=lambda bucket: bucket.id)
        paid = money_text(gone.cents, CURRENCY)
        self._say(
            f"The clock is moved to {time_text(self.now)}. The plan has renewed: {_credits(new.granted)}, paid an hour "
            "after the month began.",
            f"The old month's day of grace is over: {_credits(gone.credits)} expired, with {paid} of what was paid for "
            f"them, dated {time_text(gone.effective_at)}. {self._balance()}",
        )

    def _reversed(self) -> None:
        self._on(hours=3)
        receipt = self._spend(600, "job-5", "Product film")
        self._say(f"Now the film: {_credits(600)}, {self._slices(receipt)}. {self._balance()}")
        self._on(minutes=20)
        self.billing.reverse(TEAM, receipt.id, 250, key="job-5-half-failed")
        self._say(
            f"A part of it failed: {_credits(250)} are given back to the bucket they came from, with the cents they "
            f"took. {self._balance()}"
        )

    def _refunded(self) -> None:
        self._on(days=1)
        [pack] = self.billing.topups(TEAM)
        refund = self.billing.refund(TEAM, pack.id, pack.cents // 2, key="half-of-the-pack")
        self.sandbox.drain()
        gone = self.billing.entries(TEAM, kind="clawback", limit=1)[0]
        self._say(
            f"Half of the pack's price is given back by Stripe, {money_text(refund.cents, CURRENCY)}: "
            f"{_credits(gone.credits)} that nobody has used go with it. {self._balance()}"
        )

    def _disputed(self) -> None:
        self._on(days=2)
        charges = self.world.account.get("charges")["data"]
        charge = next(one for one in charges if one["amount"] == _BASIC_CENTS)
        dispute = self.sandbox.dashboard.dispute(charge["id"])
        self.sandbox.drain()
        aside = _credits(self.billing.wallet(TEAM).held)
        self._say(f"Their bank disputes the month's payment: the {aside} left of it are set aside. {self._balance()}")
        self._on(days=9)
        self.sandbox.dashboard.judge(dispute["id"], "win")
        self.sandbox.drain()
        self._say(f"The dispute is won: they are there again. {self._balance()}")

    # The time

    @property
    def now(self) -> datetime:
        return self.billing.clock.now()

    def _on(self, **by: float) -> None:
        self._to(self.now + timedelta(**by))

    def _to(self, at: datetime) -> None:
        """Moves the one clock; what is due on the way is done when it is: renewals at Stripe, credits here."""
        self.sandbox.advance(at, lambda _: catch_up(self.billing))

    # What is said

    def _say(self, *lines: str) -> None:
        self.number += 1
        for place, line in enumerate(lines):
            head = f"{self.number:2}  {self.now:%d %b %H:%M}  " if place == 0 else " " * 18
            self.console.print(f"{head}{line}", soft_wrap=True, markup=False)

    def _balance(self) -> str:
        return f"Available: {credits_text(self.billing.wallet(TEAM).available)}."

    def _slices(self, receipt: Receipt) -> str:
        names = {bucket.id: bucket.description for bucket in self.billing.buckets(TEAM)}
        return ", ".join(f"{credits_text(credits)} from “{names[id]}”" for id, credits in receipt.slices)

    def _spend(self, credits: int, key: str, text: str) -> Receipt:
        return self.billing.spend(TEAM, credits, key=key, feature="image", description=text)

    # How it ends

    def statement(self) -> int:
        """All entries with the running balance, where the money is, and the audit."""
        entries = self.billing.entries(TEAM, limit=1000)[::-1]
        self.console.print()
        self.console.print(_table(entries, {bucket.id: bucket.description for bucket in self.billing.buckets(TEAM)}))
        for line in _money(entries):
            self.console.print(line)
        breaches = self.billing.audit()
        for breach in breaches:
            self.console.print(str(breach), markup=False)
        wrong = f"{len(breaches)} breaches" if breaches else "clean: every credit and every cent is accounted for"
        self.console.print(f"Audit: {wrong}.")
        return 1 if breaches else 0


def _table(entries: Iterable[Entry], names: dict[str, str | None]) -> Table:
    table = Table(
        title="Statement of Team 42", title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for name, width in {"No.": 3, "When (UTC)": 12, "Kind": 7}.items():
        table.add_column(name, min_width=width, no_wrap=True)
    for name in ("From", "To"):  # a narrow terminal breaks these only
        table.add_column(name)
    for name, width in {"Credits": 7, "Cents": 5, "Balance": 7}.items():
        table.add_column(name, justify="right", min_width=width, no_wrap=True)
    for entry in entries:
        table.add_row(
            str(entry.number),
            f"{entry.effective_at:%d %b %H:%M}",
            entry.kind,
            _account(entry.source, names),
            _account(entry.destination, names),
            credits_text(entry.credits),
            credits_text(entry.cents),
            credits_text(entry.available_after),
        )
    return table


def _account(account: str, names: dict[str, str | None]) -> str:
    """A bucket by its name, and what is set aside of it."""
    kind, _, id = account.partition(":")
    name = names.get(id)
    return f"{name}, held" if name and kind == "held" else name or account


def _money(entries: Iterable[Entry]) -> Iterator[str]:
    """Where the cents are that were paid: sums over entries, nothing else."""
    into: dict[str, int] = {}
    for entry in entries:
        for account, cents in ((entry.source, -entry.cents), (entry.destination, entry.cents)):
            name = account.partition(":")[0]
            into[name] = into.get(name, 0) + cents
    sold, deferred = -into.get("issued", 0), into.get("bucket", 0)
    earned, broken, refunded = into.get("consumed", 0), into.get("expired", 0), into.get("clawed_back", 0)
    parts = (
        f"deferred {deferred:,} (still in buckets) + earned {earned:,} + broken {broken:,} (expired) + refunded "
        f"{refunded:,}"
    )
    yield f"Sold {sold:,} cents = {parts}."


def _credits(count: int) -> str:
    return f"{credits_text(count)} credit{'' if count == 1 else 's'}"
