"""Several processes at once send each notice once; one that dies in the middle is followed by one that sends again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from billing import Sending
from billing.base.addresses import EVERYWHERE
from billing.notices import leasing
from billing.notices.tables import notices
from billing.notices.values import SENT
from billing.testing import TestBilling
from tests.notices import sender
from tests.notices.receivers import Hooks
from tests.notices.told import run, tell

pytestmark = pytest.mark.quick_on("postgresql")


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling], fresh_database_url: str, hooks: Hooks) -> TestBilling:
    billing = make_billing(url=fresh_database_url, sending=Sending(private=(EVERYWHERE,)))
    billing.customer("team_42")
    for path in ("/a", "/b"):
        billing.add_webhook_endpoint(hooks.url(path))
    return billing


@pytest.mark.slow
def test_three_processes_send_each_once(billing: TestBilling, hooks: Hooks, fresh_database_url: str) -> None:
    for _ in range(40):
        tell(billing, "low")
    processes = [sender.start(fresh_database_url, spreading=True) for _ in range(3)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    counted = Counter((path, headers["webhook-id"]) for path, headers, _ in hooks.calls)
    assert len(counted) == 80 and set(counted.values()) == {1}
    assert billing.notice_counts() == {"sent": 80}


@pytest.mark.slow
def test_killed_between_sending_and_recording(billing: TestBilling, hooks: Hooks, fresh_database_url: str) -> None:
    billing.remove_webhook_endpoint(billing.webhook_endpoints()[1].id)
    [event] = tell(billing, "low")
    billing.spread_notices()
    dying: list[Any] = []
    hooks.on_call = lambda: [process.kill() for process in dying]
    dying.append(sender.start(fresh_database_url, billing.now))
    dying[0].join(60)
    assert dying[0].exitcode < 0
    hooks.on_call = lambda: None
    run(billing)
    assert hooks.ids == [event]  # the lease of the dead lasts
    billing.advance(by=leasing.LEASE)
    run(billing)
    assert hooks.ids == [event, event] and len({body for _, _, body in hooks.calls}) == 1
    assert billing.notice_counts() == {"sent": 1}


def test_whose_lease_was_over_writes_nothing(billing: TestBilling) -> None:
    tell(billing, "low")
    billing.spread_notices()
    with billing.database.write() as tx:
        slow, _ = leasing.lease(tx, 10)
    billing.advance(by=leasing.LEASE + timedelta(seconds=1))
    with billing.database.write() as tx:
        assert len(leasing.lease(tx, 10)) == 2
        leasing.record(tx, slow, SENT)
        statuses = set(tx.connection.execute(notices.select()).columns("status").scalars())
    assert statuses == {"waiting"}
