"""Everything the engine may answer instead of doing it: one tree, each with a stable code and what explains it.

Rules return these values, `billing.engine` raises them, `web/errors.py` turns the code into an HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence


class Refusal(Exception):
    """Why a request was not carried out. Nothing has moved because of it.

    `code` is stable and meant for programs, `str()` is one sentence for people, `explain()` the figures behind it.
    """

    code = "refused"

    def explain(self) -> dict[str, object]:
        """The fields that explain the refusal, ready for JSON."""
        return {}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.args == other.args

    def __hash__(self) -> int:
        return hash((type(self), self.args))


class Invalid(Refusal):
    """A value that can't be used. `errors` names each field with what is wrong about it."""

    code = "invalid"

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        self.errors = {field: list(messages) for field, messages in errors.items()}
        super().__init__("; ".join(f"{field}: {' '.join(messages)}" for field, messages in self.errors.items()))

    def explain(self) -> dict[str, object]:
        return {"errors": self.errors}

    @classmethod
    def field(cls, name: str, message: str) -> Invalid:
        """One field, one message."""
        return cls({name: [message]})


class _Unknown(Refusal):
    noun, hint = "thing", ""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)

    def __str__(self) -> str:
        return f"There is no {self.noun} {self.name!r}. {self.hint}".rstrip()

    def explain(self) -> dict[str, object]:
        return {re.sub("[ -]", "_", self.noun).lower(): self.name}


class UnknownCustomer(_Unknown):
    code, noun = "unknown_customer", "customer"
    hint = "Make it first: billing.customer(id), or PUT /v1/customers/{customer}."


class UnknownUnit(_Unknown):
    code, noun = "unknown_unit", "unit"
    hint = "Units are declared in the catalog under [units.<name>]."


class UnknownBucket(_Unknown):
    code, noun = "unknown_bucket", "bucket"


class UnknownHold(_Unknown):
    code, noun = "unknown_hold", "hold"


class UnknownSpend(_Unknown):
    code, noun = "unknown_spend", "spend"


class UnknownStripeEvent(_Unknown):
    code, noun = "unknown_stripe_event", "Stripe event"


class UnknownPlan(_Unknown):
    code, noun = "unknown_plan", "plan"


class UnknownPack(_Unknown):
    code, noun = "unknown_pack", "pack"


class UnknownTopup(_Unknown):
    code, noun = "unknown_topup", "top-up"


class UnknownPurchase(_Unknown):
    code, noun = "unknown_purchase", "purchase"
    hint = "Name a top-up, an invoice or a Checkout session that this customer paid."


class UnknownCheckout(_Unknown):
    code, noun = "unknown_checkout", "checkout"


class UnknownSession(_Unknown):
    code, noun = "unknown_session", "Checkout session"
    hint = "Nothing was granted: it is not a session of the Stripe account that STRIPE_SECRET_KEY belongs to."


class InsufficientCredits(Refusal):
    """`required` credits were asked for; `available` is what this request could have used, overdraft included."""

    code = "insufficient_credits"

    def __init__(self, required: int, available: int) -> None:
        self.required, self.available = required, available
        super().__init__(required, available)

    def __str__(self) -> str:
        return f"{self.required} credits are needed and {self.available} are there."

    def explain(self) -> dict[str, object]:
        return {"required": self.required, "available": self.available}


class WalletFrozen(Refusal):
    code = "wallet_frozen"

    def __str__(self) -> str:
        return "The wallet is frozen: spends and holds are refused until it is thawed."


class HoldEnded(Refusal):
    """The hold was captured with another amount, released, or can't be captured any more."""

    code = "hold_ended"

    def __init__(self, hold: str, status: str) -> None:
        self.hold, self.status = hold, status
        super().__init__(hold, status)

    def __str__(self) -> str:
        return f"The hold {self.hold} has ended: it was {self.status}."

    def explain(self) -> dict[str, object]:
        return {"hold": self.hold, "status": self.status}


class AlreadyReversed(Refusal):
    """More was asked back than is left of the spend."""

    code = "already_reversed"

    def __init__(self, requested: int, left: int) -> None:
        self.requested, self.left = requested, left
        super().__init__(requested, left)

    def __str__(self) -> str:
        return f"{self.requested} credits can't be given back: {self.left} of the spend are left."

    def explain(self) -> dict[str, object]:
        return {"requested": self.requested, "left": self.left}


class BucketEnded(Refusal):
    """The bucket has nothing to void, or no end that could be moved."""

    code = "bucket_ended"

    def __init__(self, bucket: str, status: str) -> None:
        self.bucket, self.status = bucket, status
        super().__init__(bucket, status)

    def __str__(self) -> str:
        return f"The bucket {self.bucket} can't be changed: it is {self.status}."

    def explain(self) -> dict[str, object]:
        return {"bucket": self.bucket, "status": self.status}


class IdempotencyKeyReused(Refusal):
    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)

    def __str__(self) -> str:
        return f"The key {self.key!r} was used for another request. Take a new key for a new request."

    def explain(self) -> dict[str, object]:
        return {"key": self.key}


class StripeCustomerTaken(Refusal):
    code = "stripe_customer_taken"

    def __init__(self, stripe_customer: str, customer: str) -> None:
        self.stripe_customer, self.customer = stripe_customer, customer
        super().__init__(stripe_customer, customer)

    def __str__(self) -> str:
        return f"{self.stripe_customer} belongs to the customer {self.customer!r} already."

    def explain(self) -> dict[str, object]:
        return {"stripe_customer_id": self.stripe_customer, "customer": self.customer}


class SubscriptionExists(Refusal):
    """The customer subscribes to a plan of this unit already; two would be paid for side by side."""

    code = "subscription_exists"

    def __init__(self, plan: str, subscription: str) -> None:
        self.plan, self.subscription = plan, subscription
        super().__init__(plan, subscription)

    def __str__(self) -> str:
        return f"The customer subscribes to {self.plan!r} already ({self.subscription}): change that, or end it first."

    def explain(self) -> dict[str, object]:
        return {"plan": self.plan, "subscription": self.subscription}


class StripeRefused(Refusal):
    """Stripe said no, for good: sent again, the same would be refused again. Nothing was charged.

    `missing` is the parameter that names what Stripe does not know. `declined`: the customer's card or bank said no.
    """

    code = "stripe_refused"
    missing: str | None = None
    declined = False

    def __str__(self) -> str:
        return f"Stripe refuses it: {self.args[0]}"


class StripeNotConfigured(Refusal):
    """Stripe can't be asked: no key is set, or Stripe does not take it."""

    code = "stripe_not_configured"


class Unavailable(Refusal):
    """Not now. `retry_after` is in seconds; the same request with the same key may be sent again."""

    code = "unavailable"
    retry_after = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(message)


class Busy(Unavailable):
    """Locked for too long, or a deadlock between a caller's own verbs. Roll back and try again."""

    code = "busy"


class DatabaseUnavailable(Unavailable):
    """The database can't be reached, or can't be written."""

    code = "database_unavailable"
    retry_after = 5


class ClockSkew(Unavailable):
    """This process's clock is more than 5 seconds off the database's: writing would date things wrongly."""

    code = "clock_skew"
    retry_after = 60


class StripeUnavailable(Unavailable):
    """Stripe can't be reached, or is overloaded. What was begun goes on by itself; `purchase` is its id."""

    code = "stripe_unavailable"
    retry_after = 5
    purchase: str | None = None

    def explain(self) -> dict[str, object]:
        return {} if self.purchase is None else {"purchase": self.purchase}


class WrongIsolation(Refusal):
    """A host's PostgreSQL transaction at another isolation level than READ COMMITTED."""

    code = "wrong_isolation"

    def __str__(self) -> str:
        return f"Open the transaction at READ COMMITTED: at {self.args[0]!r} a spend may read what is stale."
