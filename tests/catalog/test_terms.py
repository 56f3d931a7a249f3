from __future__ import annotations

import pytest

from billing.catalog.loading import parse
from billing.catalog.terms import Catalog
from tests.catalog.written import EVERY_KEY


def test_the_version_is_that_of_the_content() -> None:
    version = parse(EVERY_KEY).version
    assert len(version) == 12
    prices = EVERY_KEY.replace('"price_1Pro", "pro_yearly"', '"pro_yearly", "price_1Pro"')
    blocks = prices.split("\n\n")
    reordered = "# a comment\n" + "\n\n".join(reversed(blocks))
    assert parse(reordered).version == version
    assert parse(EVERY_KEY.replace("{ usd = 1000, eur = 900 }", "{ eur = 900, usd = 1000 }")).version == version
    assert parse("").version == Catalog.DEFAULT.version != version
    assert parse("[units.credits]\nscale = 0").version == Catalog.DEFAULT.version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"expires_at", "priority"', '"priority", "expires_at"'),
        ("limit = 100", "limit = 101"),
        ("scale = 3", "scale = 2"),
        ("credits = 5000", "credits = 5001"),
        ('"year"', '"month"'),
        ('"pro_yearly"', '"pro_annual"'),
        ('"keep"', '"expire"'),
        ('"2 hours"', '"3 hours"'),
        ('"3 days"', '"4 days"'),
        ('"unlimited"', '"none"'),
        ('"12.5%"', '"12.6%"'),
        ("usd = 1000", "usd = 1001"),
        ('"price_1Small"', '"price_2Small"'),
        ('"12 months"', '"13 months"'),
        ('name = "Small"', 'name = "Smaller"'),
    ],
)
def test_the_version_changes_with_whatever_is_said(old: str, new: str) -> None:
    assert old in EVERY_KEY
    assert parse(EVERY_KEY.replace(old, new)).version != parse(EVERY_KEY).version
