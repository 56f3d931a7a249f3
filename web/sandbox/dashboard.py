"""What a merchant does in the Dashboard, and what a buyer's bank does: the acts that no request of the interface does.

sandbox.dashboard.refund("pi_…", 400)
dispute = sandbox.dashboard.dispute("ch_…", inquiry=True)
sandbox.dashboard.judge(dispute["id"], "escalate")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from web.sandbox import clock
from web.sandbox.errors import Refused
from web.sandbox.resources import (
    bank_debits,
    cards,
    checkout,
    collecting,
    credit_notes,
    customers,
    disputes,
    leaving,
    parts,
    pausing,
    payment_methods,
    prices,
    refunds,
    subscriptions,
    webhook_endpoints,
)
from web.sandbox.store import Object
from web.sandbox.work import Work, shown

Opening = Callable[[], AbstractContextManager[Work]]

_BECOMES: dict[str, Callable[[Work, Object], Object]] = {
    "succeed": refunds.succeed,
    "fail": refunds.fail,
    "cancel": refunds.cancel,
}
_JUDGED: dict[str, Callable[[Work, Object], Object]] = {
    "respond": lambda work, dispute: disputes.respond(work, dispute, {}, submit=True),
    "close": disputes.close,
    "lose": disputes.lose,
}
_JUDGED_FOR: dict[str, Callable[[Work, Object, int | None], Object]] = {
    "escalate": disputes.escalate,
    "win": disputes.win,
    "reinstate": disputes.reinstate,
}
_SUBSCRIBED: dict[str, Callable[[Work, Object], object]] = {
    "cancel": lambda work, one: collecting.stop(work, one, "cancellation_requested", prorate=False, invoice_now=False),
    "end": lambda work, one: subscriptions.change(work, one, {"cancel_at_period_end": True}),
    "keep": lambda work, one: subscriptions.change(work, one, {"cancel_at_period_end": False}),
    "pause": pausing.pause,
    "resume": pausing.resume,
}
JUDGEMENTS = (*_JUDGED, *_JUDGED_FOR)


class Dashboard:
    """All of it answers with the object as it is afterwards; `Refused` where it cannot be done."""

    def __init__(self, opening: Opening, wake: Callable[[], None]) -> None:
        self._opening, self._wake = opening, wake

    def refund(
        self, payment: str, amount: int | None = None, *, status: str | None = None, fails: bool | None = None
    ) -> Object:
        """Of a charge or a payment intent, all that is left or so much. With `status` `pending` it arrives, or with
        `fails` fails, a day later; with `requires_action` when it is told to.
        """
        if status not in (None, *refunds.STATUSES):
            raise Refused(f"status is one of {', '.join(refunds.STATUSES)}", param="status")
        if amount is not None and amount < 1:
            raise Refused("This value must be greater than or equal to 1.", param="amount")
        with self._act() as work:
            charge = _charge(work, payment)
            return shown(refunds.make(work, charge, amount, status=status, fails=fails))

    def settle_refund(self, refund: str, how: str) -> Object:
        """`succeed`, `fail` or `cancel`, before its time."""
        with self._act() as work:
            return shown(_named(_BECOMES, how, "how")(work, work.addressed("refund", refund, "refund")))

    def dispute(
        self, payment: str, *, inquiry: bool = False, amount: int | None = None, reason: str = "fraudulent"
    ) -> Object:
        """A charge, or a payment intent's, wholly or by so much."""
        with self._act() as work:
            charge = _charge(work, payment)
            return shown(disputes.make(work, charge, inquiry=inquiry, amount=amount, reason=reason))

    def judge(self, dispute: str, how: str, amount: int | None = None) -> Object:
        """`respond`, `escalate` an inquiry, `win`, `lose`, `close`, or `reinstate` after a loss; by so much if it is a
        part only that comes or goes.
        """
        with self._act() as work:
            found = work.addressed("dispute", dispute, "dispute")
            if how in _JUDGED_FOR:
                return shown(_JUDGED_FOR[how](work, found, amount))
            return shown(_named(_JUDGED, how, "how")(work, found))

    def save_account(self, customer: str, currency: str = "usd") -> Object:
        """The customer lets a bank account be debited from now on: it is their default."""
        with self._act() as work:
            whose = customers.living(work, customer)
            account = bank_debits.method(work, currency, {"email": whose["email"], "name": "Buyer"})
            payment_methods.attach(work, account, whose)
            customers.change(work, whose, {"invoice_settings": {"default_payment_method": account["id"]}})
            return shown(account)

    def arrive(self, intent: str, *, fails: bool = False) -> Object:
        """What the bank says of a payment by debit, days later: it has paid, or not."""
        with self._act() as work:
            found = work.addressed("payment_intent", intent, "intent")
            if found["status"] != "processing":
                raise Refused(f"This PaymentIntent is {found['status']}: its bank says nothing.")
            (bank_debits.fail if fails else bank_debits.arrive)(work, found)
            return shown(found)

    def authenticate(self, intent: str, *, fails: bool = False) -> Object:
        """The buyer whose action a payment intent requires has told their bank that it is they, or could not."""
        with self._act() as work:
            found = work.addressed("payment_intent", intent, "intent")
            collecting.authenticate(work, found, fails=fails)
            return shown(found)

    def after_retries(self, then: str | None = None) -> str:
        """What becomes of a subscription whose card has failed for good: `cancel` (as it is set at first), `unpaid`, or
        `past_due` as it was. Said without a word, what is set.
        """
        if then not in (None, *collecting.THEN):
            raise Refused(f"then is one of {', '.join(collecting.THEN)}", param="then")
        with self._act() as work:
            if then is not None:
                work.rows.set_setting(collecting.AFTER_RETRIES, then)
            return work.rows.setting(collecting.AFTER_RETRIES) or collecting.THEN[0]

    def pay_in_parts(self, invoice: str, amounts: list[int], card: str = "4242424242424242") -> Object:
        """Several payments on an open invoice, one for each amount."""
        known = cards.numbered(card)
        if known is None:
            raise Refused("There is no such test card.", param="card")
        with self._act() as work:
            found = work.addressed("invoice", invoice, "invoice")
            return shown(parts.pay(work, found, payment_methods.make(work, known), amounts))

    def expire(self, session: str) -> Object:
        """An open Checkout session ends before its time."""
        with self._act() as work:
            return shown(checkout.expire(work, work.addressed("checkout.session", session, "session")))

    def subscription(self, subscription: str, how: str) -> Object:
        """`cancel` now, `end` with its period, `keep` it after all, `pause` or `resume` it."""
        if how not in _SUBSCRIBED:
            raise Refused(f"how is one of {', '.join(_SUBSCRIBED)}", param="how")
        with self._act() as work:
            found = work.addressed("subscription", subscription, "subscription")
            if found["status"] in subscriptions.ENDED:
                raise Refused("This subscription has ended.", param="subscription")
            _SUBSCRIBED[how](work, found)
            return shown(found)

    def credit_note(self, invoice: str, amount: int, *, to: str = "card") -> Object:
        """Of what was paid so much goes back, to the `card` or to the customer's `balance`; of an open invoice so much
        less is to be paid.
        """
        ways = {"card": "refund_amount", "balance": "credit_amount"}
        if to not in ways:
            raise Refused(f"to is one of {', '.join(ways)}", param="to")
        with self._act() as work:
            found = work.addressed("invoice", invoice, "invoice")
            after = max(0, amount - int(found["amount_remaining"]))
            given = {"amount": amount, **({ways[to]: after} if after else {})}
            return shown(credit_notes.make(work, found, given))

    def delete_customer(self, customer: str) -> Object:
        """With all that they are subscribed to."""
        with self._act() as work:
            return leaving.leave(work, customers.living(work, customer))

    def change_price(self, price: str, unit_amount: int) -> Object:
        """The price is archived, and a new one takes its place and its lookup key: the new one."""
        with self._act() as work:
            old = work.addressed("price", price)
            words = ("currency", "lookup_key", "metadata", "nickname", "product", "tax_behavior")
            given = {name: old[name] for name in words if old[name] is not None}
            if old["recurring"]:
                given["recurring"] = {name: old["recurring"][name] for name in ("interval", "interval_count")}
            made = prices.make(work, {**given, "unit_amount": unit_amount, "transfer_lookup_key": True})
            prices.change(work, old, {"active": False})
            return shown(made)

    def roll_secret(self, endpoint: str, *, overlap: int = 24 * 60 * 60) -> str:
        """A new signing secret; the old one is good beside it for so many real seconds."""
        with self._act() as work:
            found = work.addressed("webhook_endpoint", endpoint, "webhook_endpoint")
            return webhook_endpoints.roll(work, found, int(clock.real_seconds()) + overlap)

    def reshape(self, endpoint: str, shape: str) -> Object:
        """Has an endpoint told in another shape: `endive`, `acacia` (before basil), `hybrid` or `thin`."""
        with self._act() as work:
            found = work.addressed("webhook_endpoint", endpoint, "webhook_endpoint")
            return shown(webhook_endpoints.reshape(work, found, shape))

    @contextmanager
    def _act(self) -> Iterator[Work]:
        with self._opening() as work:
            yield work
        self._wake()


def _charge(work: Work, payment: str) -> Object:
    if payment.startswith("pi_"):
        return refunds.charge_of(work, charge=None, intent=payment)
    return refunds.charge_of(work, charge=payment, intent=None)


def _named(
    known: dict[str, Callable[[Work, Object], Object]], name: str, param: str
) -> Callable[[Work, Object], Object]:
    if name not in known:
        raise Refused(f"{param} is one of {', '.join(known)}", param=param)
    return known[name]
