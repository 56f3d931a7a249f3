"""Staff: links that work once, sessions that end, attempts that are counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from billing import Invalid
from billing.access import passwords, signing_in, staff
from billing.access.signing_in import OF_ACCOUNT, TooMany
from billing.testing import TestBilling

pytestmark = pytest.mark.quick_on("sqlite")

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRETS = ("newest", "older")
EMAIL, PASSWORD = "ann@example.com", "correct horse battery"


@pytest.fixture
def billing(make_billing: object) -> TestBilling:
    found: TestBilling = make_billing()  # type: ignore[operator]
    return found


def member(billing: TestBilling, email: str = EMAIL, role: str = "reviewer") -> staff.Staff:
    with billing.database.write() as tx:
        _, token = staff.add(tx, email, role, NOW)
    made = staff.set_password(billing.database, token, PASSWORD, NOW)
    assert made is not None
    return made


def enter(billing: TestBilling, password: str = PASSWORD, at: datetime = NOW, email: str = EMAIL,
          address: str = "10.0.0.1") -> object:  # fmt: skip
    return signing_in.sign_in(billing.database, SECRETS, email, password, address, at)


def cookie(billing: TestBilling, at: datetime = NOW) -> str:
    answer = enter(billing, at=at)
    assert isinstance(answer, tuple)
    return str(answer[1])


def who(billing: TestBilling, cookie: str, at: datetime, secrets: tuple[str, ...] = SECRETS) -> str | None:
    found = signing_in.who(billing.database, secrets, cookie, at)
    return None if found is None else found.email


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real hashing, with less work in it."""
    from argon2 import PasswordHasher

    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)
    passwords._nobody.cache_clear()


def test_a_link_sets_a_password_once(billing: TestBilling) -> None:
    with billing.database.write() as tx:
        made, token = staff.add(tx, " Ann@Example.com", "viewer", NOW)
    assert (made.email, made.role, made.ready) == (EMAIL, "viewer", False)
    assert enter(billing, "") is None
    with pytest.raises(Invalid, match="12 to 1,024"):
        staff.set_password(billing.database, token, "short", NOW)
    with pytest.raises(Invalid, match="too easy"):
        staff.set_password(billing.database, token, "aaaaaaaaaaaaaaaa", NOW)
    assert staff.set_password(billing.database, "another", PASSWORD, NOW) is None
    assert staff.set_password(billing.database, token, PASSWORD, NOW + staff.LINK_LIFETIME) is None
    assert staff.set_password(billing.database, token, PASSWORD, NOW) is not None
    assert staff.set_password(billing.database, token, PASSWORD + "2", NOW) is None
    assert isinstance(enter(billing), tuple)


@pytest.mark.database("sqlite")
def test_a_password_is_kept_as_argon2_alone(billing: TestBilling) -> None:
    member(billing)
    with billing.database.read() as tx:
        row = tx.connection.exec_driver_sql("SELECT password, link FROM billing_staff").one()
    assert row.password.startswith("$argon2id$")
    assert row.link is None


def test_who_is_there_already_and_who_is_nobody(billing: TestBilling) -> None:
    member(billing)
    with billing.database.write() as tx:
        for email, role, said in ((EMAIL, "viewer", "there already"), ("ann", "viewer", "e-mail"),
                                  ("bob@example.com", "boss", "one of")):  # fmt: skip
            with pytest.raises(Invalid, match=said):
                staff.add(tx, email, role, NOW)
        with pytest.raises(Invalid, match="Nobody here"):
            staff.disable(tx, "bob@example.com", NOW)
        staff.set_role(tx, EMAIL, "admin")
        assert [(one.email, one.role) for one in staff.every(tx)] == [(EMAIL, "admin")]


@pytest.mark.database("sqlite")
def test_each_role_may_what_those_before_it_may(billing: TestBilling) -> None:
    reviewer = member(billing)
    assert [reviewer.may(role) for role in staff.ROLES] == [True, True, False, False]


def test_a_session_rolls_on_and_ends(billing: TestBilling) -> None:
    member(billing)
    held = cookie(billing)
    at = NOW
    while at < NOW + signing_in.LONGEST - timedelta(hours=1):
        assert who(billing, held, at) == EMAIL
        at += timedelta(hours=1)
    assert who(billing, held, NOW + signing_in.LONGEST) is None, "the absolute end"
    idle = cookie(billing)
    assert who(billing, idle, NOW + signing_in.IDLE - timedelta(seconds=1)) == EMAIL
    assert who(billing, cookie(billing), NOW + signing_in.IDLE) is None


def test_a_cookie_that_was_not_signed_here_opens_nothing(billing: TestBilling) -> None:
    member(billing)
    held = cookie(billing)
    assert who(billing, held, NOW, ("newer", *SECRETS)) == EMAIL
    assert who(billing, held, NOW, ("another",)) is None
    at = len(held) - 5  # within the signature; some bits of its last sign mean nothing
    assert who(billing, held[:at] + ("a" if held[at] != "a" else "b") + held[at + 1 :], NOW) is None
    assert who(billing, "", NOW) is None


def test_sessions_end_by_sign_out_by_a_new_password_and_with_the_member(billing: TestBilling) -> None:
    member(billing)
    first, second = cookie(billing), cookie(billing)
    signing_in.sign_out(billing.database, SECRETS, first, NOW)
    assert (who(billing, first, NOW), who(billing, second, NOW)) == (None, EMAIL)
    with billing.database.write() as tx:
        token = staff.new_link(tx, EMAIL, NOW)
    assert who(billing, second, NOW) == EMAIL
    staff.set_password(billing.database, token, PASSWORD, NOW)
    assert who(billing, second, NOW) is None
    third = cookie(billing)
    with billing.database.write() as tx:
        staff.disable(tx, EMAIL, NOW)
    assert who(billing, third, NOW) is None
    assert enter(billing) is None
    with billing.database.write() as tx:
        with pytest.raises(Invalid, match="was disabled"):
            staff.new_link(tx, EMAIL, NOW)
        staff.add(tx, EMAIL, "viewer", NOW)
    assert enter(billing) is None, "let in again, with a password of before"


def test_attempts_are_counted_by_account_and_by_address(billing: TestBilling) -> None:
    member(billing)
    for number in range(OF_ACCOUNT):
        assert enter(billing, "wrong", address=f"10.0.1.{number}") is None
        assert enter(billing, "wrong", email="nobody@example.com", address=f"10.0.2.{number}") is None
    held, nobody = enter(billing), enter(billing, email="nobody@example.com")
    assert held == nobody == TooMany(900), "an e-mail that is nobody's is held back alike"
    later = NOW + signing_in.WINDOW
    assert isinstance(enter(billing, at=later), tuple)
    for _ in range(OF_ACCOUNT):
        assert isinstance(enter(billing, at=later), tuple), "who gets in is counted anew"
    for number in range(signing_in.OF_ADDRESS):
        enter(billing, "wrong", later, f"{number}@example.com", "10.0.3.1")
    assert isinstance(enter(billing, at=later, address="10.0.3.1"), TooMany)


@pytest.mark.database("sqlite")
def test_an_unknown_e_mail_takes_as_long(billing: TestBilling, monkeypatch: pytest.MonkeyPatch) -> None:
    from argon2 import PasswordHasher

    compared: list[str] = []

    class Counted(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
            compared.append(str(hash).rpartition("p=1$")[0])
            return super().verify(hash, password)

    hasher = Counted(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)
    member(billing)
    with billing.database.write() as tx:
        staff.add(tx, "new@example.com", "viewer", NOW)
    for email in (EMAIL, "nobody@example.com", "new@example.com"):
        assert enter(billing, "wrong", email=email) is None
    assert len(compared) == 3
    assert len(set(compared)) == 1, "each with the same work in it"
