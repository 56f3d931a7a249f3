"""`Billing`, and the transactions that callers get: the verbs as methods. Decides nothing."""

from billing.engine.alone import Billing
from billing.engine.hold import Hold
from billing.engine.transaction import Transaction

__all__ = ["Billing", "Hold", "Transaction"]
