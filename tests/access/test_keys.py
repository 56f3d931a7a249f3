from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from billing import Invalid
from billing.access import keys
from billing.access.tables import api_keys
from billing.base.db import Database
from billing.testing import TestBilling

pytestmark = pytest.mark.quick_on("sqlite")

PEPPERS = ("newest", "older")


@pytest.fixture
def database(make_billing: Callable[..., TestBilling]) -> Database:
    return make_billing().database


def test_a_key_opens_and_its_secret_is_not_kept(database: Database) -> None:
    with database.write() as tx:
        made, text = keys.create(tx, PEPPERS, " backend ", ["spend", "read"])
    prefix, key_id, secret = text.split("_")
    assert (prefix, key_id, len(secret)) == (keys.PREFIX, made.id, 43)
    with database.read() as tx:
        found = keys.find(tx, PEPPERS, text)
        row = tx.connection.execute(sa.select(api_keys)).one()
    assert found == made
    assert found is not None
    assert found.name == "backend"
    assert found.may("spend")
    assert not found.may("grant")
    assert secret not in repr(row) + repr(found)


def test_admin_may_everything(database: Database) -> None:
    with database.write() as tx:
        made, _ = keys.create(tx, PEPPERS, "ops", ["admin"])
    assert all(made.may(scope) for scope in keys.SCOPES)


def test_what_opens_nothing(database: Database) -> None:
    with database.write() as tx:
        made, text = keys.create(tx, PEPPERS, "backend", ["read"])
    wrong = [
        "",
        "bk",
        "bk_",
        f"bk_{made.id}",
        f"bk_{made.id}_",
        text[:-1],
        text + "x",
        text.upper(),
        f"xx{text[2:]}",
        "bk_é_ü",
    ]
    with database.read() as tx:
        assert [keys.find(tx, PEPPERS, one) for one in wrong] == [None] * len(wrong)
        assert keys.find(tx, ("another pepper",), text) is None


def test_a_revoked_key_opens_nothing_any_more(database: Database) -> None:
    with database.write() as tx:
        made, text = keys.create(tx, PEPPERS, "backend", ["read"])
    with database.write() as tx:
        assert keys.revoke(tx, made.id)
        assert not keys.revoke(tx, made.id)
        assert not keys.revoke(tx, "nobody")
        assert keys.find(tx, PEPPERS, text) is None
        assert [key.revoked_at is not None for key in keys.every(tx)] == [True]


def test_a_pepper_can_be_replaced_without_new_keys(database: Database) -> None:
    with database.write() as tx:
        made, text = keys.create(tx, ("older",), "backend", ["read"])
        found = keys.find(tx, PEPPERS, text)
        assert found is not None
        assert found.stale
        keys.renew(tx, PEPPERS, made.id, text)
        again = keys.find(tx, ("newest",), text)
    assert again is not None
    assert not again.stale


def test_names_and_scopes_that_are_no_use(database: Database) -> None:
    with database.write() as tx, pytest.raises(Invalid) as refused:
        keys.create(tx, PEPPERS, "  ", ["read", "everything"])
    assert set(refused.value.errors) == {"name", "scopes"}
    with database.write() as tx, pytest.raises(Invalid):
        keys.create(tx, PEPPERS, "idle", [])
