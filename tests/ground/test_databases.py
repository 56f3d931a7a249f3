"""What the other tests stand on: an empty database each, audited afterwards."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from billing.base.db import make_engine
from billing.testing import TestBilling
from tests.conftest import Auditor


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_begins_with_nothing(make_billing: Callable[..., TestBilling], turn: int) -> None:
    billing = make_billing()
    assert billing.customers() == []
    billing.customer("team_1")
    billing.grant("team_1", 10, reason="goodwill", key="g")
    receipt = billing.spend("team_1", 4, key="s")
    assert (receipt.id, receipt.available) == ("spend_1_2", 6)


def test_a_fresh_database_is_another_one(
    make_billing: Callable[..., TestBilling], database_url: str, fresh_database_url: str
) -> None:
    assert database_url != fresh_database_url
    make_billing().customer("team_1")
    assert make_billing(url=fresh_database_url).customers() == []


@pytest.mark.database("sqlite")
def test_one_database_can_be_asked_for(database_url: str) -> None:
    assert database_url.startswith("sqlite:")


@pytest.mark.breaks_books
def test_broken_books_are_found(make_billing: Callable[..., TestBilling], database_url: str, auditor: Auditor) -> None:
    billing = make_billing()
    billing.customer("team_1")
    billing.grant("team_1", 10, reason="goodwill", key="g")
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE billing_wallets SET available = 11"))
    engine.dispose()
    auditor.wanted = True
    with pytest.raises(AssertionError, match="the books do not add up"):
        auditor.look(database_url)
    auditor.wanted = False
