"""Amounts as people read them."""

from __future__ import annotations

_WHOLE = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
_THOUSANDTHS = frozenset("bhd jod kwd omr tnd".split())
_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def money(amount: int | None, currency: str | None) -> str:
    """`1250, "usd"` as `$12.50`; the currency's letters where it has no sign."""
    if amount is None or currency is None:
        return "–"
    digits = 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2
    whole, part = divmod(abs(amount), 10**digits)
    text = f"{whole:,}" + (f".{part:0{digits}d}" if digits else "")
    minus = "−" if amount < 0 else ""
    sign = _SIGNS.get(currency)
    return f"{minus}{sign}{text}" if sign else f"{minus}{text} {currency.upper()}"
