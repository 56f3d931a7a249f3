"""Amounts as people read them."""

from __future__ import annotations

_WHOLE = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
_THOUSANDTHS = frozenset("bhd jod kwd omr tnd".split())
_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}

_NAMED = "aed 200 bgn 100 czk 1500 dkk 250 gbp 30 hkd 400 huf 17500 mxn 1000 myr 200 nok 300 pln 200 ron 200 sek 300"
_LEAST = {name: int(least) for name, least in zip(_NAMED.split()[::2], _NAMED.split()[1::2], strict=True)}
_LEAST |= {"thb": 1_000, **dict.fromkeys(_THOUSANDTHS, 160)}


def least(currency: str) -> int:
    """The least that can be charged; half a unit where Stripe names nothing else."""
    return _LEAST.get(currency, 50)


def odd(amount: int, currency: str) -> bool:
    """Whether it is no amount that can be charged: thousandths come in tens."""
    return currency in _THOUSANDTHS and amount % 10 != 0


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
