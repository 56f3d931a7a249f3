"""A request sent again is answered as it was the first time, whatever has happened since; and nothing moves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.web.service import Service

pytestmark = pytest.mark.quick_on("sqlite")

TEAM = "/v1/customers/team_42"


class Requests:
    """Sends requests under their own keys, and all of them again."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.sent: list[tuple[str, dict[str, Any] | None, str, int, dict[str, Any]]] = []

    def send(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        key = f"key-{len(self.sent)}"
        answer = self.service.ask("POST", f"{TEAM}/{path}", body, key=key)
        assert answer.status_code in (200, 201), answer.text
        assert "Idempotent-Replayed" not in answer.headers
        content: dict[str, Any] = answer.get_json()
        self.sent.append((path, body, key, answer.status_code, content))
        return content

    def again(self) -> None:
        for path, body, key, status, content in self.sent:
            answer = self.service.ask("POST", f"{TEAM}/{path}", body, key=key)
            assert (answer.status_code, answer.get_json()) == (status, content), path
            assert answer.headers["Idempotent-Replayed"] == "true", path


def books(service: Service) -> tuple[Any, Any]:
    wallet = service.ask("GET", f"{TEAM}/wallet").get_json()
    return wallet, service.ask("GET", f"{TEAM}/entries?limit=100").get_json()["data"]


@pytest.mark.parametrize("owing", [False, True])
def test_the_same_body_after_all_that_came_later(service: Service, owing: bool) -> None:
    requests, billing = Requests(service), service.billing
    if owing:  # the first grant repays at once
        billing.set_wallet("team_42", overdraft="unlimited")
        billing.spend("team_42", 30, key="debt")
    until = "2025-01-11T00:00:00Z"
    first = requests.send("grants", {"credits": 100, "reason": "Gift", "expires_at": until, "metadata": {"n": 1}})
    upcoming = requests.send("grants", {"credits": 7, "reason": "Later", "effective_at": "2025-01-03T00:00:00Z"})
    ended = requests.send("grants", {"credits": 9, "reason": "A mistake", "features": ["image"]})
    spend = requests.send("spends", {"credits": 10, "feature": "chat"})
    hold = requests.send("holds", {"credits": 20, "expires_in": 3600, "metadata": {"job": "a"}})
    given_up = requests.send("holds", {"credits": 5, "feature": "image"})
    lapsing = requests.send("holds", {"credits": 3, "expires_in": 60})
    requests.again()
    requests.send(f"buckets/{first['id']}/extend", {"expires_at": "2025-01-21T00:00:00Z"})
    requests.send(f"buckets/{ended['id']}/void", {"reason": "It was one"})
    requests.send(f"spends/{spend['id']}/reversals", {"credits": 4})
    requests.again()
    for path in (f"holds/{hold['id']}/capture", f"holds/{given_up['id']}/release"):
        assert service.ask("POST", f"{TEAM}/{path}", key=None).status_code == 200
    requests.again()
    billing.advance(by=timedelta(days=5))
    assert billing.find_hold("team_42", lapsing["id"]).status == "lapsed"
    requests.send(f"buckets/{first['id']}/extend", {"expires_at": "2025-01-31T00:00:00Z"})
    requests.send(f"spends/{spend['id']}/reversals")
    requests.send(f"buckets/{upcoming['id']}/void", {"reason": "Too late"})
    requests.again()
    billing.advance(by=timedelta(days=60))
    assert billing.bucket("team_42", first["id"]).status == "expired"
    before = books(service)
    requests.again()
    assert books(service) == before
