"""What may be done to books behind the engine's back: a statement, the invariant it breaks, and how it is named.

`{ada}`, `{bob}` and `{team}` are their wallets. Statements of one line of the table run together.
"""

from __future__ import annotations

from tests import purse

_LATER, _EARLIER = "'2031-01-01 00:00:00.000000'", "'2020-01-01 00:00:00.000000'"
_ADA, _BOB, _TEAM = "wallet_id = {ada}", "wallet_id = {bob}", "wallet_id = {team}"
_COLUMNS = (
    "wallet_id, number, kind, source, destination, credits, cents, currency, cause, key, request, undoes, via, "
    "available_after, owed_after, effective_at, recorded_at, posted_at"
)


def _update(table: str, change: str, where: str = "1 = 1") -> str:
    return f"UPDATE billing_{table} SET {change} WHERE {where}"


def _entry(wallet: str, kind: str, source: str, destination: str, cents: int = 0, undoes: str = "NULL") -> str:
    """One more entry, well formed in itself, behind the last one; the wallet counts it."""
    currency = "'usd'" if cents else "NULL"
    values = (
        f"wallet_id, number + 1, '{kind}', '{source}', '{destination}', 5, {cents}, {currency}, "
        f"'{kind}:' || (number + 1), NULL, NULL, {undoes}, NULL, available_after, owed_after, effective_at, "
        "recorded_at, posted_at"
    )
    last = f"(SELECT max(number) FROM billing_entries WHERE wallet_id = {wallet})"
    return (
        f"INSERT INTO billing_entries ({_COLUMNS}) SELECT {values} FROM billing_entries "
        f"WHERE wallet_id = {wallet} AND number = {last}; "
        f"UPDATE billing_wallets SET last_number = last_number + 1 WHERE id = {wallet}"
    )


_STRAY = (
    f"INSERT INTO billing_entries ({_COLUMNS}) SELECT 99, {_COLUMNS.removeprefix('wallet_id, ')} "
    f"FROM billing_entries WHERE {_ADA} AND number = 1"
)

_BEFORE = (
    "INSERT INTO billing_before_start (stripe_id, kind, happened_at, claimed_at) "
    "SELECT session_id, 'session', recorded_at, recorded_at FROM billing_sales WHERE session_id IS NOT NULL"
)

CORRUPTIONS: list[tuple[str, str, str]] = [
    # Wallets
    (_update("wallets", "available = 999, last_at = NULL", "id = {ada}"), "2 wallets", "has a history"),
    (_update("wallets", "owed = 0", "id = {bob}"), "2 wallets", "owed is 0"),
    (_update("wallets", "available = available + 1", "id = {ada}"), "2 wallets", "available is"),
    (_update("wallets", "held = held + 1", "id = {ada}"), "2 wallets", "held is"),
    (_update("wallets", "next_due_at = NULL", "id = {ada}"), "2 wallets", "next_due_at is None"),
    (_update("wallets", f"last_at = {_LATER}", "id = {ada}"), "time", "what is due was not done"),
    (_update("wallets", f"last_at = {_EARLIER}", "id = {ada}"), "time", "its last entry was written after it"),
    (_update("wallets", "last_number = last_number + 1", "id = {ada}"), "2 numbers", "other entries than there are"),
    (_update("wallets", "debt_due_at = NULL", "id = {bob}"), "2 debts", "no period's end is noted"),
    (_update("wallets", f"debt_due_at = {_LATER}", "id = {bob}"), "2 debts", "its period ends at"),
    (_update("wallets", f"debt_due_at = {_LATER}", "id = {ada}"), "2 debts", "it owes nothing"),
    (_update("wallets", "overdraft = NULL", "id = {bob}"), "settings", "overdraft is None"),
    (_update("wallets", "overdraft = '\"unlimited\"'", "id = {bob}"), "settings", "overdraft is unlimited"),
    (_update("wallets", "frozen_at = NULL", "id = {ada}"), "settings", "frozen_at is None"),
    (_update("wallets", f"plan_until = {_LATER}", "id = {team}"), "settings", "plan_until is"),
    (_update("wallets", "terms_number = 7", "id = {bob}"), "settings", "counts 7 changes"),
    (_update("wallets", "unit = 'other'", "id = {ada}"), "settings", "not in the catalog"),
    ("DELETE FROM billing_wallet_terms", "settings", "is recorded"),
    (f"DELETE FROM billing_wallet_terms WHERE {_BOB} AND number = 2", "settings", "the one before it is missing"),
    ("DELETE FROM billing_wallets WHERE id = {ada}", "orphans", "rows of billing_entries"),
    ("DELETE FROM billing_customers WHERE id = 'ada'", "2 wallets", "its customer ada is not there"),
    # Buckets
    (_update("buckets", "free = free - 1, granted = granted + 1", "free > 1"), "1 buckets", "by the entries"),
    (_update("buckets", "cents = cents + 1", f"{_ADA} AND number = 1"), "1 buckets", "free, held, cents are"),
    (_update("buckets", "basis_cents = 0"), "1 recognition", "its basis is not what it got"),
    (_update("buckets", "basis_credits = 1"), "1 recognition", "its basis is not what it got"),
    (_update("buckets", "expired = 99"), "1 buckets", "their cents are (99,"),
    (_update("buckets", "currency = 'jpy'", f"{_ADA} AND number = 1"), "1 buckets", "its cents are jpy"),
    (_update("buckets", "origin = 'grant:77'", f"{_ADA} AND number = 1"), "3 causes", "its grant says something else"),
    (_update("buckets", f"granted_at = {_EARLIER}"), "3 causes", "its grant says something else"),
    (_update("buckets", "description = 'x'", _ADA), "3 causes", "its grant says something else"),
    (_update("buckets", "paid_cents = paid_cents + 1", "paid_cents > 0"), "3 causes", "its grant says something else"),
    (_update("buckets", "features = '[\"sounds\"]'", "features IS NOT NULL"), "5 validity", "which bucket"),
    (_update("buckets", "features = '[\"chat\"]'", f"{_BOB} AND number = 2"), "5 validity", "a scoped bucket repaid"),
    (_update("buckets", "voided_at = NULL"), "5 validity", "voided before its bucket was"),
    (_update("buckets", f"voided_at = {_LATER}", "free = 0 AND voided_at IS NULL"), "5 validity", "no entry voided it"),
    (_update("buckets", f"expires_at = {_LATER}", "expired > 0"), "5 validity", "expired before its bucket's end"),
    (_update("buckets", f"effective_at = {_EARLIER}, expires_at = granted_at", f"{_ADA} AND number = 1"),
     "5 validity", "outside its validity"),
    (f"DELETE FROM billing_buckets WHERE {_ADA} AND number = 1", "1 buckets", "entries name bucket:1"),
    # The history of their ends
    (_update("bucket_ends", f"becomes = {_LATER}", "number = 2"), "5 ends", "does not begin or end where"),
    (_update("bucket_ends", f"becomes = {_LATER}", "number = 1"), "5 ends", "does not begin or end where"),
    (_update("bucket_ends", f"was = {_LATER}"), "5 ends", "to a later instant"),
    (_update("bucket_ends", "free = 999"), "5 ends", "more lay in the bucket"),
    (_update("bucket_ends", f"recorded_at = {_EARLIER}"), "5 ends", "written before the grant"),
    (_update("bucket_ends", "key = NULL"), "7 keys", "no key or request"),
    ("DELETE FROM billing_bucket_ends WHERE number = 1", "5 ends", "the one before it is missing"),
    # Holds
    ("DELETE FROM billing_holds WHERE status = 'open'", "3 holds", "a hold that is not there"),
    ("DELETE FROM billing_holds WHERE status = 'captured'", "3 holds", "no hold explains it"),
    (_update("holds", "status = 'lapsed'", "status = 'released'"), "3 holds", "it lapsed at another time"),
    (_update("holds", "status = 'released'", "status = 'captured'"), "3 holds", "has an outcome"),
    (_update("holds", "status = 'open'", "status = 'released'"), "3 holds", "it is open and has an end"),
    (_update("holds", "status = 'open', ended_at = NULL, ended_recorded_at = NULL", "status = 'lapsed'"),
     "3 holds", "its status says it was not"),
    (_update("holds", "captured = 3", "status = 'captured'"), "3 holds", "its capture doesn't add up"),
    (_update("holds", "outcome = 3", "status = 'captured'"), "3 holds", "its outcome is no capture"),
    (_update("holds", "outcome = NULL", "status = 'captured'"), "3 holds", "says not as what"),
    (_update("holds", "slices = '[[2,2]]'", f"{_ADA} AND status = 'open'"), "3 holds", "no slice of its hold"),
    (_update("holds", "slices = '[[99,2]]'", f"{_ADA} AND status = 'open'"), "3 holds", "bucket 99"),
    (_update("holds", "slices = '[]'", f"{_ADA} AND status = 'open'"), "3 holds", "don't add up to it"),
    (_update("holds", "credits = credits + 1"), "3 holds", "don't add up to it"),
    (_update("holds", f"lapses_at = {_LATER}", "status = 'released'"), "7 keys", "another time"),
    (_update("holds", "feature = 'sounds'"), "3 holds", "its first entry says something else"),
    (_update("holds", f"placed_at = {_EARLIER}"), "3 holds", "its first entry says something else"),
    (_update("holds", f"recorded_at = {_EARLIER}"), "3 holds", "its first entry says something else"),
    (_update("holds", "ended_at = NULL"), "3 holds", "says not when"),
    # Entries, one after the other
    (f"DELETE FROM billing_entries WHERE {_ADA} AND number = 3", "2 numbers", "the number before it is missing"),
    (_update("entries", "available_after = available_after + 1"), "2 wallets", "available is not what its last entry"),
    (_update("entries", "available_after = available_after + 1", f"{_ADA} AND number = 3"), "2 chain", "available"),
    (_update("entries", "owed_after = owed_after + 1", f"{_BOB} AND number = 2"), "2 chain", "owed_after is not"),
    (_update("entries", f"posted_at = {_EARLIER}"), "time", "posted at another time"),
    (_update("entries", f"effective_at = {_EARLIER}", f"{_ADA} AND number = 5"), "time", "before the entry it follows"),
    (_update("entries", f"recorded_at = {_LATER}", _ADA), "time", "its last entry was written after it"),
    # Causes and keys
    (_update("entries", "key = NULL", "kind = 'spend'"), "7 keys", "has no key"),
    (_update("entries", "request = 'x'", "key IS NOT NULL"), "7 keys", "is no fingerprint"),
    (_update("entries", "key = 'other', request = cause", "kind = 'capture'"), "7 keys", "where none belongs"),
    (_update("entries", "cause = 'spend:99'", f"{_ADA} AND number = 3"), "3 causes", "a cause of another number"),
    (_update("entries", "cause = 'end:1'", "kind = 'void'"), "3 causes", "may not hold it"),
    (_update("entries", "cause = 'whim'", "kind = 'reverse'"), "3 causes", "may not begin with it"),
    (_update("entries", "cause = 'end:1'", "kind = 'expire'"), "3 causes", "another bucket's"),
    (_update("entries", "member = 'x'", "kind = 'grant'"), "3 causes", "only what pays"),
    (_update("entries", "kind = 'expire', destination = 'expired'", f"{_ADA} AND number = 3"),
     "3 causes", "may not begin with it"),
    (_update("entries", "kind = 'void', destination = 'voided'", f"{_ADA} AND number = 3"),
     "5 validity", "voided before its bucket was"),
    # What is undone
    (_update("entries", "undoes = NULL", "kind = 'reverse'"), "3 undone", "undoes nothing that was spent"),
    (_update("entries", "undoes = 999", "kind = 'reverse'"), "3 undone", "undoes nothing that was spent"),
    (_update("entries", "undoes = 1", f"kind = 'reverse' AND {_ADA}"), "3 undone", "undoes nothing that was spent"),
    (_update("entries", "undoes = 3", f"kind = 'reverse' AND {_ADA}"), "3 undone", "what went another way"),
    (_update("entries", "undoes = 3", "kind = 'void'"), "3 undone", "only a reversal undoes"),
    (_update("entries", "via = 1", "kind = 'reverse'"), "3 undone", "what went another way"),
    (_update("entries", "via = NULL", "kind = 'reverse'"), "3 undone", "what went another way"),
    (_update("entries", "credits = credits * 9", "kind = 'reverse'"), "3 undone", "more came back"),
    # Cents
    (_update("entries", "currency = 'jpy'", "kind = 'spend' AND cents > 0"), "1 buckets", "by the entries"),
    (_update("entries", "currency = 'jpy'", "kind = 'grant' AND cents > 0"), "6 money", "jpy"),
    (_update("entries", "cents = cents - 1", f"{_ADA} AND number = 3"), "1 recognition", "it should leave"),
    (_update("entries", "cents = cents + 1", f"{_ADA} AND kind = 'reverse' AND currency = 'eur'"),
     "1 recognition", "it should bring"),
    # What was never there
    (_entry("{bob}", "spend", "bucket:99", "consumed", 100_000), "1 buckets", "entries name bucket:99"),
    (_entry("{bob}", "reverse", "consumed", "bucket:2", 7), "3 undone", "undoes nothing"),
    (_entry("{bob}", "reverse", "consumed", "forgiven", undoes="1"), "3 undone", "what went another way"),
    (_entry("{bob}", "overdraw", "overdraft", "consumed"), "2 chain", "owed_after is not"),
    (_entry("{bob}", "transfer", "bucket:2", "bucket:1"), "listed flows", "is not on the list"),
    (_update("entries", "source = 'bucket:01'", f"{_ADA} AND number = 3"), "1 buckets", "entries name bucket:01"),
    (_STRAY, "orphans", "is not there"),
    # Sales
    ("DELETE FROM billing_sales", "3 sales", "was never sold"),
    (_update("claims", "cents = cents + 1", "stripe_id = 'il_pro'"), "4 claims", "claimed for 1001"),
    (_update("sales", "currency = 'eur'"), "3 sales", "sold as"),
    (_update("sales", f"period_end = {_LATER}", "kind = 'allocation'"), "3 sales", "another period"),
    (_update("buckets", "series = 'x'", "series IS NOT NULL"), "3 sales", "another period"),
    (_BEFORE, "4 claims", "before our time"),
    # Top-ups
    (_update("topups", "credits = credits + 1", "status = 'paid'"), "3 top-ups", "sold as"),
    (_update("topups", "cents = cents - 1", "status = 'paid'"), "3 top-ups", "sold as"),
    (_update("topups", "currency = 'eur'", "status = 'paid'"), "3 top-ups", "sold as"),
    (_update("topups", "customer_id = 'ada'", "status = 'paid'"), "3 top-ups", "sold as"),
    (_update("topups", "session_id = 'cs_other'", "status = 'paid'"), "3 top-ups", "sold as"),
    (_update("topups", "status = 'expired'", "status = 'paid'"), "3 top-ups", "and yet it was sold"),
    (_update("topups", f"status = 'paid', paid_at = {_LATER}", "status = 'open'"), "3 top-ups", "was never sold"),
    (_update("topups", "paid_at = NULL"), "3 top-ups", "but not both"),
    ("DELETE FROM billing_topups", "3 top-ups", "no such top-up was opened"),
]  # fmt: skip

if purse.WANTED:  # what is left of team's pack lies in it
    CORRUPTIONS += [
        (_update("wallets", "purse_credits = purse_credits + 1", "id = {team}"), "1 buckets", "by the entries"),
        (_update("wallets", "purse_cents = purse_cents - 1", "id = {team}"), "1 buckets", "by the entries"),
        (_update("wallets", "purse_currency = 'eur'", "id = {team}"), "2 purse", "currency is eur"),
        (_update("wallets", "purse_left = purse_left + 1", "id = {team}"), "2 purse", "left is"),
        (_update("wallets", "purse_basis_cents = 1", "id = {team}"), "2 purse", "basis_cents is 1"),
        (_update("wallets", "purse_basis_credits = 1", "id = {team}"), "2 purse", "basis_credits is 1"),
        (_update("wallets", f"purse_until = {_LATER}", "id = {team}"), "2 purse", "something is due at"),
        (_update("wallets", "purse_until = NULL", "id = {team}"), "2 purse", "it holds until None"),
        (_update("wallets", f"purse_from = {_LATER}", "id = {team}"), "2 purse", "after the wallet was last written"),
        (_update("wallets", "purse_policy = NULL", "id = {team}"), "2 purse", "purse_policy is not"),
        (_update("wallets", "purse_bucket = NULL", "id = {team}"), "2 purse", "purse_bucket is not"),
        (_update("wallets", "purse_bucket = 99", "id = {team}"), "2 purse", "which is not there"),
        (_update("wallets", "frozen_at = last_at", "id = {team}"), "2 purse", "frozen or owes"),
        (_update("wallets", "purse_credits = purse_credits + 1", "id = {team}") + "; "
         + _update("buckets", "free = free - 1, is_open = (free + held > 1)", _TEAM + " AND free = 1"),
         "2 purse", "the last credit"),
        (_update("wallets", "purse_cents = purse_cents - 1", "id = {team}") + "; "
         + _update("buckets", "cents = 1", _TEAM + " AND free = 1"), "2 purse", "1 cents beside it"),
        (_update("buckets", "free = 1, is_open = TRUE, priority = 1, expires_at = NULL", _TEAM + " AND free = 0"),
         "2 purse", "bucket 1 pays first"),
        (_update("buckets", "features = '[\"chat\"]'", _TEAM), "2 purse", "pays first"),
    ]  # fmt: skip
