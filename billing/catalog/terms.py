"""What is sold and on which terms: plain frozen values, made by `loading` from the catalog file.

Credits are whole numbers of the unit's smallest part, cents are in Stripe's smallest unit of the currency.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import ClassVar, Literal

from billing.rules.periods import Every, Span
from billing.rules.sale.amounts import Bonus
from billing.rules.wallet import burndown
from billing.rules.wallet.endterms import RollOver
from billing.rules.wallet.overdraft import NONE, Overdraft
from billing.rules.wallet.thresholds import DEFAULT as LOW_BALANCE
from billing.rules.wallet.thresholds import Thresholds

AtPeriodEnd = Literal["expire", "keep"] | RollOver
TaxBehavior = Literal["exclusive", "inclusive"]
OnUpgrade = Literal["difference", "next_period"]

A_DAY = Span(seconds=86_400)
A_WEEK = Span(seconds=7 * 86_400)


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for every wallet: the order in which buckets pay, and, where no plan says otherwise, the overdraft and
    the balances at which people are told. `spent_events`: is each spend told of beyond the process that made it, too?
    """

    burn_down: tuple[str, ...] = burndown.DEFAULT
    overdraft: Overdraft = NONE
    low_balance: Thresholds = LOW_BALANCE
    spent_events: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """A kind of credits; `scale` is how many decimals people see (the books know whole numbers only)."""

    id: str
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a subscription brings: `credits` of `unit` for each `every`, when an invoice with one of `prices`
    is paid.

    `prices` are Stripe price ids or lookup keys. `trial_credits` are what a trial brings; `on_upgrade`: does what a
    change to it brings more come at once, or with the next period? `overdraft` and `low_balance` None mean the
    catalog's. `credit_share` is the part of a line's net that is for credits, the rest is outside these books. Rules:
    the handbook's *Allocation*, *Plan change mid-period*, *Its end*, *Running low*.

    `price` is what we ask for it, interval → currency → cents: what is put on sale at Stripe under lookup keys of ours,
    which are among its `prices`.
    """

    id: str
    name: str
    credits: int
    description: str = ""
    unit: str = "credits"
    every: Every = "month"
    prices: tuple[str, ...] = ()
    at_period_end: AtPeriodEnd = "expire"
    grace: Span = A_DAY
    late_grace: Span = A_WEEK
    overdraft: Overdraft | None = None
    low_balance: Thresholds | None = None
    credit_share: Fraction = field(default=Fraction(1))
    trial_credits: int = 0
    on_upgrade: OnUpgrade = "difference"
    retired: bool = False
    """Not on sale any more; those who have it keep it, and its renewals grant."""
    price: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ours = [pushed_key("plan", self.id, every, currency) for every in self.price for currency in self.price[every]]
        object.__setattr__(self, "prices", tuple(dict.fromkeys((*self.prices, *ours))))


@dataclass(frozen=True, slots=True)
class Pack:
    """What can be bought once: `credits` of `unit`, living `valid_for` from the purchase (None = for ever).

    `prices` are what we ask for it, currency → cents; `stripe_prices` are Stripe's own (ids or lookup keys), and the
    lookup keys of ours under which `prices` are put on sale at Stripe. `stripe_product`: what it is called there.
    `promotion_codes` None means as for every Checkout.
    """

    id: str
    name: str
    credits: int
    description: str = ""
    unit: str = "credits"
    prices: Mapping[str, int] = field(default_factory=dict)
    stripe_prices: tuple[str, ...] = ()
    valid_for: Span | None = None
    retired: bool = False
    stripe_product: str | None = None
    promotion_codes: bool | None = None

    def __post_init__(self) -> None:
        ours = [pushed_key("pack", self.id, currency) for currency in self.prices]
        object.__setattr__(self, "stripe_prices", tuple(dict.fromkeys((*self.stripe_prices, *ours))))


@dataclass(frozen=True, slots=True)
class Amounts:
    """Credits of the unit `id` in any number from `min` to `max`, a multiple of `step`: `price` (currency → cents) for
    each `per` of them, and what `bonus` brings on top. They live `valid_for` from the purchase (None = for ever).
    """

    id: str
    min: int
    max: int
    price: Mapping[str, int]
    per: int = 1
    step: int = 1
    bonus: tuple[Bonus, ...] = ()
    name: str = "Top-up"
    description: str = ""
    valid_for: Span | None = None
    stripe_product: str | None = None
    promotion_codes: bool | None = None

    @property
    def product(self) -> str:
        """What such a purchase is called beside packs: no pack can have this id."""
        return f"{ANY}{self.id}"


@dataclass(frozen=True, slots=True)
class CheckoutTerms:
    """How Stripe's Checkout is opened: may buyers enter promotion codes, does a top-up make an invoice too, does Stripe
    reckon taxes, on top of our prices or within them, and may buyers say their tax id.
    """

    promotion_codes: bool = False
    invoice: bool = False
    automatic_tax: bool = False
    tax_behavior: TaxBehavior = "exclusive"
    tax_ids: bool = False


ANY = "topups."
"""How the product of a purchase of any number of credits begins."""


def pushed_key(*parts: str) -> str:
    """The lookup key under which a price of ours is put on sale at Stripe."""
    return ":".join(("billing", *parts))


@dataclass(frozen=True, slots=True)
class Catalog:
    """All of it, at one `version`: the same content has the same version, in whatever order it was written.

    The unit `credits` is always there (scale 0 unless declared otherwise).
    """

    DEFAULT: ClassVar[Catalog]

    policy: Policy = Policy()
    units: Mapping[str, Unit] = field(default_factory=lambda: {"credits": Unit("credits")})
    plans: Mapping[str, Plan] = field(default_factory=dict)
    packs: Mapping[str, Pack] = field(default_factory=dict)
    topups: Mapping[str, Amounts] = field(default_factory=dict)
    checkout: CheckoutTerms = CheckoutTerms()
    version: str = field(init=False, default="")
    history: tuple[tuple[datetime, Catalog], ...] = field(default=(), compare=False, repr=False)
    """All versions there are and from when each holds, in that order; empty where the file is all there is."""

    def __post_init__(self) -> None:
        assert "credits" in self.units
        content = {name: _plain(getattr(self, name)) for name in _PARTS}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        object.__setattr__(self, "version", hashlib.sha256(canonical.encode()).hexdigest()[:12])

    def at(self, instant: datetime) -> Catalog:
        """The version in force at that instant; before the first the first."""
        if not self.history:
            return self
        found = self.history[0][1]
        for holds_from, catalog in self.history:
            if holds_from <= instant:
                found = catalog
        return found if found.history else replace(found, history=self.history)

    @property
    def plans_on_sale(self) -> dict[str, Plan]:
        """Those that are not retired."""
        return {id: plan for id, plan in self.plans.items() if not plan.retired}

    @property
    def packs_on_sale(self) -> dict[str, Pack]:
        """Those that are not retired."""
        return {id: pack for id, pack in self.packs.items() if not pack.retired}


_PARTS = ("policy", "units", "plans", "packs", "topups", "checkout")


def _plain(value: object, name: str = "") -> object:
    """The value as JSON knows it. Lists of Stripe prices are sets in meaning, the burn-down is an order."""
    if is_dataclass(value):
        return {part.name: _plain(getattr(value, part.name), part.name) for part in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return sorted(value) if name in ("prices", "stripe_prices") else [_plain(part) for part in value]
    return str(value) if isinstance(value, Fraction) else value


Catalog.DEFAULT = Catalog()
