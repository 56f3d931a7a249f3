"""What to do about a payment that brought nothing, by the reason that the inbox gives."""

from __future__ import annotations

_STEPS = (
    (
        "unknown customer",
        "Link the Stripe customer: billing customers put ID --stripe-customer CUS. It goes on at once.",
    ),
    (
        "conflict",
        "Two customers claim this payment. Decide whose it is, mend the link or the metadata, then replay it.",
    ),
    ("unknown price", "Name the price in the catalog, then replay the event."),
    ("never granted here", "Its period brought nothing here. Once that is paid it goes on; else void what should go."),
    ("STRIPE_SECRET_KEY", "The event is of Stripe's other mode: check STRIPE_SECRET_KEY and the webhook endpoint."),
    (
        "credits are held",
        "Nothing is to be mended: it goes on when the bank has decided, or the refund has arrived or failed.",
    ),
    ("not handled yet", "Wait a minute. If it stays, see whether billing jobs is running."),
)

REPLAY = "Read the reason, mend its cause, then replay the event: billing events replay ID, or the inbox page."
SYNC = "Fetch it: billing stripe sync. If it happens again, check the webhook endpoint at Stripe."
LOOK = "Compare the entries with the payment at Stripe. If credits are missing, grant them; if too many, void them."
ELSEWHERE = "Look for it at Stripe: deleted, voided, or of another account? Void the credits if it was never paid."
CATALOG = "Name the price in the catalog that the service reads, and start the service again."
AUDIT = "Run billing audit: the books contradict what was sold."


def of_reason(reason: str | None) -> str:
    """The next step for something that waits or failed."""
    return next((step for words, step in _STEPS if words in (reason or "")), REPLAY)
