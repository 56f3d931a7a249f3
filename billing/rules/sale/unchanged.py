"""Why what a customer asks of a subscription is not done: each with a stable code."""

from __future__ import annotations

from billing.rules.refusals import Refusal


class NoSubscription(Refusal):
    """The customer subscribes to no plan, so that there is nothing to change."""

    code = "no_subscription"

    def __init__(self, customer: str) -> None:
        self.customer = customer
        super().__init__(customer)

    def __str__(self) -> str:
        return f"The customer {self.customer!r} subscribes to no plan that this could be: subscribe first."

    def explain(self) -> dict[str, object]:
        return {"customer": self.customer}


class _Subscribed(Refusal):
    words = ""

    def __init__(self, subscription: str) -> None:
        self.subscription = subscription
        super().__init__(subscription)

    def __str__(self) -> str:
        return f"The subscription {self.subscription} {self.words}"

    def explain(self) -> dict[str, object]:
        return {"subscription": self.subscription}


class SubscriptionEnded(_Subscribed):
    """It has ended for good."""

    code, words = "subscription_ended", "has ended: subscribe anew."


class SubscriptionPastDue(_Subscribed):
    """Its last invoice was not paid: another plan would be charged to the card that has just failed."""

    code = "subscription_past_due"
    words = "has an invoice that is not paid: it can be cancelled, but changed only once that is."


class SubscriptionPaused(_Subscribed):
    """It stands still, or its invoices are not collected: a change could not be paid for."""

    code, words = "subscription_paused", "is paused: it can be cancelled, but changed only once it goes on."


class SubscriptionCancels(_Subscribed):
    """It ends with its period: whoever wants another plan wants it to go on, and has to say so."""

    code, words = "subscription_cancels", "is cancelled and will end: resume it first."


class ChangeScheduled(_Subscribed):
    """A change waits for the next period, and this one can't be reckoned beside it: it is the same, wanted now, or the
    billing mode is classic.
    """

    code = "change_scheduled"
    words = "changes with its next period: undo that first by resuming it."


class NothingScheduled(_Subscribed):
    """There is nothing that could be undone."""

    code, words = "nothing_scheduled", "goes on as it is: there is nothing to undo."


class ChangeNeedsNow(_Subscribed):
    """A shorter interval can't wait for the period's end: with it Stripe begins a period at once."""

    code = "change_needs_now"
    words = (
        "can't wait for a price of a shorter interval: say `now`, and what is not used of what was paid stays at "
        "Stripe for the next invoices; or cancel, and subscribe anew."
    )
