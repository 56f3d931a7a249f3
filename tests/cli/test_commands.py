"""Every command through its parser: what it does, what it says, and its status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from billing import Billing
from billing.access import keys
from tests.cli.conftest import Run
from tests.sales.paid import event, invoice, line, session

pytestmark = pytest.mark.quick_on("sqlite")


def written(folder: Path, name: str, document: Any) -> str:
    path = folder / name
    path.write_text(json.dumps(document))
    return str(path)


def test_customers_are_listed_and_shown(run: Run) -> None:
    run("customers", "put", "other", "--name", "Other")
    run("customers", "grant", "team", "1,500", "--reason", "Welcome", "--expires-at", "2099-01-01")
    listed = run("customers", "list").stdout.splitlines()
    assert listed[0].split() == ["id", "name", "available", "at", "Stripe", "since"]
    assert [line.split()[:3] for line in listed[1:]] == [["other", "Other", "0"], ["team", "Team", "1,500"]]
    shown = run("customers", "show", "team").stdout
    assert "at Stripe: cus_1" in shown
    assert "1,500 credits available" in shown
    assert "Welcome" in shown
    assert "2099-01-01 00:00:00" in shown
    assert "0.00 tokens available" in shown


def test_credits_are_moved_once_under_a_key(run: Run, billing: Billing) -> None:
    for _ in range(2):
        run("customers", "grant", "team", "100", "--reason", "Sorry", "--key", "g")
        run("customers", "spend", "team", "30", "--feature", "image", "--key", "s")
    assert "nothing moved now" in run("customers", "spend", "team", "30", "--feature", "image", "--key", "s").stdout
    assert billing.wallet("team").available == 70
    (bucket,) = billing.buckets("team")
    assert "0 credits available" in run("customers", "void", "team", bucket.id, "--reason", "Mistake").stdout
    assert billing.audit() == []


def test_a_grant_takes_all_its_terms(run: Run, billing: Billing) -> None:
    run("customers", "grant", "team", "12.50", "--reason", "Paid by wire", "--unit", "tokens",
        "--starts-at", "2098-01-01", "--expires-at", "2099-01-01T10:00+02:00", "--priority", "7",
        "--feature", "a", "--feature", "b", "--paid-cents", "900", "--currency", "eur")  # fmt: skip
    (bucket,) = billing.buckets("team")
    assert (bucket.granted, bucket.priority, bucket.features, bucket.paid_cents) == (1_250, 7, ("a", "b"), 900)
    assert (bucket.status, bucket.expires_at and bucket.expires_at.hour) == ("upcoming", 8)


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("spend", "team", "5"), 1, "5 credits are needed and 0 are there."),
        (("spend", "team", "0"), 1, "credits: Must be a whole number"),
        (("spend", "team", "nan"), 2, "write a whole number of credits"),
        (("spend", "team", "1.5"), 2, "write a whole number of credits"),
        (("spend", "team", "5", "--unit", "tons"), 1, "There is no unit 'tons'"),
        (("show", "nobody"), 1, "There is no customer 'nobody'"),
        (("why", "nobody"), 1, "There is no customer 'nobody'"),
        (("void", "team", "bkt_9_9", "--reason", "x"), 1, "There is no bucket 'bkt_9_9'"),
        (("grant", "team", "5"), 2, "Missing option '--reason'"),
        (("grant", "team", "5", "--reason", "x", "--expires-at", "soon"), 2, "write a time such as"),
        (("put", "other", "--stripe-customer", "cus_1"), 1, "cus_1 belongs to the customer 'team' already."),
    ],
)
@pytest.mark.database("sqlite")
def test_what_is_refused_says_so(run: Run, words: tuple[str, ...], status: int, sentence: str) -> None:
    result = run("customers", *words, status=status)
    assert sentence in result.stderr
    assert result.stdout == ""


def test_events_are_listed_and_replayed(run: Run, billing: Billing, tmp_path: Path) -> None:
    bare = invoice(line("price_small", 1_000, item=None), customer="cus_9")
    files = [
        written(tmp_path, "session.json", session()),
        written(tmp_path, "invoice.json", bare),
        written(
            tmp_path, "list.json", {"object": "list", "data": [event(bare, id="evt_1"), {**bare, "status": "open"}]}
        ),
        written(tmp_path, "charge.json", {"id": "ch_1", "object": "charge", "created": 5}),
    ]
    said = run("events", "replay", *files).stdout.splitlines()
    assert [one.split(": ", 1)[1] for one in said] == [
        "checkout.session.completed done",
        "invoice.paid waiting: unknown customer: cus_9 is linked to nobody",
        "invoice.paid waiting: unknown customer: cus_9 is linked to nobody",
        "invoice.open ignored: nothing is done for events of this type",
        "charge.recorded ignored: nothing is done for events of this type",
    ]
    assert "list.json[1]" in said[3]
    assert billing.wallet("team").available == 100
    waiting = run("events", "list", "--status", "waiting").stdout.splitlines()
    assert len(waiting) == 3
    billing.customer("team", stripe_customer_id="cus_9")
    assert run("events", "replay", "evt_1").stdout == "evt_1: invoice.paid done\n"
    run("events", "replay", *files)
    assert billing.wallet("team").available == 200
    assert len(run("events", "list").stdout.splitlines()) == 6
    assert billing.audit() == []


@pytest.mark.database("sqlite")
def test_what_is_no_event(run: Run, tmp_path: Path) -> None:
    junk = tmp_path / "junk.json"
    junk.write_bytes(b"\xff")
    files = [str(junk), written(tmp_path, "a.json", [1]), written(tmp_path, "b.json", {"x": 1}),
             written(tmp_path, "c.json", {"object": "list", "data": ["x"]}), "evt_nowhere"]  # fmt: skip
    said = run("events", "replay", *files, status=1).stdout
    assert "not UTF-8" in said
    assert "no such event and no such file" in said
    assert len(said.splitlines()) == 5
    wrong = written(tmp_path, "d.json", invoice(lines=None))
    assert "invoice.paid failed: invoice.lines" in run("events", "replay", wrong, status=1).stdout
    assert run("events", "list", "--after", "evt_nowhere", status=1).stderr.startswith("There is no Stripe event")


def test_keys_are_printed_alone(run: Run, billing: Billing) -> None:
    key = run("keys", "create", "backend", "--scopes", "read, spend").stdout
    assert key.count("\n") == 1
    with billing.database.read() as tx:
        found = keys.find(tx, ["s" * 32], key.strip())
    assert found is not None
    assert (found.name, sorted(found.scopes)) == ("backend", ["read", "spend"])
    assert "scopes: Scopes are some of" in run("keys", "create", "x", "--scopes", "all", status=1).stderr


@pytest.mark.database("sqlite")
def test_settings_that_are_wrong_are_all_said_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "zero")
    monkeypatch.setenv("DATABASE_URL", "mysql://user:secret@host/x")
    result = run("audit", status=2)
    assert "PORT" in result.stderr
    assert "DATABASE_URL" in result.stderr
    assert "secret" not in result.stderr
    monkeypatch.delenv("SECRET_KEYS")
    for words in (("keys", "create", "x", "--scopes", "read"), ("serve",)):
        assert "SECRET_KEYS" in run(*words, status=2).stderr


@pytest.mark.database("sqlite")
def test_the_catalog_is_checked(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    said = run("catalog", "check", environment["BILLING_CATALOG"]).stdout
    assert "each month" in said
    assert "$10.00" in said
    short = tmp_path / "short.toml"
    ends = 'name = "A"\ncredits = 10\nprices = ["p"]\nat_period_end = {{ roll_over = {{ max = 5 }} }}\ngrace = "{}"\n'
    for grace, is_said in (("0 hours", True), ("1 hour", True), ("2 hours", False), ("1 month", False)):
        short.write_text("[plans.a]\n" + ends.format(grace))
        assert ("plans.a: with so short a grace" in run("catalog", "check", str(short)).stderr) is is_said
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[plans.a]\ncredits = -1\n[packs.b]\nname = "B"\ncolour = "red"\n')
    said = run("catalog", "check", str(wrong), status=2).stderr
    assert "plans.a" in said
    assert "packs.b" in said
    Path(environment["BILLING_CATALOG"]).write_text(wrong.read_text())
    assert "plans.a" in run("customers", "list", status=2).stderr


@pytest.mark.breaks_books
@pytest.mark.quick_on("sqlite")
def test_a_breach_ends_with_status_one(run: Run, billing: Billing) -> None:
    from sqlalchemy import text

    assert run("audit").stdout == "The books add up.\n"
    assert json.loads(run("audit", "--json").stdout) == []
    run("customers", "grant", "team", "5", "--reason", "x")
    with billing.database.engine.begin() as connection:
        connection.execute(text("UPDATE billing_wallets SET available = 6"))
    assert "available is 6" in run("audit", status=1).stdout
    (first, *_) = json.loads(run("audit", "--json", status=1).stdout)
    assert set(first) == {"invariant", "where", "found"}


@pytest.mark.database("sqlite")
def test_the_tables(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run("db", "check")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/new.sqlite3")
    assert "run billing db upgrade" in run("db", "check", status=1).stderr
    assert "tables are missing" in run("customers", "list", status=1).stderr
    assert "run billing db upgrade" in run("serve", status=1).stderr
    run("db", "upgrade")
    run("db", "upgrade")
    run("db", "check")
    assert "one worker" in run("serve", "--workers", "2", status=1).stderr


@pytest.mark.database("sqlite")
def test_help_needs_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "zero")
    said = run("--help").stdout
    for name in ("serve", "demo", "customers", "events", "keys", "catalog", "audit", "db"):
        assert f"\n  {name}" in said
        run(name, "--help")
    assert "there are serve" in run("nonsense", status=2).stderr
