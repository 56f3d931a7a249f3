"""Payments that take days: a bank account is debited, and until the bank answers nobody knows whether it paid."""

from __future__ import annotations

from web.sandbox.resources import cards, charges, payment_methods
from web.sandbox.resources.cards import Decline
from web.sandbox.store import Object
from web.sandbox.work import Work, shown

_UNPAID = Decline(
    "payment_intent_payment_attempt_failed", "insufficient_funds", "The bank account has too little on it."
)


def kind(currency: str) -> str:
    """Which sort of debit the currency has; one is pretended where it has none."""
    return "us_bank_account" if currency == "usd" else "sepa_debit"


def method(work: Work, currency: str, billing: Object) -> Object:
    """A bank account, used once."""
    card = cards.numbered("4242424242424242")
    assert card is not None
    made = payment_methods.make(work, card, billing)
    del made["card"]
    account: Object = {"fingerprint": "FFDMA0xfhBjWSZLu", "last4": "6789"}
    if kind(currency) == "us_bank_account":
        account |= {"account_holder_type": "individual", "account_type": "checking", "bank_name": "SANDBOX BANK"}
        account |= {"financial_connections_account": None, "networks": None, "status_details": {}}
        made["us_bank_account"] = {**account, "routing_number": "110000000"}
    else:
        account |= {"bank_code": "37040044", "branch_code": "", "country": "DE", "generated_from": None}
        made["sepa_debit"] = account
    made |= {"type": kind(currency)}
    return work.keep(made)


def begin(work: Work, intent: Object, account: Object) -> Object:
    """The debit is on its way."""
    card = cards.behind(account)
    made = charges.make(work, intent, account, card)
    details = {"expected_debit_date": None, "fingerprint": "FFDMA0xfhBjWSZLu", "last4": "6789", "mandate": None}
    if account["type"] == "us_bank_account":
        details |= {name: account["us_bank_account"][name] for name in ("account_holder_type", "account_type")}
        details |= {"bank_name": "SANDBOX BANK", "payment_reference": None, "routing_number": "110000000"}
    else:
        details |= {"bank_code": "37040044", "branch_code": "", "country": "DE"}
    made |= {"status": "pending", "paid": False, "balance_transaction": None}
    made["payment_method_details"] = {account["type"]: details, "type": account["type"]}
    work.keep(made)
    intent |= {"status": "processing", "latest_charge": made["id"], "payment_method": account["id"]}
    intent |= {"payment_method_types": [account["type"]], "payment_method_options": {account["type"]: {}}}
    work.keep(intent)
    work.emit("payment_intent.processing", intent)
    work.emit("charge.pending", made)
    return made


def arrive(work: Work, intent: Object) -> None:
    """The bank has paid."""
    made = work.addressed("charge", intent["latest_charge"])
    made |= {"status": "succeeded", "paid": True, "balance_transaction": charges.balance_id()}
    work.keep(made)
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
    work.keep(intent)
    work.emit("charge.succeeded", made)
    work.emit("payment_intent.succeeded", intent)


def fail(work: Work, intent: Object) -> None:
    """The bank has not paid."""
    made = work.addressed("charge", intent["latest_charge"])
    account = work.addressed("payment_method", intent["payment_method"])
    made |= {"status": "failed", "failure_code": _UNPAID.code, "failure_message": _UNPAID.message}
    made |= {"amount_captured": 0, "captured": False}
    work.keep(made)
    intent |= {"status": "requires_payment_method", "payment_method": None}
    intent["last_payment_error"] = {
        "charge": made["id"],
        "code": _UNPAID.code,
        "message": _UNPAID.message,
        "payment_method": shown(account),
        "type": "invalid_request_error",
    }
    work.keep(intent)
    work.emit("charge.failed", made)
    work.emit("payment_intent.payment_failed", intent)
