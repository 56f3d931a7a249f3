"""A billing engine for subscriptions with credits in them.

from billing import Billing, Spend, InsufficientCredits

billing = Billing.from_env()
billing.customer("team_42", name="Team 42")
receipt = billing.spend("team_42", 5, key="r1")
"""

from billing.base.clock import Clock, OffsetClock, StandingClock, SystemClock
from billing.catalog.terms import Catalog, Pack, Plan, Policy, Unit
from billing.credits.values import Bucket, Customer, Entry, Receipt, Spend, Wallet
from billing.engine import Billing, Hold, Transaction
from billing.finance.auditing.audit import Breach
from billing.finance.auditing.breach import BooksBroken
from billing.inbox.values import StripeEvent
from billing.notices.refusals import UnknownNotice, UnknownWebhookEndpoint
from billing.notices.values import Notice, Sending, WebhookEndpoint
from billing.rules.refusals import (
    AlreadyReversed,
    BucketEnded,
    Busy,
    ClockSkew,
    DatabaseUnavailable,
    HoldEnded,
    IdempotencyKeyReused,
    InsufficientCredits,
    Invalid,
    Refusal,
    StripeCustomerTaken,
    StripeNotConfigured,
    StripeRefused,
    StripeUnavailable,
    SubscriptionExists,
    Unavailable,
    UnknownBucket,
    UnknownCheckout,
    UnknownCustomer,
    UnknownHold,
    UnknownPack,
    UnknownPlan,
    UnknownPurchase,
    UnknownSession,
    UnknownSpend,
    UnknownStripeEvent,
    UnknownTopup,
    UnknownUnit,
    WalletFrozen,
    WrongIsolation,
)
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
from billing.rules.wallet.freeplan import PlanNeedsCheckout
from billing.rules.wallet.overdraft import Overdraft
from billing.rules.wallet.thresholds import Threshold
from billing.sales.conversations import Conversation
from billing.sales.values import (
    AutoTopup,
    AutoTopupPreview,
    ChangePreview,
    Checkout,
    Refund,
    RefundPreview,
    Subscription,
    SubscriptionChange,
    Topup,
)
from billing.stripe.gateway import Gateway

__all__ = [
    "AlreadyReversed",
    "AutoTopup",
    "AutoTopupPreview",
    "Billing",
    "BooksBroken",
    "Breach",
    "Bucket",
    "BucketEnded",
    "Busy",
    "Catalog",
    "ChangeNeedsNow",
    "ChangePreview",
    "ChangeScheduled",
    "Checkout",
    "Clock",
    "ClockSkew",
    "Conversation",
    "Customer",
    "DatabaseUnavailable",
    "Entry",
    "Gateway",
    "Hold",
    "HoldEnded",
    "IdempotencyKeyReused",
    "InsufficientCredits",
    "Invalid",
    "NoSubscription",
    "NothingScheduled",
    "Notice",
    "OffsetClock",
    "Overdraft",
    "Pack",
    "Plan",
    "PlanNeedsCheckout",
    "Policy",
    "Receipt",
    "Refund",
    "RefundPreview",
    "Refusal",
    "Sending",
    "Spend",
    "StandingClock",
    "StripeCustomerTaken",
    "StripeEvent",
    "StripeNotConfigured",
    "StripeRefused",
    "StripeUnavailable",
    "Subscription",
    "SubscriptionCancels",
    "SubscriptionChange",
    "SubscriptionEnded",
    "SubscriptionExists",
    "SubscriptionPastDue",
    "SubscriptionPaused",
    "SystemClock",
    "Threshold",
    "Topup",
    "Transaction",
    "Unavailable",
    "Unit",
    "UnknownBucket",
    "UnknownCheckout",
    "UnknownCustomer",
    "UnknownHold",
    "UnknownNotice",
    "UnknownPack",
    "UnknownPlan",
    "UnknownPurchase",
    "UnknownSession",
    "UnknownSpend",
    "UnknownStripeEvent",
    "UnknownTopup",
    "UnknownUnit",
    "UnknownWebhookEndpoint",
    "Wallet",
    "WalletFrozen",
    "WebhookEndpoint",
    "WrongIsolation",
]
