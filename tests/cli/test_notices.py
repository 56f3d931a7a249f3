"""`billing webhooks` and `billing notices`: what a person who runs the service asks and does."""

from __future__ import annotations

import pytest

from billing import Billing
from tests.cli.conftest import Run
from tests.notices.receivers import FROM, hook_server, mail_server


@pytest.mark.database("sqlite")
def test_webhooks_and_notices(run: Run, billing: Billing, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = run("webhooks", "add", "http://127.0.0.1:1/", status=1).stderr
    assert "ALLOW_PRIVATE_WEBHOOKS" in refused
    assert "SMTP_URL" in run("notices", "list").stderr
    monkeypatch.setenv("ALLOW_PRIVATE_WEBHOOKS", "127.0.0.0/8")
    with hook_server() as hooks, mail_server() as mails:
        monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{mails.port}")
        monkeypatch.setenv("MAIL_FROM", FROM)
        id, secret = run("webhooks", "add", hooks.url(), "--events", "credits.granted,debt.opened").stdout.split()
        assert secret.startswith("whsec_")
        assert run("webhooks", "test", id).stdout == "Delivered.\n"
        new = run("webhooks", "rotate", id).stdout.strip()
        assert new.startswith("whsec_") and new != secret
        hooks.answers = [500]
        assert "it answered 500" in run("webhooks", "test", id, status=1).stderr
        billing.customer("team", email="ada@team.example")
        billing.set_wallet("team", overdraft="unlimited")
        billing.grant("team", 100, reason="goodwill", key="g")
        billing.spend("team", 120, key="s")
        for _ in range(2):
            run("jobs", "run", "spread")
            run("jobs", "run", "deliver")
        listed = run("notices", "list")
        assert listed.stderr == "In all: 3 sent.\n"
        assert [line.split()[5] for line in listed.stdout.splitlines()[1:]].count("debt_opened") == 1
        assert mails.subjects == ["You owe 20 credits"]
        assert len(hooks.calls) == 4
        letter = billing.notices(channel="mail")[0].id
        assert run("notices", "replay", letter).stdout == f"{letter}: sent\n"
        assert len(mails.taken) == 2
        assert mails.taken[0]["Message-ID"] == mails.taken[1]["Message-ID"]
        run("notices", "replay", "--failed")
        assert "no notice 'ntc_x'" in run("notices", "replay", "ntc_x", status=1).stderr
        run("webhooks", "disable", id)
        assert "disabled" in run("webhooks", "list").stdout
        run("webhooks", "remove", id)
        assert id not in run("webhooks", "list").stdout
