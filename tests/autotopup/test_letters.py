"""Which letters an automatic top-up brings, through a real mail server: what is put right at once is no alarm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from billing.notices.spread import TOPUP_TIME
from billing.sales import auto_state
from billing.testing import TestBilling
from tests.autotopup.saver import CATALOG, Saver
from tests.buying.shop import open_shop
from tests.notices.receivers import Mails, mail_server
from tests.notices.told import run
from tests.sandbox.serving import Watch

pytestmark = pytest.mark.quick_on("sqlite")


def test_few_credits_left_is_said_only_if_the_top_up_does_not_come(
    make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch
) -> None:
    with (
        mail_server() as mails,
        open_shop(make_billing, tmp_path, watch, catalog=CATALOG, sending=mails.sending()) as shop,
    ):
        team = Saver(shop, watch).saved().set()
        team.billing.set_wallet("team", low_balance=[20, 0])
        run(team.billing)
        mails.taken.clear()
        team.use(85)  # the letters' jobs come sooner than that of the top-ups
        run(team.billing)
        assert mails.subjects == []
        team.billing.advance(by=timedelta(seconds=9))
        team.step()
        run(team.billing)
        assert team.taken() == [1000] and len(mails.taken) == 1, mails.subjects
        team.billing.advance(by=TOPUP_TIME)
        run(team.billing)
        assert len(mails.taken) == 1, mails.subjects
        [dropped] = team.billing.notices(status="dropped")
        assert dropped.kind == "low"
        assert dropped.reason in ("overtaken by credits.granted", "overtaken by auto_topup.charged")  # both were told
        _declined(team, mails)


def _declined(team: Saver, mails: Mails) -> None:
    """It does not come: why is said at once, and a little later what is left."""
    mails.taken.clear()
    team.shop.sandbox.decline(team.payer(), declines=True, card="4000000000009995")
    team.use(115)
    run(team.billing)
    team.step()
    run(team.billing)
    assert [one.kind for one in team.billing.notices() if one.status == "sent"][:1] == ["auto_topup_held_back"]
    assert len(mails.taken) == 1, mails.subjects
    team.billing.advance(by=TOPUP_TIME)
    run(team.billing)
    assert len(mails.taken) == 2 and mails.subjects[1] == "You are out of credits", mails.subjects
    _paused(team, mails)


def _paused(team: Saver, mails: Mails) -> None:
    """Nothing waits for a top-up that will not come."""
    for hours in (1, 6):
        team.later(hours=hours)
    assert team.stands().status == "paused"
    team.billing.grant("team", 100, reason="a gift", key="gift")
    run(team.billing)
    mails.taken.clear()
    team.use(85)
    run(team.billing)
    assert mails.subjects == ["15 credits left"]
    mails.taken.clear()
    team.billing.advance(by=timedelta(minutes=1))
    with team.billing.database.write() as tx:
        auto_state.pause(tx, "team", "credits", "price_changed", "The price has changed.")
    run(team.billing)
    (letter,) = mails.taken
    text = letter.get_body(("plain",))
    assert text is not None
    said = text.get_content()
    assert "The price has changed." in said and "bank" not in said and "failed" not in said, said
