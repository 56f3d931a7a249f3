"""What can be bought, and what became of it, ready to be shown. Built from values alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from billing.base.wording import credits_text, date_text, money_text, span_text, time_text
from billing.sales.asking.offers import own_currency
from web.portal.amounts import AmountsCard
from web.portal.purchases import Bought, refunded

if TYPE_CHECKING:
    from billing import Checkout, Pack, Plan, Subscription, Topup, Wallet
    from billing.stripe.values import Price


@dataclass(frozen=True, slots=True)
class PackCard:
    """One pack. `price` is empty where only Stripe knows it, and does not say."""

    id: str
    name: str
    description: str
    credits: str
    unit: str
    price: str
    currency: str
    after: str
    lasts: str


@dataclass(frozen=True, slots=True)
class PlanCard:
    """One plan. `price` is empty where Stripe does not say; `free`: it can be subscribed to."""

    id: str
    name: str
    description: str
    credits: str
    unit: str
    every: str
    price: str
    current: bool
    free: bool


@dataclass(frozen=True, slots=True)
class TopupPage:
    """`balances`: by unit, what is available now."""

    who: str
    balances: tuple[tuple[str, str], ...]
    packs: tuple[PackCard, ...]
    amounts: tuple[AmountsCard, ...]
    bought: tuple[Bought, ...]
    key: str


@dataclass(frozen=True, slots=True)
class PlanPage:
    """`now` says in words what the customer subscribes to; `managed`: at Stripe they can look after what they have
    bought, which is a subscription that lives (`subscribed`), or invoices and cards alone. The plan can be changed
    (`changes`) and cancelled (`cancels`) here; `undo` is how to undo what is scheduled, if anything is.
    """

    who: str
    now: str
    plans: tuple[PlanCard, ...]
    key: str
    managed: bool
    subscribed: bool = False
    changes: bool = False
    cancels: bool = False
    undo: str = ""
    seats: int = 1
    done: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a purchase: a title, what it means, the figure that rose, and the ways on."""

    who: str
    tone: str
    title: str
    text: str
    figure: str = ""
    figure_of: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    pay_url: str | None = None
    pay_words: str = "Continue to payment"
    waits: bool = False
    again: bool = False


_LEFT = (
    "You came back before paying, or the card was declined. The purchase stays open until {until}: go on with it, or "
    "leave it, then nothing happens."
)


def pack_card(pack: Pack, wallet: Wallet, money: tuple[int, str] | None) -> PackCard:
    """`money`: cents and currency, if they are known. What is owed is paid off first."""
    scale, after = wallet.scale, wallet.available + pack.credits - wallet.owed
    price = money_text(*money) if money else ""
    return PackCard(
        id=pack.id,
        name=pack.name,
        description=pack.description,
        credits=credits_text(pack.credits, scale),
        unit=pack.unit,
        price=price,
        currency=money[1] if money else "",
        after=credits_text(after, scale),
        lasts=span_text(pack.valid_for) if pack.valid_for else "ever",
    )


def plan_card(plan: Plan, scale: int, price: Price | None, *, current: bool, free: bool) -> PlanCard:
    return PlanCard(
        id=plan.id,
        name=plan.name,
        description=plan.description,
        credits=credits_text(plan.credits, scale),
        unit=plan.unit,
        every=f"every {plan.every}",
        price=recurring_text(price) if price is not None else "",
        current=current,
        free=free,
    )


def recurring_text(price: Price) -> str:
    """`$20.00 per month`, `$54.00 every 3 months`; nothing where the amount depends."""
    if price.cents is None or price.every is None:
        return ""
    interval, count = price.every
    often = f"per {interval}" if count == 1 else f"every {count} {interval}s"
    return f"{money_text(price.cents, price.currency)} {often}"


def money_of(pack: Pack, usual: str | None, prices: Mapping[str, Price]) -> tuple[int, str] | None:
    """What a pack costs the customer: cents and currency; None where only Stripe knows it, and does not say."""
    if pack.prices:
        currency = own_currency(pack.prices, usual)
        return pack.prices[currency], currency
    price = in_currency([prices[name] for name in pack.stripe_prices if name in prices], usual)
    return (price.cents, price.currency) if price is not None and price.cents is not None else None


def in_currency(prices: Sequence[Price], usual: str | None) -> Price | None:
    """The one that a customer who usually pays in that currency is sold at: as the engine chooses it."""
    return next((price for price in prices if price.currency == usual), prices[0] if prices else None)


def topup_outcome(who: str, topup: Topup, scale: int, balance: int, *, unreachable: bool) -> Outcome:
    """What to say of a top-up to who comes back from paying, or from not paying."""
    credits, price = credits_text(topup.credits, scale), money_text(topup.cents, topup.currency)
    facts: tuple[tuple[str, str], ...] = (("What", f"{credits} {topup.unit}"), ("Price", price))
    if topup.paid_cents not in (None, topup.cents):
        facts = (*facts, ("Paid, without tax", money_text(topup.paid_cents or 0, topup.currency)))
    back = refunded(topup)
    facts = (*facts, *((("Refunded", back),) if back is not None else ()), ("Number", topup.id))
    if topup.status == "paid":
        text = f"{credits} {topup.unit} were added to your wallet. Thank you."
        figure_of = f"Available {topup.unit} now"
        return Outcome(who, "good", "Payment received", text, credits_text(balance, scale), figure_of, facts)
    if topup.status == "pending":
        text = (
            f"Your bank is still moving the money. {credits} {topup.unit} are added as soon as it arrives: "
            "nothing more is to be done, and this page looks again by itself."
        )
        return Outcome(who, "wait", "Your payment is on its way", text, facts=facts, waits=True)
    if topup.status in ("failed", "expired"):
        return _over(who, topup.status, topup.reason, facts)
    if topup.status == "refunded":
        return Outcome(who, "still", "This top-up was refunded", "The money went back the way it came.", facts=facts)
    if topup.checkout_url is None or unreachable:
        return _unreachable(who, facts, topup.checkout_url)
    text = _LEFT.format(until=_until(topup.expires_at))
    return Outcome(who, "still", "Nothing was charged", text, facts=facts, pay_url=topup.checkout_url, again=True)


def plan_outcome(who: str, checkout: Checkout, plan: str, subscription: Subscription | None, wallet: Wallet,
                 *, unreachable: bool) -> Outcome:  # fmt: skip
    """What to say of a plan's checkout to who comes back from it."""
    facts: tuple[tuple[str, str], ...] = (("Plan", plan), ("Number", checkout.id))
    if checkout.status == "complete":
        if subscription is not None and subscription.current_period_end is not None:
            facts = (*facts[:1], ("Renews", date_text(subscription.current_period_end)), *facts[1:])
        text = f"You are on the {plan} plan. Its credits come with each payment."
        balance = credits_text(wallet.available, wallet.scale)
        return Outcome(who, "good", f"Welcome to {plan}", text, balance, f"Available {wallet.unit} now", facts)
    if checkout.status in ("failed", "expired"):
        return _over(who, checkout.status, checkout.reason, facts)
    if checkout.url is None or unreachable:
        return _unreachable(who, facts, checkout.url)
    text = _LEFT.format(until=_until(checkout.expires_at))
    return Outcome(who, "still", "Nothing was charged", text, facts=facts, pay_url=checkout.url, again=True)


def plan_page(
    who: str, subscription: Subscription | None, plans: Mapping[str, Plan], cards: Sequence[PlanCard], key: str,
    *, managed: bool,
) -> PlanPage:  # fmt: skip
    """The plans, and what can be done with the customer's own."""
    now, subscribed = plan_now(subscription, plans), subscription is not None and subscription.lives
    if subscription is None or not subscribed or subscription.plan is None or not managed:
        return PlanPage(who, now, tuple(cards), key, managed, subscribed)
    undo = "Keep my plan" if subscription.cancel_at else "Undo the change" if subscription.changes_at else ""
    cancels = subscription.cancel_at is None
    changes = cancels and subscription.status in ("active", "trialing")
    return PlanPage(who, now, tuple(cards), key, managed, subscribed, changes, cancels, undo, subscription.quantity)


def plan_now(subscription: Subscription | None, plans: Mapping[str, Plan]) -> str:
    """What the customer subscribes to, in a sentence."""
    if subscription is None or subscription.plan is None:
        return "You have no plan yet."
    name = _called(subscription.plan, plans)
    if not subscription.lives:
        ended = f" on {date_text(subscription.cancel_at)}" if subscription.cancel_at else ""
        return f"Your {name} plan ended{ended}."
    if subscription.status == "paused":
        return f"Your {name} plan is paused."
    has = f"You are on the {name} plan" + (f" with {subscription.quantity} seats" if subscription.quantity > 1 else "")
    if subscription.cancel_at is not None:
        return f"{has}, which ends on {date_text(subscription.cancel_at)}."
    if subscription.status in ("past_due", "unpaid"):
        return f"{has}. Its last payment failed: Stripe has written to you about it."
    if subscription.changes_at is not None:
        seats = subscription.changes_quantity or 1
        to = "" if subscription.changes_to == subscription.plan else _called(subscription.changes_to or "", plans)
        count = f"{seats} seat{'' if seats == 1 else 's'}" if seats != subscription.quantity else ""
        return (
            f"{has}. On {date_text(subscription.changes_at)} it changes to {' with '.join(filter(None, (to, count)))}."
        )
    end = subscription.current_period_end
    renews = f", which renews on {date_text(end)}" if end else ""
    return f"{has}{renews}."


def _called(plan: str, plans: Mapping[str, Plan]) -> str:
    return plans[plan].name if plan in plans else plan


def _over(who: str, status: str, reason: str | None, facts: tuple[tuple[str, str], ...]) -> Outcome:
    if status == "expired":
        text = "It was not paid in time, or another one was begun after it. Nothing was charged."
        return Outcome(who, "still", "This purchase has expired", text, facts=facts, again=True)
    said = reason if reason and "charged" in reason else f"{reason or ''} You were not charged.".lstrip()
    text = f"{said} Try again, or with another card."
    return Outcome(who, "bad", "The payment did not go through", text, facts=facts, again=True)


def _unreachable(who: str, facts: tuple[tuple[str, str], ...], pay_url: str | None) -> Outcome:
    text = (
        "Our payment provider does not answer just now. Nothing is lost: your purchase is kept, we go on with it by "
        "ourselves, and this page looks again."
    )
    return Outcome(who, "wait", "One moment, please", text, facts=facts, pay_url=pay_url, waits=True)


def _until(at: datetime | None) -> str:
    return time_text(at) if at is not None else "tomorrow"
