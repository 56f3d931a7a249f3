"""`billing import`: opening balances come once, and what was paid before them comes with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from billing import Billing
from tests.cli.conftest import Run
from tests.sales.paid import APRIL, JUNE, MAY, event, invoice, line

pytestmark = pytest.mark.quick_on("sqlite")

Write = Callable[[str], str]

FILE = """\
customer,credits,ends,paid_cents,currency,name,email,stripe_customer_id
team,1000,2090-01-01,2500,usd,,,
acme,250,,,,Acme,ann@acme.example,cus_7
acme,40,2090-06-30T18:00Z,,,,,
zero,0,,,,Zero,,cus_8
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> str:
        (tmp_path / "balances.csv").write_text(text)
        return str(tmp_path / "balances.csv")

    return written


def state(billing: Billing) -> dict[str, Any]:
    return {one.id: (one.stripe_customer_id, billing.entries(one.id)) for one in billing.customers()}


@pytest.mark.database("sqlite")
def test_a_dry_run_says_what_it_would_bring(run: Run, billing: Billing, write: Write) -> None:
    before = state(billing)
    said = run("import", write(FILE), "--dry-run").stdout
    assert said == (
        "Would bring 3 balances (1,290 credits), paid $25.00; 2 new customers, 2 linked to Stripe, 0 there already.\n"
    )
    assert state(billing) == before


def test_balances_come_once(run: Run, billing: Billing, write: Write) -> None:
    file = write(FILE)
    assert run("import", file, "--at", "2025-01-01").stdout.startswith(
        "Brought 3 balances (1,290 credits), paid $25.00;"
    )
    after = state(billing)
    [bucket] = billing.buckets("team")
    assert (bucket.granted, bucket.paid_cents, bucket.currency, bucket.description) == (
        1000,
        2500,
        "usd",
        "Opening balance",
    )
    assert (bucket.effective_at.isoformat(), bucket.status) == ("2025-01-01T00:00:00+00:00", "live")
    assert [billing.wallet(name).available for name in ("team", "acme", "zero")] == [1000, 290, 0]
    assert billing.find_customer("acme").name == "Acme"
    assert billing.find_customer("zero").stripe_customer_id == "cus_8"
    again = "Brought 0 balances; 0 new customers, 0 linked to Stripe, 3 there already.\n"
    assert run("import", file).stdout == again
    lines = FILE.splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])])
    assert run("import", write(turned)).stdout == again
    assert run("import", write(f"{lines[0]}\n{lines[1]}\n")).stdout.endswith("1 there already.\n")
    assert state(billing) == after
    more = f"{FILE}team,5,,,,,,\n"
    assert run("import", write(more)).stdout.startswith("Brought 1 balance (5 credits);")


def test_the_months_to_come_of_a_year_that_was_paid(run: Run, billing: Billing, write: Write) -> None:
    """Each is there when it begins; who is taken over begins with the balances, not with the last of these."""
    file = write(
        "customer,credits,begins,ends,paid_cents,currency,stripe_customer_id\n"
        "acme,60,,2090-02-02,500,usd,cus_7\n"
        "acme,100,2090-02-01,2090-03-02,833,usd,cus_7\n"
        "acme,100,2090-03-01,2090-04-02,834,usd,cus_7\n"
    )
    assert run("import", file, "--at", "2025-05-01").stdout.startswith("Brought 3 balances (260 credits), paid $21.67;")
    assert run("import", file, "--at", "2025-06-01").stdout.startswith("Brought 0 balances;")
    assert billing.wallet("acme").available == 60
    stand = [(one.effective_at.isoformat()[:10], one.status) for one in billing.buckets("acme")]
    assert sorted(stand) == [("2025-05-01", "live"), ("2090-02-01", "upcoming"), ("2090-03-01", "upcoming")]
    for id, paid in (("in_1", APRIL), ("in_2", JUNE)):
        told = invoice(line("price_basic", 1_000, paid, paid + timedelta(days=30)), id=id, customer="cus_7", paid=paid)
        billing.take_stripe_event(json.dumps(event(told, id=f"evt_{id}")).encode())
    assert len(billing.buckets("acme")) == 4, "what was paid before grants nothing, the renewal does"
    changed = write("customer,credits,begins,ends\nacme,1,2020-01-01,\nacme,1,2090-02-02,2090-02-01\n")
    said = run("import", changed, status=1).output
    assert "line 2: begins: 2020-01-01 00:00 is not after" in said and "line 3: ends: it ends before" in said


@pytest.mark.database("sqlite")
def test_all_that_is_wrong_is_said_at_once(run: Run, billing: Billing, write: Write) -> None:
    before = state(billing)
    said = run("import", write(
        "customer,credits,ends,paid_cents,currency,unit,stripe_customer_id,row\n"
        "a,12,,,,,,\n"
        ",5,,,,,,\n"
        "b,-5,,,,,,\n"
        "c,1.5,,,,,,\n"
        "d,1.234,,,,tokens,,\n"
        "e,5,yesterday,,,,,\n"
        "f,5,2001-01-01,,,,,\n"
        "g,5,,100,,,,\n"
        "h,5,,1.5,usd,,,\n"
        "i,0,,100,usd,,,\n"
        "j,5,,,,shells,,\n"
        "k,5,,,dollar,,,\n"
        "l,5\n"
        "a,12,,,,,,\n"
        "m,5,,,,,cus_1,\n"
        "n,5,,,,,cus_5,\n"
        "o,5,,,,,cus_5,\n"
        "p,5,,,,,person,\n"
        "q,5,,,,,,a row\n"
    ), status=1).stderr.splitlines()  # fmt: skip
    numbers = [int(line.split(":")[0].removeprefix("line ")) for line in said[:-1]]
    assert numbers == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 20]
    assert said[-1] == "Nothing was brought."
    assert state(billing) == before
    taken = run("import", write("customer,credits,stripe_customer_id\nm,5,cus_1\n"), status=1).stderr
    assert "line 2: stripe_customer_id: cus_1 belongs to 'team'" in taken
    assert "missing columns: credits" in run("import", write("customer\na\n"), status=1).stderr
    assert "unknown columns: colour" in run("import", write("customer,credits,colour\na,1,red\n"), status=1).stderr
    assert "not CSV" in run("import", write('customer,credits\n"a,1\n'), status=1).stderr
    assert (
        "a time that has come" in run("import", write("customer,credits\na,1\n"), "--at", "2999-01-01", status=1).stderr
    )
    assert state(billing) == before


def test_a_changed_row_is_refused_with_what_differs(run: Run, billing: Billing, write: Write) -> None:
    run("import", write("customer,credits,row\nacme,250,a\nacme,10,b\nteam,7,\n"))
    before = state(billing)
    said = run("import", write("customer,credits,row\nacme,260,a\nacme,10,b\nteam,8,\nnew,5,\n"), status=1).stderr
    assert "line 2: row 'a' was brought before: credits was 250, is 260" in said
    assert "line 4: the customer's balance was brought before as 7 credits for ever, and this is 8 credits" in said
    assert state(billing) == before, "and nothing of the rest is brought"
    assert run("import", write("customer,credits,row\nteam,8,another\n")).stdout.startswith("Brought 1 balance")
    assert billing.wallet("team").available == 15


@pytest.mark.database("sqlite")
def test_credits_have_the_decimals_of_their_unit(run: Run, billing: Billing, write: Write) -> None:
    assert "(12.50 tokens)" in run("import", write("customer,credits,unit\nacme,12.5,tokens\n")).stdout
    assert billing.wallet("acme", "tokens").available == 1250


def test_a_subscription_is_taken_over_in_mid_period(run: Run, billing: Billing, write: Write) -> None:
    """April was paid before the move, and is in the balance: its invoice grants nothing, whether it waits already or
    comes later, and so does what comes back of it. May grants as usual.
    """
    import json

    def take(held: dict[str, Any], id: str) -> str:
        return billing.take_stripe_event(json.dumps(event(held, id=id)).encode()).status

    april = invoice(line("price_basic", 1_000, id="il_1"), id="in_1", customer="cus_7")
    assert take(april, "evt_1") == "waiting"
    run(
        "import",
        write("customer,credits,stripe_customer_id\nacme,60,cus_7\n"),
        "--at",
        f"{APRIL + timedelta(days=14):%F}",
    )
    assert [one.status for one in billing.stripe_events()] == ["done"]
    assert "before our time" in (billing.stripe_events()[0].reason or "")
    late = invoice(line("price_basic", 1_000, id="il_2", item="si_2"), id="in_2", customer="cus_7")
    assert take(late, "evt_2") == "done"
    assert billing.wallet("acme").available == 60
    may = invoice(
        line("price_basic", 1_000, MAY, MAY + timedelta(days=31), id="il_3"), id="in_3", customer="cus_7", paid=MAY
    )
    assert take(may, "evt_3") == "done"
    assert [bucket.granted for bucket in billing.buckets("acme")] == [100, 60]
    assert take(invoice(line("price_basic", 1_000, id="il_4"), id="in_4"), "evt_4") == "done"
    assert [bucket.granted for bucket in billing.buckets("team")] == [100], "who was not taken over is granted"


@pytest.mark.slow
def test_what_was_cut_off_goes_on(run: Run, billing: Billing, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    from billing.engine import importing as driver
    from billing.sales import importing

    monkeypatch.setattr(driver, "BATCH", 2)
    file = write("customer,credits\n" + "".join(f"c{number},5\n" for number in range(5)))
    bring, calls = importing.bring, 0

    def breaks(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError
        return bring(*args)

    monkeypatch.setattr(importing, "bring", breaks)
    with pytest.raises(AssertionError):
        run("import", file)
    assert len(billing.customers()) == 3
    assert (
        run("import", file).stdout
        == "Brought 3 balances (15 credits); 3 new customers, 0 linked to Stripe, 2 there already.\n"
    )


def take(billing: Billing, held: dict[str, Any], id: str) -> str:
    return billing.take_stripe_event(json.dumps(event(held, id=id)).encode()).status


def test_who_is_linked_already_begins_with_the_balance(run: Run, billing: Billing, write: Write) -> None:
    """Linked before the import: what was paid before is in the balance. A beginning that is set stays, and who brings
    the link after the balance begins with the balance.
    """
    billing.customer("acme", stripe_customer_id="cus_7")
    rows, paid_at = "customer,credits,stripe_customer_id\nacme,60,cus_7\n", APRIL + timedelta(days=5)
    earlier = invoice(line("price_unknown", 1_000, item="si_9"), id="in_0", customer="cus_7")
    assert take(billing, earlier, "evt_0") == "waiting"
    run("import", write("customer,credits\nlate,5\n"), "--at", f"{APRIL:%F}")
    run("import", write("customer,credits,stripe_customer_id\nlate,5,cus_8\n"), "--at", f"{MAY:%F}")
    assert run("import", write(rows), "--at", f"{APRIL + timedelta(days=14):%F}").stdout.endswith("0 there already.\n")
    assert billing.stripe_events()[0].status == "done", "what waited is known to be from before"
    assert run("import", write(rows), "--at", f"{JUNE:%F}").stdout.endswith("1 there already.\n")
    old = invoice(line("price_basic", 1_000), id="in_1", customer="cus_7", paid=paid_at)
    own = invoice(line("price_basic", 1_000, item="si_2"), id="in_2", customer="cus_8", paid=paid_at)
    new = invoice(line("price_basic", 1_000, MAY, JUNE, item="si_3"), id="in_3", customer="cus_7", paid=MAY)
    assert [take(billing, held, f"evt_{held['id']}") for held in (old, own, new)] == ["done"] * 3
    assert [bucket.granted for bucket in billing.buckets("acme")] == [100, 60]
    assert [bucket.granted for bucket in billing.buckets("late")] == [100, 5]


def test_what_was_granted_already_is_not_brought_as_well(run: Run, billing: Billing, write: Write) -> None:
    assert take(billing, invoice(line("price_basic", 1_000), id="in_1"), "evt_1") == "done"
    file = write("customer,credits,stripe_customer_id\nnew,5,\nteam,60,cus_1\n")
    for more in (["--dry-run"], []):
        said = run("import", file, "--at", f"{APRIL + timedelta(days=14):%F}", *more, status=1).stderr
        assert "line 3: stripe_customer_id: in_1, paid 2025-04-01 00:00, has granted already" in said
    assert len(billing.customers()) == 1
    assert run("import", file, "--at", f"{APRIL:%F}").stdout.startswith("Brought 2 balances")
    assert sorted(bucket.granted for bucket in billing.buckets("team")) == [60, 100]


@pytest.mark.database("sqlite")
def test_files_that_are_no_such_files(run: Run, write: Write, tmp_path: Path) -> None:
    wrong = "Columns are not told apart by commas".lower()
    assert wrong in run("import", write("customer;credits\na;1\n"), status=1).stderr.lower()
    assert "no id of a Stripe" in run("import", write(FILE.replace("cus_7", "cus_../x")), status=1).stderr
    many = run("import", write(f"customer,credits{',x' * 100_000}\n"), status=1).stderr
    assert "columns twice: x" in many
    assert len(run("import", write(f"customer,credits\na,{'9' * 100_000}\n"), status=1).stderr) < 1_000
    spreadsheets_own = tmp_path / "bom.csv"
    spreadsheets_own.write_bytes("\ufeffcustomer,credits\r\nbom,7\r\n\r\n".encode())
    assert run("import", str(spreadsheets_own)).stdout.startswith("Brought 1 balance (7 credits)")
