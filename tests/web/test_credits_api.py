"""Credits over HTTP: spends, reversals, holds, grants, buckets, the wallet and its entries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.web.service import Service, problem

pytestmark = pytest.mark.quick_on("sqlite")

TEAM = "/v1/customers/team_42"


def grant(service: Service, credits: int = 100, **more: Any) -> dict[str, Any]:
    answer = service.ask("POST", f"{TEAM}/grants", {"credits": credits, "reason": "Gift", **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    return made


def test_a_spend_and_its_replay(service: Service) -> None:
    bucket = grant(service)["id"]
    first = service.ask("POST", f"{TEAM}/spends", {"credits": 5, "feature": "image"}, key="r1")
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first.headers
    receipt = first.get_json()
    assert receipt["slices"] == [{"bucket": bucket, "credits": 5}]
    assert (receipt["available"], receipt["owed"], receipt["overdraft_credits"]) == (95, 0, 0)
    assert receipt["recorded_at"] == "2025-01-01T00:00:00Z"
    again = service.ask("POST", f"{TEAM}/spends", {"credits": 5.0, "feature": "image"}, key='"r1"')
    assert again.status_code == 201
    assert again.get_json() == receipt
    assert again.headers["Idempotent-Replayed"] == "true"
    problem(service.ask("POST", f"{TEAM}/spends", {"credits": 6}, key="r1"), 422, "idempotency_key_reused")
    assert service.billing.wallet("team_42").available == 95


def test_too_much_is_refused_with_what_explains_it(service: Service) -> None:
    grant(service, 7)
    refused = problem(service.ask("POST", f"{TEAM}/spends", {"credits": 8}), 402, "insufficient_credits")
    assert (refused["required"], refused["available"]) == (8, 7)


def test_many_spends_each_judged_alone(service: Service) -> None:
    grant(service, 10)
    spends = [
        {"customer": "team_42", "key": "b1", "credits": 4},
        {"customer": "nobody", "key": "b1", "credits": 1},
        {"customer": "team_42", "key": "b2", "credits": 7},
        {"customer": "team_42", "key": "b3", "credits": 5.5},
        "junk",
        None,
        {"customer": "team_42", "key": "b4", "credits": 1, "unit": "shells"},
        {"customer": "team_42", "key": "b1", "credits": 4},
        {"customer": "team_42", "key": "b5", "credits": 6},
        {"customer": "team_42", "key": "b6", "credits": 1, "extra": True},
    ]
    answer = service.ask("POST", "/v1/spends", {"spends": spends}, key=None)
    assert answer.status_code == 200
    results = answer.get_json()["results"]
    assert [result["status"] for result in results] == [201, 404, 402, 422, 422, 422, 422, 201, 201, 422]
    assert [result.get("problem", {}).get("code") for result in results[1:4]] == [
        "unknown_customer",
        "insufficient_credits",
        "invalid",
    ]
    assert results[2]["problem"]["available"] == 6
    assert list(results[3]["problem"]["errors"]) == ["credits"]
    assert results[7]["receipt"] == results[0]["receipt"]
    assert results[7]["replayed"] is True
    assert service.billing.wallet("team_42").available == 0


def test_a_thousand_spends_and_not_one_more(service: Service) -> None:
    grant(service, 1000)
    spends = [{"customer": "team_42", "key": f"k{n}", "credits": 1} for n in range(1001)]
    problem(service.ask("POST", "/v1/spends", {"spends": spends}), 422, "invalid")
    problem(service.ask("POST", "/v1/spends", {"spends": []}), 422, "invalid")
    answer = service.ask("POST", "/v1/spends", {"spends": spends[:1000]})
    assert {result["status"] for result in answer.get_json()["results"]} == {201}
    assert service.billing.wallet("team_42").available == 0


def test_a_spend_given_back(service: Service) -> None:
    grant(service)
    spend = service.ask("POST", f"{TEAM}/spends", {"credits": 30}).get_json()["id"]
    path = f"{TEAM}/spends/{spend}/reversals"
    part = service.ask("POST", path, {"credits": 10}, key="v1")
    assert part.status_code == 201
    assert (part.get_json()["credits"], part.get_json()["available"]) == (10, 80)
    assert service.ask("POST", path, {"credits": 10}, key="v1").headers["Idempotent-Replayed"] == "true"
    assert service.ask("POST", path).get_json()["credits"] == 20
    problem(service.ask("POST", path, {"credits": 1}), 409, "already_reversed")
    problem(service.ask("POST", f"{TEAM}/spends/spend_9_9/reversals"), 404, "unknown_spend")
    problem(service.ask("POST", f"{TEAM}/spends/junk/reversals"), 404, "unknown_spend")


def test_a_hold_captured(service: Service) -> None:
    grant(service)
    hold = service.ask("POST", f"{TEAM}/holds", {"credits": 20}, key="h1")
    assert hold.status_code == 201
    placed = hold.get_json()
    assert placed["expires_at"] == "2025-01-01T00:15:00Z"
    assert (placed["available"], placed["status"]) == (80, "open")
    assert service.ask("POST", f"{TEAM}/holds", {"credits": 20}, key="h1").headers["Idempotent-Replayed"] == "true"
    path = f"{TEAM}/holds/{placed['id']}"
    captured = service.ask("POST", f"{path}/capture", {"credits": 13}, key=None)
    assert captured.status_code == 200
    assert (captured.get_json()["credits"], captured.get_json()["available"]) == (13, 87)
    again = service.ask("POST", f"{path}/capture", {"credits": 13}, key=None)
    assert again.get_json() == captured.get_json()
    assert again.headers["Idempotent-Replayed"] == "true"
    ended = problem(service.ask("POST", f"{path}/capture", {"credits": 12}, key=None), 409, "hold_ended")
    assert ended["state"] == "captured"
    problem(service.ask("POST", f"{path}/release", key=None), 409, "hold_ended")
    problem(service.ask("POST", f"{TEAM}/holds/hold_9_9/capture"), 404, "unknown_hold")


def test_a_hold_released(service: Service) -> None:
    grant(service)
    hold = service.ask("POST", f"{TEAM}/holds", {"credits": 20, "expires_in": 60}).get_json()
    released = service.ask("POST", f"{TEAM}/holds/{hold['id']}/release", {}, key=None)
    assert released.status_code == 200
    assert (released.get_json()["status"], released.get_json()["available"]) == ("released", 100)
    problem(service.ask("POST", f"{TEAM}/holds/{hold['id']}/release", {"credits": 1}), 422, "invalid")
    problem(service.ask("POST", f"{TEAM}/holds", {"credits": 1, "expires_in": 0}), 422, "invalid")


def test_a_grant_with_all_its_terms(service: Service) -> None:
    terms = {
        "effective_at": "2025-01-01T00:00:00.000001Z",
        "expires_at": "2025-02-01T01:00:00+01:00",
        "priority": 10,
        "features": ["image"],
        "paid_cents": 900,
        "currency": "usd",
        "metadata": {"ticket": 7},
    }
    made = grant(service, 50, **terms)
    assert made["effective_at"] == "2025-01-01T00:00:00.000001Z"
    assert made["expires_at"] == "2025-02-01T00:00:00Z"
    assert {name: made[name] for name in ("priority", "features", "paid_cents", "currency", "metadata")} == {
        name: terms[name] for name in ("priority", "features", "paid_cents", "currency", "metadata")
    }
    assert (made["status"], made["granted"], made["remaining"], made["held"]) == ("upcoming", 50, 50, 0)
    assert (made["description"], made["customer"], made["unit"]) == ("Gift", "team_42", "credits")


def test_a_bucket_voided_and_one_extended(service: Service) -> None:
    bucket = grant(service, 50, expires_at="2025-02-01T00:00:00Z")["id"]
    later = {"expires_at": "2025-03-01T00:00:00Z"}
    extended = service.ask("POST", f"{TEAM}/buckets/{bucket}/extend", later, key="e1")
    assert extended.status_code == 200
    assert extended.get_json()["expires_at"] == "2025-03-01T00:00:00Z"
    again = service.ask("POST", f"{TEAM}/buckets/{bucket}/extend", later, key="e1")
    assert again.headers["Idempotent-Replayed"] == "true"
    voided = service.ask("POST", f"{TEAM}/buckets/{bucket}/void", {"reason": "A mistake"}, key="v1")
    assert voided.status_code == 200
    assert (voided.get_json()["status"], voided.get_json()["remaining"]) == ("voided", 0)
    again = service.ask("POST", f"{TEAM}/buckets/{bucket}/void", {"reason": "A mistake"}, key="v1")
    assert again.headers["Idempotent-Replayed"] == "true"
    problem(service.ask("POST", f"{TEAM}/buckets/{bucket}/void", {"reason": "Again"}), 409, "bucket_ended")
    problem(service.ask("POST", f"{TEAM}/buckets/{bucket}/void", {}), 422, "invalid")
    problem(service.ask("POST", f"{TEAM}/buckets/bkt_9_9/void", {"reason": "None"}), 404, "unknown_bucket")
    problem(service.ask("POST", f"{TEAM}/buckets/bkt_9_9/extend", later), 404, "unknown_bucket")


def test_buckets_a_page_at_a_time(service: Service) -> None:
    made = [grant(service, n + 1)["id"] for n in range(5)]
    service.ask("POST", f"{TEAM}/buckets/{made[0]}/void", {"reason": "A mistake"})
    seen: list[str] = []
    cursor = ""
    while True:
        got = service.ask("GET", f"{TEAM}/buckets?limit=2{cursor}").get_json()
        seen += [bucket["id"] for bucket in got["data"]]
        if got["next_cursor"] is None:
            break
        cursor = f"&cursor={got['next_cursor']}"
    assert seen == made[::-1]
    live = service.ask("GET", f"{TEAM}/buckets?status=live").get_json()["data"]
    assert [bucket["id"] for bucket in live] == made[:0:-1]
    assert [bucket["id"] for bucket in service.ask("GET", f"{TEAM}/grants").get_json()["data"]] == made[::-1]
    problem(service.ask("GET", f"{TEAM}/buckets?status=lost"), 422, "invalid")


def test_the_wallet_now_and_then(service: Service) -> None:
    grant(service, 100, expires_at="2025-01-31T00:00:00Z")
    grant(service, 40, features=["image"])
    service.billing.advance(by=timedelta(days=10))
    service.ask("POST", f"{TEAM}/spends", {"credits": 30})
    wallet = service.ask("GET", f"{TEAM}/wallet").get_json()
    assert (wallet["available"], wallet["held"], wallet["owed"], wallet["scale"]) == (70, 0, 0, 0)
    assert wallet["spendable"] == {"image": 110}
    assert wallet["next_expiry"] == "2025-01-31T00:00:00Z"
    assert wallet["overdraft"] == {"policy": "none", "limit": 0, "debt": "repay"}
    assert wallet["frozen"] is False
    assert [bucket["remaining"] for bucket in wallet["buckets"]] == [40, 70]
    for when in ("at", "as_of"):
        then = service.ask("GET", f"{TEAM}/wallet?{when}=2025-01-05T00:00:00Z").get_json()
        assert then["available"] == 100
    tokens = service.ask("GET", f"{TEAM}/wallet?unit=tokens").get_json()
    assert (tokens["unit"], tokens["scale"], tokens["available"]) == ("tokens", 2, 0)
    problem(service.ask("GET", f"{TEAM}/wallet?unit=shells"), 422, "unknown_unit")
    problem(service.ask("GET", f"{TEAM}/wallet?at=yesterday"), 422, "invalid")
    problem(service.ask("GET", f"{TEAM}/wallet?at=2031-01-05T00:00:00Z"), 422, "invalid")
    problem(service.ask("GET", "/v1/customers/nobody/wallet"), 404, "unknown_customer")


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ("unlimited", {"policy": "unlimited", "limit": None, "debt": "repay"}),
        ({"limit": 100}, {"policy": "limit", "limit": 100, "debt": "repay"}),
        ({"limit": 100.0, "debt": "forgive"}, {"policy": "limit", "limit": 100, "debt": "forgive"}),
        ("none", {"policy": "none", "limit": 0, "debt": "repay"}),
        (None, {"policy": "none", "limit": 0, "debt": "repay"}),
    ],
)
def test_the_wallets_own_overdraft(service: Service, setting: object, shown: object) -> None:
    answer = service.ask("PATCH", f"{TEAM}/wallet", {"overdraft": setting}, key=None)
    assert answer.status_code == 200
    assert answer.get_json()["overdraft"] == shown


@pytest.mark.parametrize(
    ("setting", "shown"),
    [([500, "12.50%", 0], [500, "12.5%", 0]), ([5.0], [5]), ([], []), (None, ["20%", 0])],
)
def test_the_wallets_own_low_balance(service: Service, setting: object, shown: object) -> None:
    service.ask("PATCH", f"{TEAM}/wallet", {"low_balance": [7]}, key=None)
    answer = service.ask("PATCH", f"{TEAM}/wallet", {"low_balance": setting}, key=None)
    assert answer.status_code == 200
    assert answer.get_json()["low_balance"] == shown
    assert service.ask("GET", f"{TEAM}/wallet").get_json()["low_balance"] == shown


@pytest.mark.parametrize(
    "body",
    [
        {"overdraft": "lots"},
        {"overdraft": {"limit": -1}},
        {"overdraft": {"limit": 1, "debt": "invoice"}},
        {"overdraft": {"limit": 1, "more": 1}},
        {"overdraft": {"limit": True}},
        {"frozen": "yes"},
        {"frozen": None},
        {"low_balance": 20},
        {"low_balance": ["0%"]},
        {"low_balance": ["120%"]},
        {"low_balance": [-1]},
        {"low_balance": [0.5]},
        {"low_balance": [True]},
        {"auto_topup": {"threshold": 5}},
        {"auto_topup": []},
        [],
    ],
)
def test_settings_of_a_wallet_that_are_refused(service: Service, body: object) -> None:
    problem(service.ask("PATCH", f"{TEAM}/wallet", body), 422, "invalid")


def test_a_frozen_wallet(service: Service) -> None:
    grant(service)
    assert service.ask("PATCH", f"{TEAM}/wallet", {"frozen": True}).get_json()["frozen"] is True
    problem(service.ask("POST", f"{TEAM}/spends", {"credits": 1}), 403, "wallet_frozen")
    problem(service.ask("POST", f"{TEAM}/holds", {"credits": 1}), 403, "wallet_frozen")
    assert service.ask("PATCH", f"{TEAM}/wallet", {"frozen": False}).get_json()["frozen"] is False
    assert service.ask("POST", f"{TEAM}/spends", {"credits": 1}).status_code == 201


def test_entries_filtered_and_a_page_at_a_time(service: Service) -> None:
    grant(service)
    for n in range(4):
        service.billing.advance(by=timedelta(days=1))
        service.ask("POST", f"{TEAM}/spends", {"credits": n + 1, "member": "ann", "feature": "image"}, key=f"s{n}")
    first = service.ask("GET", f"{TEAM}/entries?limit=3").get_json()
    assert [entry["number"] for entry in first["data"]] == [5, 4, 3]
    rest = service.ask("GET", f"{TEAM}/entries?limit=3&cursor={first['next_cursor']}").get_json()
    assert [entry["number"] for entry in rest["data"]] == [2, 1]
    assert rest["next_cursor"] is None
    newest = first["data"][0]
    assert (newest["kind"], newest["destination"], newest["credits"]) == ("spend", "consumed", 4)
    assert (newest["member"], newest["feature"], newest["key"]) == ("ann", "image", "s3")
    assert (newest["available_after"], newest["owed_after"]) == (90, 0)
    assert newest["effective_at"] == newest["recorded_at"] == "2025-01-05T00:00:00Z"

    def numbers(query: str) -> list[int]:
        return [entry["number"] for entry in service.ask("GET", f"{TEAM}/entries?{query}").get_json()["data"]]

    assert numbers("kind=grant") == [1]
    assert numbers("from=2025-01-03T00:00:00Z&to=2025-01-04T00:00:00Z") == [3]
    assert numbers(f"cause={newest['cause']}") == [5]
    assert numbers("unit=tokens") == []
    problem(service.ask("GET", f"{TEAM}/entries?kind=magic"), 422, "invalid")
    problem(service.ask("GET", f"{TEAM}/entries?since=2025-01-03T00:00:00Z"), 422, "invalid")
