"""What the catalog puts on sale at Stripe, under ids and lookup keys of ours; and whether what is there is that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from billing.base.wording import money_text
from billing.catalog.terms import Catalog, Pack, Plan, pushed_key
from billing.stripe.values import Price


@dataclass(frozen=True, slots=True)
class Product:
    """A product of ours at Stripe. `ours`: we make it; else the catalog names one that must be there. `retired`: it is
    not made any more, and its prices are archived.
    """

    id: str
    name: str
    description: str
    ours: bool = True
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Offered:
    """A price of ours at Stripe, known by its lookup key `key`. `every` None: it is paid once."""

    key: str
    product: str
    cents: int
    currency: str
    every: str | None

    @property
    def words(self) -> str:
        """`$20.00 per month`."""
        return money_text(self.cents, self.currency) + (f" per {self.every}" if self.every else "")

    def is_sold_as(self, price: Price) -> bool:
        """Is it this price, by what is paid and how often?"""
        every = (self.every, 1) if self.every else None
        return (price.cents, price.currency, price.every) == (self.cents, self.currency, every)


def products(catalog: Catalog) -> list[Product]:
    """The products of plans with a `price`, and of packs with `prices`."""
    plans = [plan for plan in catalog.plans.values() if plan.price]
    found = [
        Product(f"billing_plan_{plan.id}", plan.name, plan.description, retired=plan.retired) for plan in plans
    ]  # fmt: skip
    for pack in catalog.packs.values():
        if any(pack.prices.values()):
            product = Product(f"billing_pack_{pack.id}", pack.name, pack.description, retired=pack.retired)
            if pack.stripe_product is not None:
                product = Product(pack.stripe_product, pack.name, pack.description, ours=False)
            found.append(product)
    named = [
        Product(amounts.stripe_product, amounts.name, amounts.description, ours=False)
        for amounts in catalog.topups.values()
        if amounts.stripe_product is not None
    ]
    return list({product.id: product for product in (*named, *found)}.values())


def prices(catalog: Catalog) -> list[Offered]:
    """Their prices, one for each currency and interval. What costs nothing, or is retired, is not on sale there."""
    on_sale = (*_of_plans(catalog.plans_on_sale), *_of_packs(catalog.packs_on_sale))
    return [offered for offered in on_sale if offered.cents]


def all_prices(catalog: Catalog) -> list[Offered]:
    """The same with those that cost nothing or are retired."""
    return [*_of_plans(catalog.plans), *_of_packs(catalog.packs)]


def _of_plans(plans: Mapping[str, Plan]) -> Iterator[Offered]:
    for plan in plans.values():
        for every, by_currency in plan.price.items():
            for currency, cents in by_currency.items():
                key = pushed_key("plan", plan.id, every, currency)
                yield Offered(key, f"billing_plan_{plan.id}", cents, currency, every)


def _of_packs(packs: Mapping[str, Pack]) -> Iterator[Offered]:
    for pack in packs.values():
        for currency, cents in pack.prices.items():
            product = pack.stripe_product or f"billing_pack_{pack.id}"
            yield Offered(pushed_key("pack", pack.id, currency), product, cents, currency, None)


def differs(catalog: Catalog, price: Price) -> str | None:
    """Why a price that somebody has made or changed at Stripe is not what the catalog says of it; None where it is, and
    where the catalog says nothing of it.
    """
    offered = {one.key: one for one in prices(catalog)}.get(price.lookup_key or "")
    if offered is not None:
        if not offered.is_sold_as(price):
            return f"{price.id} is sold as {offered.key} at {words(price)}, the catalog says {offered.words}"
        return None if price.active else f"{price.id}, which is sold as {offered.key}, was archived"
    named = {price.id, price.lookup_key}
    for plan in catalog.plans_on_sale.values():
        if named & set(plan.prices) and not price.active:
            return f"{price.id}, at which the plan {plan.id} is sold, was archived"
    for pack in catalog.packs_on_sale.values():
        if named & set(pack.stripe_prices):
            if not price.active and not pack.prices:
                return f"{price.id}, at which the pack {pack.id} is sold, was archived"
            asked = pack.prices.get(price.currency)
            if asked not in (None, price.cents):
                own = money_text(asked or 0, price.currency)
                return f"{price.id} of the pack {pack.id} is {words(price)} at Stripe, the catalog says {own}"
    return None


def words(price: Price) -> str:
    """`$20.00 per month`, `$54.00 every 3 months`; `no fixed amount` where it depends."""
    if price.cents is None:
        return "no fixed amount"
    often = ""
    if price.every is not None:
        interval, count = price.every
        often = f" per {interval}" if count == 1 else f" every {count} {interval}s"
    return money_text(price.cents, price.currency) + often
