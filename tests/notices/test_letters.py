"""Letters: each kind of event has one, in both languages, with the figures, the zone and one thing to do."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.access.tokens import read_portal_link
from billing.base.addresses import Smtp
from billing.base.readers import Reader
from billing.catalog.loading import parse
from billing.catalog.terms import Catalog
from billing.credits.values import Customer
from billing.notices.channels.mail import Letter
from billing.notices.kinds import EVENTS as ALL_EVENTS
from billing.notices.kinds import KINDS
from billing.notices.letters.writing import Desk, write
from billing.notices.values import Event, Sending
from tests.notices.receivers import FROM, PUBLIC, SECRETS
from tests.notices.told import CATALOG, EVENTS

NOW = datetime(2025, 1, 1, tzinfo=UTC)

LETTERS: dict[str, tuple[str, str, str, tuple[str, ...], tuple[str, ...]]] = {
    # kind: subject, Betreff, page, in the English text, im deutschen Text
    "low": (
        "900 credits left",
        "Noch 900 Credits",
        "topup",
        ("Thresholds reached: 20% (1,000 credits), 950 credits", "1 Jan 2025, 00:00 CET"),
        ("20 % (1.000 Credits)", "1. Jan. 2025, 00:00 CET"),
    ),
    "exhausted": (
        "You are out of credits",
        "Ihre Credits sind aufgebraucht",
        "topup",
        ("Also below: 20% (1,000 credits)",),
        ("20 % (1.000 Credits)",),
    ),
    "expiring": (
        "1,234 credits expire on 8 Jan 2025",
        "1.234 Credits verfallen am 8. Jan. 2025",
        "wallet",
        ("Small, until 8 Jan 2025, 00:00 CET: 1,000 credits", "234 credits"),
        ("bis 9. Jan. 2025, 00:00 CET",),
    ),
    "running_out": (
        "At today’s pace your credits last until 6 Jan 2025",
        "Bei diesem Tempo reichen Ihre Credits bis 6. Jan. 2025",
        "topup",
        ("in 5 days", "about 410 credits", "6 Jan 2025, 10:30 CET"),
        ("in 5 Tagen", "etwa 410 Credits"),
    ),
    "unusual": (
        "Unusual use: 8,200 credits in one day",
        "Ungewöhnlicher Verbrauch: 8.200 Credits an einem Tag",
        "activity",
        ("30 Dec 2024", "20 times"),
        ("30. Dez. 2024", "20-mal"),
    ),
    "granted": (
        "5,000 credits have arrived",
        "5.000 Credits sind da",
        "wallet",
        ("5,400 credits", "since 1 Jan 2025, 00:00 CET"),
        ("5.400 Credits",),
    ),
    "payment_failed": (
        "Your payment did not go through",
        "Ihre Zahlung ist fehlgeschlagen",
        "plans",
        ("in_7",),
        ("in_7",),
    ),
    "debt_opened": ("You owe 120 credits", "120 Credits sind offen", "topup", ("120",), ("120",)),
    "debt_repaid": (
        "What you owed is settled",
        "Ihr Minus ist ausgeglichen",
        "wallet",
        ("880 credits",),
        ("880 Credits",),
    ),
    "topup_paid": (
        "Your top-up: 1,000 credits",
        "Ihre Aufladung: 1.000 Credits",
        "wallet",
        ("Small", "$25.00"),
        ("Small", "25,00 $"),
    ),
    "topup_pending": (
        "Your top-up is on its way: 1,000 credits",
        "Ihre Aufladung ist unterwegs: 1.000 Credits",
        "wallet",
        ("$25.00",),
        ("25,00 $",),
    ),
    "topup_failed": (
        "Your top-up did not go through",
        "Ihre Aufladung ist fehlgeschlagen",
        "topup",
        ("$25.00",),
        ("25,00 $",),
    ),
    "topup_refunded": (
        "Your refund: $25.00",
        "Ihre Erstattung: 25,00 $",
        "wallet",
        ("1,000 credits",),
        ("1.000 Credits",),
    ),
    "auto_topup_charged": (
        "Topped up automatically: 1,000 credits for $25.00",
        "Automatisch aufgeladen: 1.000 Credits für 25,00 $",
        "auto-topup",
        ("saved card",),
        ("Karte",),
    ),
    "auto_topup_held_back": (
        "Not topped up: your automatic top-up is held back",
        "Nicht aufgeladen: die automatische Aufladung ruht",
        "topup",
        ("past the most", "$25.00", "1 Jan 2025, 00:00 CET"),
        ("höchstens",),
    ),
    "auto_topup_paused": (
        "Your automatic top-up is paused",
        "Ihre automatische Aufladung ist angehalten",
        "auto-topup",
        ("3 times", "Your card was declined."),
        ("3-mal",),
    ),
}


def letter(kind: str, locale: str | None, name: str = "Team 42", catalog: Catalog = CATALOG, **other: Any) -> Letter:
    """What is told of that kind, but for what is `other`."""
    customer = Customer("team_42", name, "ada@team.example", locale, "Europe/Berlin", {}, NOW)
    sending = Sending(Smtp("127.0.0.1", 25), FROM, public_url=PUBLIC, secrets=SECRETS)
    type_, facts = EVENTS[kind]
    event = Event("evt_1", type_, "team_42", {"customer": "team_42", "unit": "credits"} | facts | other, NOW)
    return write(Desk(sending, catalog, NOW), KINDS[kind], event, customer)[0]


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_every_kind_is_in_the_tables() -> None:
    assert set(LETTERS) == set(KINDS) == set(EVENTS)
    assert {kind.event for kind in KINDS.values()} <= set(ALL_EVENTS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["en", "de"])
def test_each_says_what_happened_and_what_to_do(kind: str, language: str) -> None:
    subject, betreff, page, english, german = LETTERS[kind]
    made = letter(kind, language)
    assert plain(made.subject) == (subject if language == "en" else betreff)
    for figure in english if language == "en" else german:
        assert figure in plain(made.text), figure
        assert figure.split(": ")[0] in plain(made.html), figure
    _, _, link = made.text.partition(":\nhttps://billing.example.com/portal/")
    token, _, path = link.split()[0].partition("/")
    opened = read_portal_link(SECRETS, token, NOW)
    assert not isinstance(opened, str) and (opened.customer, opened.page) == ("team_42", page)
    assert path == ("" if page == "wallet" else page)
    assert f'href="{PUBLIC}/portal/{token}' in made.html
    assert ("/unsubscribe/" in made.text) is ("/unsubscribe/" in made.html) is KINDS[kind].optional
    assert f'<html lang="{language}">' in made.html
    assert not re.search(r"None|Undefined|\{[{%]", made.text + made.html)


def test_what_a_customer_is_called_stays_text() -> None:
    html = letter("low", "en", name="<script>alert(1)</script> & Co").html
    assert "<script>" not in html and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Co" in html


@pytest.mark.parametrize(
    ("kind", "other", "subject", "betreff"),
    [
        ("low", {"available": 1}, "1 credit left", "Noch 1 Credit"),
        ("expiring", {"credits": 1}, "1 credit expires on 8 Jan 2025", "1 Credit verfällt am 8. Jan. 2025"),
        ("granted", {"credits": 1}, "1 credit has arrived", "1 Credit ist da"),
        ("granted", {"credits": 1, "unit": "tokens"}, "0.01 tokens have arrived", "0,01 tokens sind da"),
        ("debt_opened", {"owed": 1}, "You owe 1 credit", "1 Credit ist offen"),
    ],
)
def test_one_is_not_many(kind: str, other: dict[str, Any], subject: str, betreff: str) -> None:
    assert plain(letter(kind, "en", **other).subject) == subject
    assert plain(letter(kind, "de", **other).subject) == betreff


def test_what_can_not_be_bought_is_not_offered() -> None:
    for kind in ("low", "exhausted", "running_out", "debt_opened"):
        for language in ("en", "de"):
            made = letter(kind, language, catalog=parse(""))
            assert not re.search("[Tt]op up|[Ll]aden Sie|Aufladen", made.text + made.html), kind
            assert ("Open your wallet" if language == "en" else "Konto öffnen") in made.html


def test_what_people_write_stays_on_its_line() -> None:
    said = "First\nUnsubscribe: https://evil.example \u202e" + "long " * 100
    buckets = [{"bucket": "bkt_1_1", "credits": 1000, "ends_at": "2025-01-07T23:00:00Z", "description": said}]
    text = plain(letter("expiring", "en", buckets=buckets).text)
    assert re.search(
        r"^First Unsubscribe: https://evil.example long [^\n]{1,40}…, until 8 Jan 2025, 00:00 CET: 1,000 credits$",
        text,
        re.MULTILINE,
    )


@pytest.mark.parametrize(
    ("locale", "timezone", "midnight", "money"),
    [
        ("en", "Europe/Berlin", "1 Jan 2025, 00:00 CET", "$1,234.50"),
        ("de-AT", "Europe/Vienna", "1. Jän. 2025, 00:00 CET", "$ 1.234,50"),
        ("de_DE", "America/New_York", "31. Dez. 2024, 18:00 EST", "1.234,50 $"),
        ("en-GB", "Asia/Kolkata", "1 Jan 2025, 04:30 IST", "US$1,234.50"),
        ("fr_FR", "America/Sao_Paulo", "31 Dec 2024, 20:00 UTC-03", "$1,234.50"),
        ("nonsense!", "Mars/Olympus", "31 Dec 2024, 23:00 UTC", "$1,234.50"),
        ("xx", "Europe/Berlin", "1 Jan 2025, 00:00 CET", "$1,234.50"),  # well formed, of no language there is
        ("de_XX", "Europe/Berlin", "1. Jan. 2025, 00:00 CET", "1.234,50 $"),
        (None, "../../etc/passwd", "31 Dec 2024, 23:00 UTC", "$1,234.50"),
    ],
)
def test_one_instant_in_each_readers_words(locale: str | None, timezone: str, midnight: str, money: str) -> None:
    reader = Reader.of(locale, timezone)
    assert reader.time(datetime(2024, 12, 31, 23, tzinfo=UTC)) == midnight
    assert plain(reader.money(123450, "usd")) == money
    assert Reader.of("de", None).money(1000, "jpy").replace("\u00a0", " ") == "1.000 ¥"
    assert Reader.of("de", None).credits(1234567, 2) == "12.345,67"
    assert (Reader.of("en", None).percent("12.5"), plain(Reader.of("de", None).percent("12.5"))) == ("12.5%", "12,5 %")
