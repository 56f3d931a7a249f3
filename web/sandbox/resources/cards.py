"""Stripe's test cards: what each is called, looks like and answers."""

from __future__ import annotations

from dataclasses import dataclass

from web.sandbox import ids
from web.sandbox.store import Object
from web.sandbox.work import Work


@dataclass(frozen=True)
class Decline:
    """Why a charge is refused, as Stripe words it."""

    code: str
    decline_code: str
    message: str
    advice: str = "try_again_later"


@dataclass(frozen=True)
class TestCard:
    number: str
    name: str
    brand: str = "visa"
    funding: str = "credit"
    decline: Decline | None = None
    attaches: bool = True
    disputed: str | None = None  # why, as soon as it has paid
    inquired: bool = False  # the dispute is an inquiry
    authenticates: str = "never"  # or "always", or "once": without the buyer only after they were there at its set-up
    refunds: str = "arrive"  # or "pending", or "fails": how a refund to it goes

    @property
    def last4(self) -> str:
        return self.number[-4:]


_DECLINED = Decline("card_declined", "generic_decline", "Your card was declined.")
_POOR = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
_OLD = Decline("expired_card", "expired_card", "Your card has expired.", "do_not_try_again")
_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
_LOST = Decline("card_declined", "lost_card", "Your card was declined.", "do_not_try_again")
_STOLEN = Decline("card_declined", "stolen_card", "Your card was declined.", "do_not_try_again")
_ERROR = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
)
AUTHENTICATE = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)

CARDS = (
    TestCard("4242424242424242", "visa"),
    TestCard("4000056655665556", "visa_debit", funding="debit"),
    TestCard("5555555555554444", "mastercard", "mastercard"),
    TestCard("378282246310005", "amex", "amex"),
    TestCard("4000000000000002", "chargeDeclined", decline=_DECLINED, attaches=False),
    TestCard("4000000000000002", "visa_chargeDeclined", decline=_DECLINED, attaches=False),
    TestCard("4000000000009995", "chargeDeclinedInsufficientFunds", decline=_POOR, attaches=False),
    TestCard("4000000000000069", "chargeDeclinedExpiredCard", decline=_OLD, attaches=False),
    TestCard("4000000000000127", "chargeDeclinedIncorrectCvc", decline=_CVC, attaches=False),
    TestCard("4000000000009987", "chargeDeclinedLostCard", decline=_LOST, attaches=False),
    TestCard("4000000000009979", "chargeDeclinedStolenCard", decline=_STOLEN, attaches=False),
    TestCard("4000000000000119", "chargeDeclinedProcessingError", decline=_ERROR, attaches=False),
    TestCard("4000000000000341", "chargeCustomerFail", decline=_DECLINED),
    TestCard("4000002500003155", "authenticationRequiredOnSetup", authenticates="once"),
    TestCard("4000002760003184", "authenticationRequired", authenticates="always"),
    TestCard("4000000000000259", "createDispute", disputed="fraudulent"),
    TestCard("4000000000002685", "createDisputeProductNotReceived", disputed="product_not_received"),
    TestCard("4000000000001976", "createDisputeInquiry", disputed="fraudulent", inquired=True),
    TestCard("4000000000007726", "pendingRefund", refunds="pending"),
    TestCard("4000000000005126", "refundFail", refunds="fails"),
)
_DECLINES_LATER = "4000000000000341"
_NAMED = {card.name: card for card in CARDS}
_NUMBERED = {card.number: card for card in reversed(CARDS)}


def named(id: str) -> TestCard | None:
    """The card behind `pm_card_visa` or `tok_visa`."""
    for head in ("pm_card_", "tok_"):
        if id.startswith(head):
            return _NAMED.get(id.removeprefix(head))
    return None


def numbered(number: str) -> TestCard | None:
    """The card with this number, however it is spaced."""
    return _NUMBERED.get("".join(number.split()).replace("-", ""))


def behind(instrument: Object) -> TestCard:
    """The test card that a payment method or a source is; one whose bank has changed its mind answers as another."""
    declines = instrument.get("_declines")
    number = declines if isinstance(declines, str) else _DECLINES_LATER
    return _NUMBERED[number if declines else instrument["_number"]]


def asks_the_buyer(instrument: Object, *, off_session: bool) -> bool:
    """Whether the bank wants the buyer to confirm this payment."""
    wants = behind(instrument).authenticates
    if wants == "once" and off_session:
        return not instrument.get("_authenticated")
    return wants != "never"


def refunds_of(charge: Object) -> str:
    """How refunds of a charge go: `arrive`, `pending` or `fails`, as its card has it."""
    if charge["payment_method_details"]["type"] != "card":
        return "pending"
    known = _NUMBERED.get(charge.get("_number") or "")
    return known.refunds if known is not None else "arrive"


def checks() -> Object:
    return {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}


def no_address() -> Object:
    return dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def source(work: Work, card: TestCard, customer: str) -> Object:
    """The older kind of card, which a customer made with `source` has."""
    return work.keep(
        {
            "id": "card_1" + ids.letters(23),
            "object": "card",
            **dict.fromkeys(("address_city", "address_country", "address_line1", "address_line1_check")),
            **dict.fromkeys(("address_line2", "address_state", "address_zip", "address_zip_check", "dynamic_last4")),
            "allow_redisplay": "unspecified",
            "brand": {"visa": "Visa", "mastercard": "MasterCard", "amex": "American Express"}[card.brand],
            "country": "US",
            "customer": customer,
            "cvc_check": "pass",
            "exp_month": 12,
            "exp_year": 2040,
            "fingerprint": card.last4 * 4,
            "funding": card.funding,
            "last4": card.last4,
            "metadata": {},
            "name": None,
            "regulated_status": "unregulated",
            "tokenization_method": None,
            "_number": card.number,
        }
    )
