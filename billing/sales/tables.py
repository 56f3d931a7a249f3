"""The tables of what is bought."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, Table, Text

from billing.base.db import metadata
from billing.base.types import Json, UTCDateTime, Whole

stripe_customers = Table(
    "billing_stripe_customers",
    metadata,
    Column("stripe_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False, index=True),
    Column("linked_at", UTCDateTime, nullable=False),
    Column("gone_at", UTCDateTime),  # deleted at Stripe: nothing is bought with it any more
    Column("currency", Text),  # in which it buys there, once it does
    Column("starts_at", UTCDateTime),  # taken over from elsewhere: what was paid before grants nothing
    ForeignKeyConstraint(["customer_id"], ["billing_customers.id"]),
)
"""Which Stripe customer is which of ours. One of ours may have had several."""

sales = Table(
    "billing_sales",
    metadata,
    Column("wallet_id", Whole, primary_key=True, autoincrement=False),
    Column("origin", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("product", Text, nullable=False),  # the plan's or the pack's id in the catalog
    Column("invoice_id", Text, index=True),
    Column("session_id", Text, index=True),  # or the payment intent's, where there was no session
    Column("subscription_id", Text),
    Column("item_id", Text, index=True),
    Column("price", Text),
    Column("quantity", Whole, nullable=False),
    Column("period_start", UTCDateTime),
    Column("period_end", UTCDateTime),
    Column("credits", Whole, nullable=False),
    Column("cents", Whole, nullable=False),
    Column("currency", Text),
    Column("paid_at", UTCDateTime, nullable=False),
    Column("recorded_at", UTCDateTime, nullable=False),
    Column("total_cents", Whole),  # all that was to be paid there, with tax; NULL: not known
    Column("level", Whole),  # what its item brings for a full period from then on; NULL: that stays as it was
    Column("every", Text),  # how long the plan's periods are
    Column("part", Text),  # whole, stub or trial: what of a period it is for
    ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"]),
    CheckConstraint("kind IN ('allocation', 'change', 'pack')", name="kind"),
    info={"append_only": True},
)
"""What one invoice's lines for one item and period, or one purchase of a pack, brought; its months say how."""

claims = Table(
    "billing_claims",
    metadata,
    Column("stripe_id", Text, primary_key=True),
    Column("wallet_id", Whole, nullable=False),
    Column("origin", Text, nullable=False),
    Column("cents", Whole, nullable=False),
    Column("claimed_at", UTCDateTime, nullable=False),
    ForeignKeyConstraint(["wallet_id", "origin"], ["billing_sales.wallet_id", "billing_sales.origin"]),
    info={"append_only": True},
)
"""One row per Stripe object (invoice line, session) that caused something, so that it causes it once.

`cents` is the credit part the object brought, which may be negative: a line that was netted.
"""

change_takings = Table(
    "billing_change_takings",
    metadata,
    Column("wallet_id", Whole, primary_key=True, autoincrement=False),
    Column("origin", Text, primary_key=True),  # the change
    Column("sale", Text, primary_key=True),  # what it took from
    Column("ends_at", UTCDateTime, primary_key=True),  # in the month that ends then
    Column("credits", Whole, nullable=False),
    Column("cents", Whole, nullable=False),
    ForeignKeyConstraint(["wallet_id", "origin"], ["billing_sales.wallet_id", "billing_sales.origin"]),
    ForeignKeyConstraint(["wallet_id", "sale"], ["billing_sales.wallet_id", "billing_sales.origin"]),
    CheckConstraint("credits >= 0 AND cents >= 0 AND credits + cents > 0", name="amounts"),
    info={"append_only": True},
)
"""What each plan change took of the earlier sales of its period, month by month."""

payments = Table(
    "billing_payments",
    metadata,
    Column("id", Text, primary_key=True),  # a payment intent, or a charge where there is none
    Column("invoice_id", Text, index=True),
    Column("session_id", Text, index=True),
    Column("cents", Whole),  # the part of the payment that paid this
    Column("seen_at", UTCDateTime, nullable=False),
    Column("intent", Text, index=True),  # of a charge: the payment intent that it is of, where that was told
    Column("purchase", Text, primary_key=True),  # the invoice, or the session where there is none
    CheckConstraint("invoice_id IS NOT NULL OR session_id IS NOT NULL", name="purchase"),
)
"""Which payment paid which invoice or Checkout session (all or a part of it). It may have paid several invoices."""

refunds = Table(
    "billing_refunds",
    metadata,
    Column("id", Text, primary_key=True),  # the refund's, or the credit note's that gave money back in another way
    Column("payment", Text, index=True),
    Column("invoice_id", Text, index=True),
    Column("session_id", Text, index=True),
    Column("customer_id", Text, index=True),  # whose it was, once that is known
    Column("cents", Whole, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False), Column("seen_at", UTCDateTime, nullable=False),  # by Stripe; us
    Column("succeeded_at", UTCDateTime), Column("failed_at", UTCDateTime),  # by Stripe, where it told so exactly
    Column("meant_for", Text),  # the one invoice of its payment's that it gives back of, where that was said
    CheckConstraint("cents >= 0", name="cents"),
)  # fmt: skip
"""Money that went or goes back, as it was last heard of. What was taken back because of it follows from these rows."""

disputes = Table(
    "billing_disputes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("payment", Text, index=True),
    Column("invoice_id", Text, index=True),
    Column("session_id", Text, index=True),
    Column("customer_id", Text),
    Column("cents", Whole, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("withdrawn_cents", Whole, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("closed_at", UTCDateTime),
    Column("told_at", UTCDateTime, nullable=False), Column("seen_at", UTCDateTime, nullable=False),  # by Stripe; here
    Column("lost_at", UTCDateTime), Column("back_at", UTCDateTime),  # by Stripe, where it told so exactly; both stay
    CheckConstraint("cents >= 0", name="cents"),
)  # fmt: skip
"""Payments that a bank has questioned or taken back, as they were last heard of."""

refund_orders = Table(
    "billing_refund_orders",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False, index=True),
    Column("purchase", Text, nullable=False),  # a top-up, an invoice, or a Checkout session
    Column("payment", Text, nullable=False),
    Column("cents", Whole, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("refund_id", Text, unique=True),
    Column("key", Text, nullable=False), Column("request", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False), Column("ended_at", UTCDateTime),
    Column("invoice_id", Text),  # of the purchase, where it has one
    ForeignKeyConstraint(["customer_id"], ["billing_customers.id"]), sa.UniqueConstraint("customer_id", "key"),
    CheckConstraint("status IN ('open', 'asked', 'failed')", name="status"), CheckConstraint("cents > 0", name="cents"),
)  # fmt: skip
"""Refunds that were asked for here; once Stripe has made one, `billing_refunds` says what became of it."""

_OPEN, _GIVEN_UP = sa.text("status = 'open'"), sa.text("status = 'given_up'")
_TO_LOOK_AT = sa.text("next_look_at IS NOT NULL")
_GOING_ON = sa.text("automatic IS NOT NULL AND status IN ('open', 'pending')")

conversations = Table(
    "billing_conversations",
    metadata,
    Column("id", Text, primary_key=True),  # Stripe's idempotency key is made from it
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),  # what of ours it is about: a customer, a top-up, a checkout
    Column("customer_id", Text, nullable=False, index=True),
    Column("params", Json, nullable=False),  # what is asked; from the first attempt on every one sends the very same
    Column("status", Text, nullable=False),
    Column("reason", Text),  # why it is not done yet, or never will be, in words for people
    Column("answer", Text),  # the id of what Stripe made
    Column("attempts", Integer, nullable=False),
    Column("asked_at", UTCDateTime),  # the first attempt: after a day Stripe forgets the key
    Column("next_attempt_at", UTCDateTime),
    Column("created_at", UTCDateTime, nullable=False), Column("ended_at", UTCDateTime),
    ForeignKeyConstraint(["customer_id"], ["billing_customers.id"]),
    CheckConstraint("kind IN ('customer', 'topup', 'subscription', 'refund', 'change', 'auto_topup')", name="kind"),
    CheckConstraint("status IN ('open', 'done', 'refused', 'given_up')", name="status"),
    Index("billing_conversations_one_open_idx", "kind", "subject", unique=True,
          postgresql_where=_OPEN, sqlite_where=_OPEN),
    Index("billing_conversations_open_idx", "next_attempt_at", postgresql_where=_OPEN, sqlite_where=_OPEN),
    Index("billing_conversations_ended_at_idx", "ended_at"),
    Index("billing_conversations_given_up_idx", "ended_at", postgresql_where=_GIVEN_UP, sqlite_where=_GIVEN_UP),
)  # fmt: skip
"""What we ask Stripe for, written down before it is asked: one open row for one thing."""

topups = Table(
    "billing_topups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("pack", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("quantity", Whole, nullable=False),
    Column("credits", Whole, nullable=False),
    Column("cents", Whole, nullable=False),
    Column("currency", Text, nullable=False),
    Column("valid_for", Text),
    Column("price", Text),  # the Stripe price it is sold by, where the catalog has no price of its own
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("key", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("success_url", Text, nullable=False), Column("cancel_url", Text),  # empty where nobody comes back
    Column("session_id", Text, unique=True),  # or the payment intent's, where no session was opened
    Column("checkout_url", Text), Column("expires_at", UTCDateTime),  # until when its session can be paid
    Column("created_at", UTCDateTime, nullable=False),
    Column("paid_at", UTCDateTime), Column("ended_at", UTCDateTime),
    Column("looks", Integer, nullable=False), Column("next_look_at", UTCDateTime),
    Column("bonus", Whole),  # of `credits`, what came on top
    Column("paid_cents", Whole),  # what was paid of `cents`: less with a promotion code, and where they hold tax
    Column("opened_as", Json),  # how its Checkout was opened: `catalog.terms.CheckoutTerms`
    Column("automatic", Whole),  # bought by itself: the how manieth of its wallet's; a declined one is tried anew
    ForeignKeyConstraint(["customer_id"], ["billing_customers.id"]),
    sa.UniqueConstraint("customer_id", "key"),
    CheckConstraint("status IN ('open', 'pending', 'paid', 'failed', 'expired', 'refunded')", name="status"),
    CheckConstraint("credits > 0 AND cents >= 0 AND quantity > 0", name="amounts"),
    Index("billing_topups_customer_id_created_at_idx", "customer_id", "created_at", "id"),
    Index("billing_topups_one_automatic_idx", "customer_id", "unit", unique=True,
          postgresql_where=_GOING_ON, sqlite_where=_GOING_ON),
    Index("billing_topups_next_look_at_idx", "next_look_at",
          postgresql_where=_TO_LOOK_AT, sqlite_where=_TO_LOOK_AT),
)  # fmt: skip
"""Purchases of packs that were opened here. Price and credits are as they were then."""

checkouts = Table(
    "billing_checkouts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("price", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("key", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("success_url", Text, nullable=False), Column("cancel_url", Text),
    Column("session_id", Text, unique=True), Column("checkout_url", Text),
    Column("subscription_id", Text),
    Column("expires_at", UTCDateTime),
    Column("created_at", UTCDateTime, nullable=False),
    Column("ended_at", UTCDateTime),
    Column("looks", Integer, nullable=False),
    Column("next_look_at", UTCDateTime),
    ForeignKeyConstraint(["customer_id"], ["billing_customers.id"]),
    sa.UniqueConstraint("customer_id", "key"),
    CheckConstraint("status IN ('open', 'complete', 'failed', 'expired')", name="status"),
    Index("billing_checkouts_next_look_at_idx", "next_look_at",
          postgresql_where=_TO_LOOK_AT, sqlite_where=_TO_LOOK_AT),
)  # fmt: skip
"""Checkouts of subscriptions that were opened here."""

stripe_prices = Table(
    "billing_stripe_prices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("lookup_key", Text, nullable=False),
    Column("seen_at", UTCDateTime, nullable=False),
)
"""The lookup keys of Stripe's prices, as they were seen."""

subscriptions = Table(
    "billing_subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False, index=True),
    Column("price", Text),
    Column("lookup_key", Text),
    Column("quantity", Whole, nullable=False),
    Column("status", Text, nullable=False),
    Column("current_period_end", UTCDateTime),
    Column("cancels", Boolean, nullable=False),  # ends with its period
    Column("cancel_at", UTCDateTime),
    Column("created_at", UTCDateTime, nullable=False),  # by Stripe, as is `ended_at`
    Column("ended_at", UTCDateTime),
    Column("seen_at", UTCDateTime, nullable=False),  # how new what we know is: the time of the event that said so
    Column("subscribed_items", Json),  # each with its price, lookup key, quantity and period
    Column("trial_end", UTCDateTime),
    Column("collection_paused", Text),  # what becomes of its invoices meanwhile
    Column("billing_mode", Text),
    ForeignKeyConstraint(["customer_id"], ["billing_customers.id"]),
)
"""Stripe's subscriptions as they were last heard of. Shown to people; no credit depends on it."""

before_start = Table(
    "billing_before_start",
    metadata,
    Column("stripe_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # invoice, session, refund, dispute or credit note
    Column("happened_at", UTCDateTime, nullable=False),
    Column("claimed_at", UTCDateTime, nullable=False),
    info={"append_only": True},
)
"""Stripe's objects from before `STRIPE_START`: none of them ever causes anything."""
