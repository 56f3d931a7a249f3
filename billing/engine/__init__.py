"""`Billing`, and the transactions that callers get: the verbs as methods. Decides nothing."""

from billing.engine.alone import Billing
from billing.engine.transaction import Hold, Transaction

__all__ = ["Billing", "Hold", "Transaction"]
