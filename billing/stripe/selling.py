"""What is on sale at Stripe: products and prices as they stand there, and made or changed by us."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from billing.rules.refusals import StripeRefused
from billing.stripe import answers, reading
from billing.stripe.answering import PAGE
from billing.stripe.calling import Ask, Params, any_type, each_once, first_of, plain, read, read_made
from billing.stripe.values import Price

if TYPE_CHECKING:
    from stripe import StripeClient

MARK = "billing_price"
"""The metadata of a price that we made: the lookup key under which it was."""

_MOST_KEYS = 10


@dataclass(frozen=True, slots=True)
class SoldProduct:
    """A product as Stripe has it."""

    id: str
    name: str
    active: bool


@dataclass(frozen=True, slots=True)
class SoldPrice:
    """A price as Stripe has it; `made_for`: the lookup key under which we made it, if we did."""

    price: Price
    product: str | None
    made_for: str | None


class Shelf:
    """What the account sells. Raises StripeUnavailable, StripeNotConfigured, StripeRefused."""

    def __init__(self, client: StripeClient, ask: Ask) -> None:
        self._client, self._ask = client, ask

    def products(self, ids: Sequence[str]) -> dict[str, SoldProduct]:
        """Those of them that are there, on sale or not."""
        found: dict[str, SoldProduct] = {}
        for at in range(0, len(ids), PAGE):
            wanted = any_type({"ids": list(ids[at : at + PAGE]), "limit": PAGE})
            listed = self._ask(partial(self._client.v1.products.list, wanted))
            found |= {one.id: one for one in (read(_product, each) for each in first_of(listed))}
        return found

    def prices(self, keys: Sequence[str], products: Collection[str]) -> list[SoldPrice]:
        """The prices that have these lookup keys, on sale or not, and all that are on sale for these products."""
        found: dict[str, SoldPrice] = {}
        for at in range(0, len(keys), _MOST_KEYS):
            found |= self._listed({"lookup_keys": list(keys[at : at + _MOST_KEYS])})
        for product in products:
            found |= self._listed({"product": product, "active": True})
        return list(found.values())

    def _listed(self, wanted: Params) -> dict[str, SoldPrice]:
        def look() -> list[dict[str, Any]]:
            listed = self._client.v1.prices.list(any_type({**wanted, "limit": PAGE}))
            return [plain(one) for one in each_once(listed)]

        return {one.price.id: one for one in (read(_price, each) for each in self._ask(look))}

    def price(self, id: str) -> SoldPrice | None:
        """The price of this id, on sale or not; None where there is none."""
        try:
            return read(_price, self._ask(lambda: self._client.v1.prices.retrieve(id)))
        except StripeRefused as refused:
            if refused.missing is None:
                raise
            return None

    def make_product(self, params: Params, key: str) -> None:
        """Under an id of ours, once per key."""
        self._ask(lambda: self._client.v1.products.create(any_type(params), {"idempotency_key": key}))

    def change_product(self, id: str, params: Params) -> None:
        self._ask(lambda: self._client.v1.products.update(id, any_type(params)))

    def make_price(self, params: Params, key: str) -> str:
        """Once per key; says its id. With `transfer_lookup_key` it takes its lookup key from whichever has it."""
        made = self._ask(lambda: self._client.v1.prices.create(any_type(params), {"idempotency_key": key}))
        return read_made(answers.id_of, made)

    def change_price(self, id: str, params: Params) -> None:
        """Its amount can never be changed."""
        self._ask(lambda: self._client.v1.prices.update(id, any_type(params)))


def _product(document: object) -> SoldProduct:
    found = reading.mapping(document, "product")
    return SoldProduct(
        reading.text(found.get("id"), "product.id"),
        str(found.get("name") or ""),
        reading.flag(found.get("active"), "product.active"),
    )


def _price(document: object) -> SoldPrice:
    found = reading.mapping(document, "price")
    said = reading.metadata(found.get("metadata"), "price.metadata")
    return SoldPrice(answers.price(found), reading.reference(found.get("product"), "price.product"), said.get(MARK))
