"""`billing customers`: for support. What is corrected here is an entry like any other."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from web.cli.amounts import Moment, credits_of
from web.cli.auto_topup import auto_topup
from web.cli.opening import engine
from web.cli.printing import signed, table, when

if TYPE_CHECKING:
    from billing import Billing, Bucket, Entry, SubscriptionChange, Wallet

_MOST_ENTRIES = 5_000

unit_option = click.option("--unit", default="credits", show_default=True, help="The unit of credits.")
key_option = click.option("--key", help="Repeat a request under its key, and it counts once. Made up unless given.")


@click.group()
def customers() -> None:
    """Customers and their credits: look, explain, correct."""


customers.add_command(auto_topup)


@customers.command("list")
@click.option("--after", metavar="ID", help="Begin behind this customer.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@unit_option
def list_customers(after: str | None, limit: int, unit: str) -> None:
    """Customers in the order of their ids."""
    with engine() as billing:
        rows = []
        for customer in billing.customers(after=after, limit=limit):
            wallet = billing.wallet(customer.id, unit)
            available = _text(billing, unit, wallet.available)
            rows.append((customer.id, customer.name, available, customer.stripe_customer_id, when(customer.created_at)))
    table(("id", "name", "available", "at Stripe", "since"), rows)


@customers.command()
@click.argument("customer")
@click.option("--name")
@click.option("--email")
@click.option("--stripe-customer", metavar="CUS", help="The Stripe customer whose payments are this one's.")
def put(customer: str, name: str | None, email: str | None, stripe_customer: str | None) -> None:
    """Make CUSTOMER, or change what is given of it."""
    with engine() as billing:
        _, new = billing.put_customer(customer, name=name, email=email, stripe_customer_id=stripe_customer)
        click.echo(f"{customer} {'made' if new else 'changed'}.")
        if stripe_customer is not None:
            while billing.handle_stripe_events():  # what waited for the link is due now
                pass


@customers.command()
@click.argument("customer")
@click.argument("purchase")
@click.option("--cents", type=click.IntRange(min=1), help="How much; all that is left of it unless given.")
@click.option("--dry-run", is_flag=True, help="Only say what can be given back.")
@key_option
def refund(customer: str, purchase: str, cents: int | None, dry_run: bool, key: str | None) -> None:
    """Give money back of PURCHASE (a top-up, an invoice or a session); its credits go in the same share."""
    from billing.base.wording import money_text

    with engine() as billing:
        if dry_run:
            found = billing.refund_preview(customer, purchase)
            for name in ("total", "refunded", "pending", "disputed", "refundable", "unused"):
                click.echo(f"{name}: {money_text(getattr(found, f'{name}_cents'), found.currency)}")
            return
        given = billing.refund(customer, purchase, cents, key=_key(key))
        click.echo(f"{money_text(given.cents, given.currency)} of {purchase}: {given.status} ({given.id}).")


@customers.command("change-plan")
@click.argument("customer")
@click.argument("plan", required=False)
@click.option("--seats", type=click.IntRange(min=1), help="How many.")
@click.option("--price", help="One of the plan's prices; as often as now unless given.")
@click.option("--now", is_flag=True, help="At once, though money goes back by it, which stays at Stripe.")
@click.option("--dry-run", is_flag=True, help="Only say what it would come to.")
@key_option
def change_plan(
    customer: str, plan: str | None, seats: int | None, price: str | None, now: bool, dry_run: bool, key: str | None
) -> None:
    """Give CUSTOMER another PLAN, price or number of seats: dearer at once, cheaper with the next period."""
    from billing.base.wording import money_text

    with engine() as billing:
        if not dry_run:
            _tell(billing.change_plan(customer, plan, key=_key(key), quantity=seats, price=price, now=now))
            return
        found = billing.preview_change(customer, plan, quantity=seats, price=price, now=now)
        click.echo(f"takes effect: {when(found.takes_effect_at) if found.takes_effect_at else 'at once'}")
        click.echo(f"charged now: {money_text(found.due_cents, found.currency or 'usd')}")
        click.echo(
            f"{found.unit} now: {'unknown' if found.credits is None else _text(billing, found.unit, found.credits)}"
        )


@customers.command()
@click.argument("customer")
@click.option("--now", is_flag=True, help="At once, instead of with its period.")
@key_option
def cancel(customer: str, now: bool, key: str | None) -> None:
    """End CUSTOMER's subscription. Nothing is given back by it: see refund."""
    with engine() as billing:
        _tell(billing.cancel(customer, key=_key(key), now=now))


@customers.command()
@click.argument("customer")
@key_option
def resume(customer: str, key: str | None) -> None:
    """Undo what is scheduled: the end of CUSTOMER's subscription, a change that waits."""
    with engine() as billing:
        _tell(billing.resume(customer, key=_key(key)))


def _tell(done: SubscriptionChange) -> None:
    what = "ends" if done.act == "cancel" else f"{done.plan or done.price}, {done.quantity}"
    click.echo(f"{done.subscription}: {what}, from {when(done.takes_effect_at) or 'now'} on ({done.id}).")


@customers.command()
@click.argument("customer")
def show(customer: str) -> None:
    """CUSTOMER's wallets and buckets, in the order in which they pay."""
    with engine() as billing:
        found = billing.find_customer(customer)
        click.echo(f"{found.id}  {found.name or ''}".rstrip())
        for label, value in (("e-mail", found.email), ("at Stripe", found.stripe_customer_id)):
            if value:
                click.echo(f"{label}: {value}")
        for unit in billing.catalog.units:
            wallet = billing.wallet(customer, unit)
            click.echo(f"\n{_standing(billing, wallet)}")
            if wallet.low_balance:
                at = (one if isinstance(one, str) else _text(billing, unit, one) for one in wallet.low_balance)
                click.echo(f"told when down to: {', '.join(at)}")
            if wallet.buckets:
                table(("bucket", "what", "remaining", "granted", "ends", "status"), _rows(billing, wallet.buckets))


@customers.command()
@click.argument("customer")
@click.argument("credits")
@click.option("--reason", required=True, help="Shown to the customer.")
@unit_option
@click.option("--starts-at", type=Moment(), help="Now unless given.")
@click.option("--expires-at", type=Moment(), help="Never unless given.")
@click.option("--priority", type=int, default=50, show_default=True, help="Small ones pay first.")
@click.option("--feature", "features", multiple=True, help="Pays for this feature only; may be repeated.")
@click.option("--paid-cents", type=int, default=0, help="What was paid for it outside Stripe.")
@click.option("--currency")
@key_option
def grant(
    customer: str, credits: str, reason: str, unit: str, starts_at: datetime | None, expires_at: datetime | None,
    priority: int, features: tuple[str, ...], paid_cents: int, currency: str | None, key: str | None,
) -> None:  # fmt: skip
    """Grant CREDITS to CUSTOMER, as a bucket of its own."""
    with engine() as billing:
        bucket = billing.grant(
            customer, _credits(billing, unit, credits), reason=reason, key=_key(key), unit=unit, effective_at=starts_at,
            expires_at=expires_at, priority=priority, features=features, paid_cents=paid_cents, currency=currency,
        )  # fmt: skip
        ends = f" until {when(bucket.expires_at)} UTC" if bucket.expires_at else ""
        click.echo(
            f"Granted {_text(billing, unit, bucket.granted)} {unit}{ends}: {bucket.id}.{_again(bucket.replayed)}"
        )
        click.echo(_standing(billing, billing.wallet(customer, unit)))


@customers.command()
@click.argument("customer")
@click.argument("bucket")
@click.option("--reason", required=True)
@key_option
def void(customer: str, bucket: str, reason: str, key: str | None) -> None:
    """End BUCKET now and take what is free in it."""
    with engine() as billing:
        voided = billing.void(customer, bucket, reason=reason, key=_key(key))
        click.echo(f"Voided {voided.id}.{_again(voided.replayed)}")
        click.echo(_standing(billing, billing.wallet(customer, voided.unit)))


@customers.command()
@click.argument("customer")
@click.argument("credits")
@unit_option
@click.option("--feature")
@click.option("--description")
@key_option
def spend(
    customer: str, credits: str, unit: str, feature: str | None, description: str | None, key: str | None
) -> None:
    """Take CREDITS from CUSTOMER, in burn-down order."""
    with engine() as billing:
        receipt = billing.spend(customer, _credits(billing, unit, credits), key=_key(key), unit=unit, feature=feature,
                                description=description)  # fmt: skip
        slices = [f"{_text(billing, unit, part)} from {bucket}" for bucket, part in receipt.slices]
        if receipt.overdraft_credits:
            slices.append(f"{_text(billing, unit, receipt.overdraft_credits)} on trust")
        click.echo(f"Spent {', '.join(slices)}: {receipt.id}.{_again(receipt.replayed)}")
        click.echo(_standing(billing, billing.wallet(customer, unit)))


@customers.command()
@click.argument("customer")
@unit_option
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many causes.")
def why(customer: str, unit: str, limit: int) -> None:
    """Why CUSTOMER's balance is what it is: each cause in plain words, from the opening to now."""
    from web.cli.why import explain

    with engine() as billing:
        wallet = billing.wallet(customer, unit)
        entries = _entries(billing, customer, unit)
        names = {account.partition(":")[2] for entry in entries for account in (entry.source, entry.destination)}
        buckets = {name: billing.bucket(customer, name) for name in sorted(names) if name.startswith("bkt_")}

        def write(credits: int) -> str:
            return _text(billing, unit, credits)

        found = explain(entries, buckets, wallet.available, billing.clock.now(), limit, write)
        rows: list[tuple[str | None, ...]] = []
        if found.earlier:
            rows.append((None, "Before that", None, write(found.opening)))
        rows += [(when(s.at), s.what, signed(write(s.change), s.change), write(s.after)) for s in found.steps]
        table(("when (UTC)", "what", "change", "available"), rows)
        click.echo(f"\n{_standing(billing, wallet)}")


def _entries(billing: Billing, customer: str, unit: str) -> list[Entry]:
    """The newest entries, in order."""
    found: list[Entry] = []
    while len(found) < _MOST_ENTRIES:
        page = billing.entries(customer, unit=unit, before=found[-1].number if found else None, limit=100)
        found += page
        if len(page) < 100:
            break
    return found[::-1]


def _standing(billing: Billing, wallet: Wallet) -> str:
    parts = [f"{_text(billing, wallet.unit, wallet.available)} {wallet.unit} available"]
    parts += [f"{_text(billing, wallet.unit, wallet.held)} set aside"] if wallet.held else []
    parts += [f"{_text(billing, wallet.unit, wallet.owed)} owed"] if wallet.owed else []
    parts += ["frozen"] if wallet.frozen else []
    return ", ".join(parts)


def _rows(billing: Billing, buckets: tuple[Bucket, ...]) -> list[tuple[Any, ...]]:
    return [
        (b.id, b.description or b.origin, _text(billing, b.unit, b.remaining), _text(billing, b.unit, b.granted),
         when(b.expires_at) or "never", b.status)
        for b in buckets
    ]  # fmt: skip


def _credits(billing: Billing, unit: str, text: str) -> int:
    return credits_of(text, _scale(billing, unit))


def _text(billing: Billing, unit: str, credits: int) -> str:
    from billing.base.wording import credits_text

    return credits_text(credits, _scale(billing, unit))


def _scale(billing: Billing, unit: str) -> int:
    known = billing.catalog.units.get(unit)
    return known.scale if known is not None else 0  # the engine refuses the unit in its own words


def _key(given: str | None) -> str:
    from billing.base import ids

    return given or f"cli-{ids.token(12)}"


def _again(replayed: bool) -> str:
    return " It had been done before under this key; nothing moved now." if replayed else ""
