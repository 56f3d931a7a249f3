"""Letters through a real mail server: who gets which, once; what goes wrong on the way; what is not sent any more."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from billing import Notice, signals
from billing.access.tokens import Unsubscribing, read_unsubscribe_token
from billing.base import outbox
from billing.base.addresses import Smtp
from billing.notices.channels import mail
from billing.notices.channels.mail import Envelope, Letter, message
from billing.notices.kinds import KINDS
from billing.notices.leasing import DELAYS
from billing.notices.values import Sending
from billing.testing import START, TestBilling
from jobs.scheduler import Scheduler
from tests.notices.receivers import FROM, PUBLIC, SECRETS, Mails, talking
from tests.notices.told import EVENTS, LOW, run, tell

pytestmark = pytest.mark.quick_on("sqlite")

A_FEW = ("credits.granted", {**EVENTS["granted"][1], "available": 100})
"""Fewer than the threshold of 20 %, but not none."""

NEXT_PERIOD = ("credits.granted", {**EVENTS["granted"][1], "cause": "allocation:si_1:price_pro:y"})


def only(billing: TestBilling) -> Notice:
    [notice] = billing.notices()
    return notice


def test_every_kind_of_event_comes_as_its_letter_and_no_other_does(billing: TestBilling, mails: Mails) -> None:
    for kind in EVENTS:
        tell(billing, kind)
        run(billing)
        expected = {"auto_topup_charged", "auto_topup_held_back", "auto_topup_paused"}  # for one cause one letter
        assert len(mails.taken) == 1 or kind in expected, kind
        assert [one.kind for one in billing.notices(limit=1)] == [kind] or kind in expected
        mails.taken.clear()
        billing.advance(by=timedelta(days=1))
    tell(billing, ("credits.granted", {"credits": 5, "cause": "grant:5"}), ("credits.expired", {"credits": 5}),
         ("debt.repaid", {"credits": 5, "owed": 7, "cause": "grant:5"}), ("dispute.opened", {"cents": 5}))  # fmt: skip
    tell(billing, "low", customer="nobody")
    run(billing)
    assert mails.taken == []


def test_a_letter_as_it_arrives(billing: TestBilling, mails: Mails) -> None:
    billing.customer("team_42", name="Müller & Söhne, Büro", locale="de")
    [event] = tell(billing, "low")
    run(billing)
    [letter] = mails.taken
    assert letter["Message-ID"] == f"<{event}.mail@cloud.example>"
    assert letter["From"] == FROM
    assert letter["To"].addresses[0].display_name == "Müller & Söhne, Büro"
    assert letter["Subject"].replace("\u00a0", " ") == "Noch 900 Credits"
    assert [part.get_content_type() for part in letter.iter_parts()] == ["text/plain", "text/html"]
    stop = letter["List-Unsubscribe"].strip("<>")
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    wish = read_unsubscribe_token(SECRETS, stop.removeprefix(f"{PUBLIC}/unsubscribe/"))
    assert wish == Unsubscribing("team_42", "low")
    text = letter.get_body(("plain",))
    assert text is not None and "20\u00a0% (1.000\u00a0Credits)" in text.get_content()
    tell(billing, "payment_failed")
    run(billing)
    assert mails.taken[1]["List-Unsubscribe"] is None


def test_no_header_is_made_of_what_people_are_called() -> None:
    letter = Letter("Hello\r\nBcc: everyone@example.com", "text\n.\nQUIT\n", "<p>html</p>")
    envelope = Envelope("evt_1", "a@b.example", "Eve\r\nBcc: all@example.com\u2028", START, None)
    made = message(letter, envelope, FROM)
    assert made["Bcc"] is None
    assert made["Subject"] == "Hello Bcc: everyone@example.com"
    assert made["To"].addresses[0].addr_spec == "a@b.example"
    assert b"\nBcc:" not in made.as_bytes()


def test_one_letter_for_one_cause(billing: TestBilling, mails: Mails) -> None:
    spend = {"cause": "spend:7"}
    tell(billing, ("credits.low", LOW), ("credits.exhausted", {**EVENTS["exhausted"][1], **spend}),
         ("debt.opened", {**EVENTS["debt_opened"][1], **spend}))  # fmt: skip
    tell(billing, "topup_paid", "auto_topup_charged")
    tell(billing, ("topup.failed", EVENTS["topup_failed"][1]), "auto_topup_held_back", "auto_topup_paused")
    tell(billing, "payment_failed")
    tell(billing, "payment_failed")  # the invoice's next attempt on the same day
    run(billing)
    assert sorted(one.kind or "" for one in billing.notices()) == [
        "auto_topup_charged", "auto_topup_paused", "debt_opened", "payment_failed",
    ]  # fmt: skip
    assert len(mails.taken) == 4
    billing.advance(by=timedelta(days=1))
    tell(billing, "payment_failed")
    run(billing)
    assert len(mails.taken) == 5


def test_what_bears_the_same_name_again_is_another_cause(billing: TestBilling, mails: Mails) -> None:
    """A threshold that is raised a second time, and a purchase that is given back in parts."""
    billing.grant("team_42", 1000, reason="welcome", key="g")
    for low in (1000, 2000):
        billing.set_wallet("team_42", low_balance=[low])
        run(billing)
        billing.set_wallet("team_42", low_balance=[0])
        billing.grant("team_42", 500, reason="more", key=f"more {low}")
        billing.advance(by=timedelta(days=1))
    assert [subject for subject in mails.subjects if "left" in subject] == ["1,000 credits left", "1,500 credits left"]


def test_spread_and_delivered_again_nothing_comes_twice(billing: TestBilling, mails: Mails) -> None:
    tell(billing, "granted", "low")
    run(billing)
    with billing.database.write() as tx:  # as if the mark had been lost
        tx.connection.execute(outbox.outbox.update().values(spread_at=None))
    run(billing)
    assert len(mails.taken) == len(billing.notices()) == 2


def test_who_does_not_want_it_gets_none_even_of_what_is_under_way(billing: TestBilling, mails: Mails) -> None:
    tell(billing, "low", "payment_failed")
    billing.spread_notices()
    billing.unsubscribe("team_42", "low")
    billing.unsubscribe("team_42", "low")
    tell(billing, ("credits.low", {**LOW, "cause": "spend:8"}), "unusual")
    run(billing)
    assert sorted(mails.subjects) == ["Unusual use: 8,200 credits in one day", "Your payment did not go through"]
    assert [(one.status, one.reason) for one in billing.notices(status="dropped")] == [
        ("dropped", "the customer does not want it any more")
    ]
    billing.unsubscribe("team_42")
    has = billing.notice_preferences("team_42").notices
    assert {name for name, wanted in has.items() if wanted} == {name for name, one in KINDS.items() if not one.optional}
    billing.set_notice_preferences("team_42", {"low": True})
    tell(billing, ("credits.low", {**LOW, "cause": "spend:9"}))
    run(billing)
    assert mails.subjects[2:] == ["900 credits left"]


def test_a_busy_server_is_tried_again_ever_later_and_then_staff_is_told(billing: TestBilling, mails: Mails) -> None:
    mails.answers = ["451 later"] * 100
    heard: list[Any] = []
    tell(billing, "payment_failed")
    with signals.review_needed.connected_to(lambda _, **fact: heard.append(fact)):
        run(billing)
        for delay in DELAYS["mail"]:
            assert (only(billing).status, only(billing).reason) == ("waiting", "the letter is refused: 451 later")
            billing.advance(by=timedelta(seconds=delay - 1))
            run(billing)
            assert only(billing).attempts == 100 - len(mails.answers)
            billing.advance(by=timedelta(seconds=1))
            run(billing)
    assert [one.status for one in billing.notices(channel="mail")] == ["given_up"]
    assert (
        timedelta(hours=20) < sum((timedelta(seconds=one) for one in DELAYS["mail"]), timedelta()) < timedelta(days=1)
    )
    assert heard[0]["customer"] == "team_42" and heard[0]["status"] == "given_up"
    mails.answers.clear()
    replayed = billing.replay_notice(billing.notices(status="given_up")[0].id)
    assert (replayed.status, len(mails.taken)) == ("sent", 1)


def test_a_refused_address_ends_it_at_once_and_holds_up_nobody(billing: TestBilling, mails: Mails) -> None:
    billing.customer("gone", email="gone@team.example")
    mails.refused = {"gone@team.example"}
    tell(billing, "low", customer="gone")
    tell(billing, "low")
    run(billing)
    [given_up] = billing.notices(status="given_up")
    assert (given_up.customer, given_up.attempts) == ("gone", 1)
    assert given_up.reason == "the address is refused: 550 5.1.1 nobody here by that name"
    assert mails.subjects == ["900 credits left"]


@pytest.mark.parametrize(
    ("kind", "then", "later", "reason"),
    [
        ("expiring", (), timedelta(days=7), "the credits have expired meanwhile"),
        ("low", (), timedelta(days=1, seconds=1), "it is older than 1 day"),
        ("low", ("exhausted",), timedelta(hours=1), "overtaken by credits.exhausted"),
        ("low", ("granted",), timedelta(hours=1), "overtaken by credits.granted"),
        ("exhausted", ("granted",), timedelta(hours=1), "overtaken by credits.granted"),
        ("exhausted", (A_FEW,), timedelta(hours=1), "overtaken by credits.granted"),
        ("low", ("auto_topup_charged",), timedelta(minutes=1), "overtaken by auto_topup.charged"),
        ("topup_pending", ("topup_paid",), timedelta(hours=1), "overtaken by topup.paid"),
        ("low", ("exhausted",), timedelta(), "overtaken by credits.exhausted"),
        ("granted", (NEXT_PERIOD,), timedelta(), "overtaken by credits.granted"),
        ("debt_opened", ("debt_repaid",), timedelta(hours=1), "overtaken by debt.repaid"),
        ("auto_topup_held_back", ("auto_topup_charged",), timedelta(hours=1), "overtaken by auto_topup.charged"),
    ],
)
def test_what_would_come_too_late_is_not_sent(
    billing: TestBilling, mails: Mails, kind: str, then: tuple[Any, ...], later: timedelta, reason: str
) -> None:
    tell(billing, kind)
    billing.advance(by=later)
    tell(billing, *then)
    run(billing)
    assert [one.reason for one in billing.notices(status="dropped")] == [reason]
    assert len(mails.taken) == len(then)


def test_what_happened_later_counts_though_it_is_told_first(billing: TestBilling, mails: Mails) -> None:
    later = {**EVENTS["granted"][1], "effective_at": "2025-01-01T00:00:00Z", "cause": "grant:9"}
    tell(billing, ("credits.granted", later), "low")
    run(billing)
    assert (only(billing).reason, mails.taken) == ("overtaken by credits.granted", [])


def test_what_jobs_tell_late_is_told_as_it_stands_by_then(billing: TestBilling, mails: Mails) -> None:
    """An end crosses 500, and what is done next crosses 0, or brings new credits; all of it is told at once."""
    billing.customer("ada", email="ada@other.example")
    begin = billing.now
    for customer, later in (("team_42", None), ("ada", begin + timedelta(days=2))):
        billing.set_wallet(customer, low_balance=[500, 0])
        billing.grant(customer, 1000, reason="-", key="ends", expires_at=begin + timedelta(days=1))
        billing.grant(customer, 400, reason="-", key="stays")
        billing.grant(customer, 9000, reason="-", key="begins", effective_at=later or begin + timedelta(days=99))
    billing.clock.move(begin + timedelta(days=3))
    billing.spend("team_42", 400, key="s")
    while billing.catch_up():
        pass
    run(billing)
    assert mails.subjects == ["You are out of credits"]
    assert {(one.customer, one.reason) for one in billing.notices(status="dropped")} == {
        ("team_42", "overtaken by credits.exhausted"), ("ada", "overtaken by new credits"),
    }  # fmt: skip
    billing.spend("ada", 8950, key="s")
    run(billing)
    assert mails.subjects[1:] == ["450 credits left"]


def test_a_server_that_is_not_there_is_left_alone_for_a_while(billing: TestBilling, mails: Mails) -> None:
    billing.sending = Sending(Smtp("127.0.0.1", 1), FROM, public_url=PUBLIC, secrets=SECRETS)
    for number in range(10):
        billing.customer(f"c{number}", email=f"c{number}@team.example")
        tell(billing, "granted", customer=f"c{number}")
    run(billing)
    assert sum(one.attempts for one in billing.notices()) == 3
    billing.sending = mails.sending()
    run(billing)
    assert mails.taken == []
    billing.advance(by=timedelta(minutes=2))
    run(billing)
    assert len(mails.taken) == 10


def test_servers_that_drop_or_drip_cost_no_more_than_their_time(
    billing: TestBilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drip(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"2")
            time.sleep(0.05)

    tell(billing, "low")
    billing.spread_notices()
    with talking(lambda connection: connection.sendall(b"220 hello\r\n")) as port:
        billing.sending = Sending(Smtp("127.0.0.1", port), FROM, public_url=PUBLIC, secrets=SECRETS)
        billing.deliver_notices()
        assert only(billing).reason == "the mail server cut the connection: SMTPServerDisconnected"
    billing.advance(by=timedelta(minutes=1))
    monkeypatch.setattr(mail, "SECONDS", 0.4)
    with talking(drip) as port:
        billing.sending = Sending(Smtp("127.0.0.1", port), FROM, public_url=PUBLIC, secrets=SECRETS)
        began = time.monotonic()
        billing.deliver_notices()
        assert time.monotonic() - began < 5
        assert "longer than" in str(only(billing).reason)


def test_without_a_mail_server_nothing_waits_and_it_is_said_once(make_billing: Callable[..., TestBilling]) -> None:
    billing = make_billing()
    billing.customer("team_42", email="a@b.example")
    tell(billing, "low")
    run(billing)
    tell(billing, "low")
    run(billing)
    assert billing.notices() == []
    with capture_logs() as said:
        Scheduler(billing, {}).start().stop()
    assert [one["reason"] for one in said if one["event"] == "no_mail"] == [billing.sending.no_mail]
