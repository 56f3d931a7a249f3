"""Finance's pages, for staff that has signed in: a file per page."""

from web.finance import allocations, customers, inbox, jobs, reconciliation, signing
from web.finance.door import finance

__all__ = ["allocations", "customers", "finance", "inbox", "jobs", "reconciliation", "signing"]
