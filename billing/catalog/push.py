"""The catalog to Stripe: what is there and what should be, as a difference; and making it so, once.

Products have ids of ours, prices lookup keys of ours. An amount is never edited: another price is made, takes the
lookup key over, and the old one is archived; whoever subscribes at it goes on. So the same catalog pushed twice changes
nothing, and a push that was cut off goes on where it was left.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from billing.catalog import offered
from billing.catalog.offered import Offered, Product
from billing.catalog.terms import Catalog
from billing.rules.refusals import StripeRefused
from billing.stripe.gateway import Gateway
from billing.stripe.selling import MARK, Shelf, SoldPrice, SoldProduct

Act = Literal["make", "rename", "restore", "replace", "archive"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is to be done: to a product, or to a price (`offered`, or only archived); `old` is the id of the
    price that is there.
    """

    act: Act
    what: str
    words: str
    product: Product | None = None
    offered: Offered | None = None
    old: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """What a push would do, in that order, and what it can't mend."""

    changes: tuple[Change, ...]
    problems: tuple[str, ...]


def difference(gateway: Gateway, catalog: Catalog) -> Difference:
    """Between the catalog and what is on sale at Stripe. Only asks. Raises as the gateway does."""
    shelf, products, prices = gateway.shelf, offered.products(catalog), offered.prices(catalog)
    there = shelf.products([product.id for product in products])
    sold = shelf.prices([price.key for price in prices], [product.id for product in products if product.id in there])
    missing = [f"There is no product {one.id} at Stripe." for one in products if not one.ours and one.id not in there]
    changes = (*_of_products(products, there), *_of_prices(prices, sold), *_archived(prices, sold))
    return Difference(changes, (*missing, *_named(shelf, catalog)))


def push(gateway: Gateway, catalog: Catalog, found: Difference) -> None:
    """Makes it so. Raises as the gateway does: what was done until then is done, the next push does the rest."""
    shelf = gateway.shelf
    for change in found.changes:
        if change.product is not None:
            _do_product(shelf, change.act, change.product)
        elif change.act in ("make", "replace"):
            assert change.offered is not None
            params = _params(catalog, change.offered)
            shelf.make_price(params, _key(params, change.old))
            if change.old is not None:
                shelf.change_price(change.old, {"active": False})
        else:
            assert change.old is not None
            shelf.change_price(change.old, {"active": change.act == "restore"})


def _of_products(products: Iterable[Product], there: dict[str, SoldProduct]) -> Iterable[Change]:
    for product in products:
        known = there.get(product.id)
        if not product.ours or product.retired:
            continue
        if known is None:
            yield Change("make", product.id, product.name, product=product)
        elif not known.active:
            yield Change("restore", product.id, product.name, product=product)
        elif known.name != product.name:
            yield Change("rename", product.id, f"{known.name} → {product.name}", product=product)


def _of_prices(prices: Iterable[Offered], sold: list[SoldPrice]) -> Iterable[Change]:
    by_key = {one.price.lookup_key: one for one in sold if one.price.lookup_key is not None}
    for price in prices:
        known = by_key.get(price.key)
        if known is None:
            yield Change("make", price.key, price.words, offered=price)
        elif not price.is_sold_as(known.price) or known.product != price.product:
            words = f"{offered.words(known.price)} → {price.words}"
            old = known.price.id
            yield Change("replace", price.key, words, offered=price, old=old)
        elif not known.price.active:
            yield Change("restore", price.key, price.words, offered=price, old=known.price.id)


def _archived(prices: list[Offered], sold: list[SoldPrice]) -> Iterable[Change]:
    """Prices that we made once and that are sold no more: another has taken the key over, or the catalog has none."""
    keys = {price.key for price in prices}
    for one in sold:
        held = one.price.lookup_key
        if one.made_for is not None and one.price.active and held not in keys:
            yield Change("archive", one.made_for, offered.words(one.price), old=one.price.id)


def _named(shelf: Shelf, catalog: Catalog) -> Iterable[str]:
    """What the catalog names of Stripe's own that is not there, not on sale, or sold for something else."""
    ours = {price.key for price in offered.prices(catalog)}
    plans = [(name, f"plans.{plan.id}") for plan in catalog.plans_on_sale.values() for name in plan.prices]
    packs = [(name, f"packs.{pack.id}") for pack in catalog.packs_on_sale.values() for name in pack.stripe_prices]
    named = [(name, where) for name, where in (*plans, *packs) if name not in ours and not _free(catalog, name)]
    keys = [name for name, _ in named if not name.startswith("price_")]
    found = {str(one.price.lookup_key): one for one in shelf.prices(keys, ())}
    for name, where in named:
        one = found.get(name) or (shelf.price(name) if name.startswith("price_") else None)
        if one is None:
            yield f"{where}: Stripe has no price {name}."
        elif wrong := offered.differs(catalog, one.price):
            yield f"{where}: {wrong}."
        elif where.startswith("plans.") and one.price.every is None:
            yield f"{where}: {name} is paid once, and a plan's price must recur."


def _free(catalog: Catalog, name: str) -> bool:
    """A key of ours for what costs nothing: it is not on sale at Stripe."""
    return name in {one.key for one in offered.all_prices(catalog)}


def _do_product(shelf: Shelf, act: Act, product: Product) -> None:
    said = {"name": product.name, "description": product.description[:500]}
    said = {name: text for name, text in said.items() if text}
    if act == "make":
        params = {"id": product.id, **said, "metadata": {"billing_product": product.id}}
        try:
            shelf.make_product(params, _key(params))
        except StripeRefused:  # somebody else has made it meanwhile: then it is there
            if product.id not in shelf.products([product.id]):
                raise
    else:
        shelf.change_product(product.id, {**said, "active": True})


def _params(catalog: Catalog, price: Offered) -> dict[str, object]:
    params: dict[str, object] = {
        "product": price.product,
        "currency": price.currency,
        "unit_amount": price.cents,
        "lookup_key": price.key,
        "transfer_lookup_key": True,
        "metadata": {MARK: price.key},
    }
    if price.every is not None:
        params["recurring"] = {"interval": price.every}
    if catalog.checkout.automatic_tax:
        params["tax_behavior"] = catalog.checkout.tax_behavior
    return params


def _key(params: Mapping[str, object], old: str | None = None) -> str:
    """The same content that follows the same price is the same request: back and forth within a day is another one."""
    content = json.dumps([params, old], sort_keys=True).encode()
    return f"billing-push-{hashlib.sha256(content).hexdigest()[:40]}"
