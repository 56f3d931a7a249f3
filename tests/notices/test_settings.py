"""What the environment says about sending: read whole, wrong things said with what to do; and staff, by apprise."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from billing import Invalid, Sending
from billing.base import outbox
from billing.base.addresses import Smtp
from billing.base.settings import Settings, SettingsInvalid
from billing.testing import TestBilling
from tests.notices.receivers import Hooks
from tests.notices.told import run, tell

LOADING_APPRISE = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""It loads a hundred services, and takes its time."""

GOOD = {"SECRET_KEYS": "a-secret", "PUBLIC_URL": "https://billing.example.com"}


@pytest.mark.parametrize(
    ("url", "smtp"),
    [
        ("smtp://mail.example.com", Smtp("mail.example.com", 25)),
        ("smtp://mail.example.com:2525", Smtp("mail.example.com", 2525)),
        ("smtp://me%40x:p%3Aw@mail.example.com?starttls", Smtp("mail.example.com", 587, "starttls", "me@x", "p:w")),
        ("smtps://me:pw@mail.example.com", Smtp("mail.example.com", 465, "tls", "me", "pw")),
        ("smtp://me:pw@localhost:1025", Smtp("localhost", 1025, "plain", "me", "pw")),
    ],
)
def test_mail_servers(url: str, smtp: Smtp) -> None:
    settings = Settings.from_env(GOOD | {"SMTP_URL": url, "MAIL_FROM": "Example <billing@example.com>"})
    assert settings.smtp == smtp
    assert Sending.of(settings).no_mail is None
    assert "pw" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "name", "said"),
    [
        ({"SMTP_URL": "mail.example.com", "MAIL_FROM": "a@b.example"}, "SMTP_URL", "smtp://host:25"),
        ({"SMTP_URL": "smtp://u:secret@mail.example.com", "MAIL_FROM": "a@b.example"}, "SMTP_URL", "unprotected"),
        ({"SMTP_URL": "smtp://mail.example.com"}, "MAIL_FROM", "not set"),
        ({"MAIL_FROM": "billing at example.com"}, "MAIL_FROM", "billing@example.com"),
        ({"MAIL_FROM": "a@b.example, c@d.example"}, "MAIL_FROM", "billing@example.com"),
        ({"ALLOW_PRIVATE_WEBHOOKS": "10.0.0.0/33"}, "ALLOW_PRIVATE_WEBHOOKS", "networks and hosts"),
        pytest.param(
            {"STAFF_NOTIFY_URLS": "json://127.0.0.1,slakc://x"},
            "STAFF_NOTIFY_URLS",
            "place 2",
            marks=[pytest.mark.slow, LOADING_APPRISE],
        ),
    ],
)
def test_what_is_wrong_is_said(given: dict[str, str], name: str, said: str) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        Settings.from_env(GOOD | given)
    assert list(invalid.value.errors) == [name]
    assert said in " ".join(invalid.value.errors[name])
    assert "secret" not in str(invalid.value)


def test_private_places_and_none() -> None:
    named = ("10.0.0.0/8", "hooks.internal")
    for text, places in (("true", ("*",)), ("false", ()), ("", ()), (",".join(named), named)):
        assert Settings.from_env(GOOD | {"ALLOW_PRIVATE_WEBHOOKS": text}).allow_private_webhooks == places
    settings = Settings.from_env({"SMTP_URL": "smtp://localhost", "MAIL_FROM": "a@b.example"}, demo=True)
    assert "SECRET_KEYS" in str(Sending.of(settings).no_mail)
    assert "SMTP_URL" in str(Sending.of(Settings.from_env(GOOD)).no_mail)


@pytest.mark.slow
@LOADING_APPRISE
@pytest.mark.database("sqlite")
def test_staff_hears_what_it_must_see(make_billing: Callable[..., TestBilling], hooks: Hooks) -> None:
    """By apprise's own way to post JSON, to a server here."""
    billing = make_billing()
    billing.customer("team_42")
    billing.sending = Sending(staff_urls=(f"json://127.0.0.1:{hooks.port}/staff", "json://127.0.0.1:1/nobody"))
    tell(billing, "auto_topup_paused", ("dispute.opened", {"dispute": "dp_1", "cents": 2500, "currency": "usd"}), "low")
    with billing.database.write() as tx:
        outbox.tell(tx, ("review.needed", {"object": "price_9", "reason": "no plan names\nit"}))
    run(billing)
    said = {one["title"]: one["message"] for one in (json.loads(body) for _, _, body in hooks.calls)}
    assert set(said) == {
        "Automatic top-up is paused: team_42", "A payment is disputed: team_42", "Something needs a look",
    }  # fmt: skip
    assert "reason: no plan names it" in said["Something needs a look"]
    assert "/finance/customers/team_42" in said["A payment is disputed: team_42"]
    waiting = billing.notices(status="waiting")
    assert len(waiting) == 3 and {one.reason for one in waiting} == {"apprise could not deliver it"}
    billing.sending = Sending()
    billing.advance(by=timedelta(minutes=10))
    run(billing)
    assert {one.reason for one in billing.notices(status="dropped")} == {"STAFF_NOTIFY_URLS does not name it any more"}


@pytest.mark.quick_on("sqlite")
def test_what_mail_can_not_be_sent_to_is_no_customers_address(make_billing: Callable[..., TestBilling]) -> None:
    billing = make_billing()
    for good in ("ada@team.example", "a.b+c_d@x-y.example", "o'brien@xn--exmple-cua.example"):
        assert billing.customer("team_42", email=good).email == good
    for bad in (
        "ada", "ada@", "@b.example", "a@b@c.example", "a b@c.example", "ada@exämple.de", "a@b.example, c@d.example",
        "Ada <ada@b.example>", "a@b.example\u202e", "a..b@c.example", "x" * 65 + "@b.example",
    ):  # fmt: skip
        with pytest.raises(Invalid) as refused:
            billing.customer("team_42", email=bad)
        assert "such as ada@example.com" in refused.value.errors["email"][0], bad
    assert billing.find_customer("team_42").email == "o'brien@xn--exmple-cua.example"
