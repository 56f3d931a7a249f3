"""What a change of plan, or its end, would mean for the customer, ready to be shown. Built from values alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.base.wording import credits_text, date_text, money_text
from billing.rules.refusals import Invalid, Refusal, StripeRefused, UnknownPlan
from billing.rules.sale.unchanged import (
    ChangeNeedsNow,
    ChangeScheduled,
    NoSubscription,
    NothingScheduled,
    SubscriptionCancels,
    SubscriptionEnded,
    SubscriptionPastDue,
    SubscriptionPaused,
)

if TYPE_CHECKING:
    from billing import Catalog, ChangePreview, Subscription

CHANGED = {
    "changed": "Your plan has changed. Its credits arrive with the payment, within moments.",
    "scheduled": "Done: the change comes with your next period. Until then all stays as it is.",
    "cancelled": "Your plan is cancelled: it ends with the period you have paid for, and is not charged again.",
    "kept": "Your plan goes on as it is.",
}
"""What the page of plans says to who comes back from an act."""

_WHY: dict[type[Refusal], str] = {
    StripeRefused: "Our payment provider did not take it: your card may have been declined, or your bank wants to hear "
    "from you. You were not charged. With Manage subscription on your page of plans you can pay with another card.",
    SubscriptionPastDue: "Your last payment failed. Pay it first, by Manage subscription on your page of plans.",
    SubscriptionPaused: "Your subscription is paused just now, so it can’t be changed.",
    SubscriptionCancels: "Your plan is cancelled. Keep it first, on your page of plans, then change it.",
    ChangeScheduled: "A change waits for your next period already. Undo it first, on your page of plans.",
    ChangeNeedsNow: "Your plan is paid for longer than this one is sold, so it can’t be changed to it before it ends. "
    "Cancel it, and take the other one when it has ended; or ask us.",
    NothingScheduled: "Your plan goes on as it is: there was nothing to undo.",
    SubscriptionEnded: "Your plan has ended. You can subscribe anew on your page of plans.",
    NoSubscription: "You have no plan that this could be. You can subscribe on your page of plans.",
    UnknownPlan: "This plan is not offered any more. Open the page of plans anew and choose again.",
    Invalid: "You have that already, or it can’t be had in this way. Open the page of plans anew and choose again.",
}


def why_not(refusal: Refusal) -> str | None:
    """In words for the customer, why nothing was changed; None for what is no answer of theirs."""
    return next((words for kind, words in _WHY.items() if isinstance(refusal, kind)), None)


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    """What is asked, what it means, and the button that does it. `fields` are sent along."""

    who: str
    title: str
    text: str
    facts: tuple[tuple[str, str], ...]
    act: str
    button: str
    fields: tuple[tuple[str, str], ...]
    grave: bool = False


def change_page(
    who: str, catalog: Catalog, preview: ChangePreview, has: Subscription | None, fields: tuple[tuple[str, str], ...]
) -> ConfirmPage:
    """Before a change: when it comes, what it costs now and from then on, what it brings."""
    plan = catalog.plans.get(preview.plan or "")
    name = plan.name if plan is not None else "your plan"
    what = f"{name}, {preview.quantity} seats" if preview.quantity != 1 else name
    seats = has is not None and has.plan == preview.plan and has.quantity != preview.quantity
    button = f"Have {_seats(preview.quantity)}" if seats else f"Change to {name}"
    unit = catalog.units[preview.unit]
    begins = "at once" if preview.takes_effect_at is None else date_text(preview.takes_effect_at)
    facts = [("Plan", what), ("Begins", begins)]
    text = "Nothing is charged now. It comes with your next period, and until then all stays as it is."
    if preview.takes_effect_at is None:
        text = "It comes at once. You pay for the rest of the period, less what you have paid for it already."
        facts.append(("Charged now", _charged(preview)))
        facts.append((f"{preview.unit.capitalize()} now", _coming(preview, unit.scale)))
        facts += [("Renews", date_text(preview.next_at))] if preview.next_at is not None else []
    price = _money(preview.next_cents, preview)
    facts.append(("Price then", f"{price}, before taxes and discounts" if price else "as at our payment provider"))
    facts.append((f"{preview.unit.capitalize()} each period", credits_text(preview.next_credits, unit.scale)))
    return ConfirmPage(who, f"{button}?", text, tuple(facts), "change", button, fields)


def cancel_page(who: str, catalog: Catalog, has: Subscription, fields: tuple[tuple[str, str], ...]) -> ConfirmPage:
    """Before an end: until when all stays, and that the credits do."""
    plan = catalog.plans.get(has.plan or "")
    name = plan.name if plan is not None else "your"
    end = date_text(has.current_period_end) if has.current_period_end is not None else "the end of your period"
    text = (
        "You keep it until then, and nothing is charged after that. Credits that you topped up stay yours. You can "
        "change your mind until it ends."
    )
    facts = (("Plan", name), ("Ends", end))
    return ConfirmPage(who, f"Cancel the {name} plan?", text, facts, "cancel", "Cancel my plan", fields, grave=True)


def _seats(number: int) -> str:
    return "1 seat" if number == 1 else f"{number} seats"


def _money(cents: int | None, preview: ChangePreview) -> str:
    return "" if cents is None or preview.currency is None else money_text(cents, preview.currency)


def _charged(preview: ChangePreview) -> str:
    if preview.due_cents < 0:
        return f"nothing; {_money(-preview.due_cents, preview)} stay for your next payments"
    return _money(preview.due_cents, preview) if preview.due_cents else "nothing"


def _coming(preview: ChangePreview, scale: int) -> str:
    if preview.credits is None:
        return "with the payment"
    sign = "+" if preview.credits > 0 else "−" if preview.credits < 0 else ""
    return f"{sign}{credits_text(abs(preview.credits), scale)}"
