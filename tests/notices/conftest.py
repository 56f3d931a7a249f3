from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from billing.testing import TestBilling
from tests.notices.receivers import Hooks, Mails, hook_server, mail_server
from tests.notices.told import CATALOG


@pytest.fixture
def mails() -> Iterator[Mails]:
    with mail_server() as mails:
        yield mails


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with hook_server() as hooks:
        yield hooks


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling], mails: Mails) -> TestBilling:
    """An engine that sends here; its one customer is German and has an address."""
    billing = make_billing(catalog=CATALOG, sending=mails.sending())
    billing.customer("team_42", name="Team 42", email="ada@team.example", timezone="Europe/Berlin")
    return billing
