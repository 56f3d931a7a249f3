"""The contract: what the sandbox takes is Stripe's, and a drift is noticed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe

from tests.sandbox.annotations import Schema
from tests.sandbox.contract import VERSION, Contract, Rules, decoded
from tests.sandbox.serving import Watch, client, same
from web.sandbox import Sandbox
from web.sandbox.params import Either, Fields, Kind, Labels, OneOf, Several, Text, Whole, YesNo
from web.sandbox.server import OPERATIONS
from web.sandbox.work import API_VERSION


@pytest.fixture
def contract(stripe_rules: Rules) -> Contract:
    return Contract(stripe_rules)


def test_it_speaks_the_version_of_the_package() -> None:
    assert stripe.api_version == API_VERSION == VERSION


def test_every_operation_and_parameter_of_the_sandbox_is_one_of_stripes(stripe_schema: Schema) -> None:
    theirs = {(one["method"], same(one["path"])): one for one in stripe_schema["operations"]}
    strange = []
    for operation in OPERATIONS:
        known = theirs[operation.method, same(operation.path)]
        if known["params"] is None:
            assert not operation.params.known
            continue
        strange += _strange(operation.params, known["params"], stripe_schema, f"{operation.method} {operation.path}")
    assert strange == []


def _strange(kind: Kind, schema: Schema, whole: Schema, name: str) -> list[str]:
    """Parameters that Stripe has not, has in another kind, or has with fewer words."""
    options = _options(schema, whole)
    if isinstance(kind, Fields):
        shapes = [option for option in options if option.get("type") == "object"]
        if not shapes:
            return [f"{name} has no fields"]
        found = []
        for field, inner in kind.known.items():
            if field not in shapes[0].get("properties", {}):
                found.append(f"{name}: {field}")
            else:
                found += _strange(inner, shapes[0]["properties"][field], whole, f"{name} {field}")
        return found + [f"{name}: {field} is needed" for field in shapes[0]["required"] if field not in kind.needs]
    if isinstance(kind, Several):
        lists = [option for option in options if option.get("type") == "array"]
        return _strange(kind.kind, lists[0]["items"], whole, f"{name}[]") if lists else [f"{name} is no list"]
    if isinstance(kind, Either):
        return _strange(kind.plain, schema, whole, name) + _strange(kind.fields, schema, whole, name)
    if isinstance(kind, OneOf):
        words = [word for option in options for word in option.get("enum", [])]
        return [f"{name}={word}" for word in kind.words if word not in words] if words else []
    wanted = {Text: "string", Whole: "integer", YesNo: "boolean", Labels: "object"}.get(type(kind))
    fits = any(wanted in (None, option.get("type")) or "enum" in option for option in options)
    return [] if fits else [f"{name} is no {wanted}"]


def _options(schema: Schema, whole: Schema) -> list[Schema]:
    if "$ref" in schema:
        return _options(whole["definitions"][schema["$ref"].removeprefix("#/definitions/")], whole)
    if "anyOf" in schema:
        return [option for one in schema["anyOf"] for option in _options(one, whole)]
    return [schema]


def test_it_reads_forms_as_the_package_writes_them() -> None:
    assert decoded("a=1&b[c]=2&b[d][0][e]=3&b[d][1][e]=&f[]=x&f[]=y") == {
        "a": "1",
        "b": {"c": "2", "d": {"0": {"e": "3"}, "1": {"e": ""}}},
        "f": {"0": "x", "1": "y"},
    }


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("email=a%40b.c&metadata[x]=1&invoice_settings[default_payment_method]=pm_1", None),
        ("colour=red", "colour"),
        ("balance=much", "balance"),
        ("invoice_settings[default]=pm_1", "invoice_settings"),
        ("tax_exempt=perhaps", "tax_exempt"),
        ("expand[0]=sources&expand[1]=tax", None),
    ],
)
def test_a_request_that_is_not_stripes_is_noticed(contract: Contract, words: str, named: str | None) -> None:
    found = contract.request("POST", "/v1/customers", words)
    assert [str(named) in wrong for wrong in found] == ([] if named is None else [True]), found


def test_a_missing_parameter_and_a_strange_operation_are_noticed(contract: Contract) -> None:
    assert "currency" in contract.request("POST", "/v1/prices", "unit_amount=5")[0]
    assert "no such operation" in contract.request("POST", "/v1/wallets", "")[0]


def _drifted(body: dict[str, Any], how: str) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(body))
    if how == "renamed":
        changed["e_mail"] = changed.pop("email")
    elif how == "missing":
        del changed["livemode"]
    elif how == "another kind":
        changed["created"] = "today"
    elif how == "deep inside":
        changed["invoice_settings"]["default_card"] = None
    elif how == "a new word":
        changed["tax_exempt"] = "sometimes"
    return changed


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("not", []),
        ("renamed", ["e_mail"]),
        ("missing", ["livemode"]),
        ("another kind", ["created"]),
        ("deep inside", ["default_card"]),
        ("a new word", []),
    ],
)
def test_a_drift_of_an_answer_is_noticed(
    contract: Contract, sandbox: Sandbox, stripe_client: stripe.StripeClient, how: str, told: list[str]
) -> None:
    customer = stripe_client.v1.customers.create({"email": "a@example.com"}).to_dict()
    drifted = _drifted(customer, how)
    found = contract.answer("POST", "/v1/customers", 200, drifted)
    assert len(found) == len(told) and all(word in wrong for word, wrong in zip(told, found, strict=True)), found
    # Also in an event, and where it stands in place of an id.
    with sandbox.store.transaction() as rows:
        event = json.loads(rows.run("SELECT body FROM events")[0]["body"]) | {"pending_webhooks": 0}
    event["data"]["object"] = drifted
    assert bool(contract.event(event)) == bool(told)
    assert bool(contract.warnings) == (how == "a new word")


def test_an_event_says_only_what_a_thing_has(contract: Contract, sandbox: Sandbox) -> None:
    customer = client(sandbox).v1.customers.create({"email": "a@example.com"})
    client(sandbox).v1.customers.update(customer.id, {"email": "b@example.com"})
    with sandbox.store.transaction() as rows:
        event = json.loads(rows.run("SELECT body FROM events ORDER BY seq DESC LIMIT 1")[0]["body"])
    event["pending_webhooks"] = 0
    assert event["data"]["previous_attributes"] == {"email": "a@example.com"}
    assert contract.event(event) == []
    event["data"]["previous_attributes"] = {"mail": "a@example.com"}
    assert "mail" in contract.event(event)[0]


def test_the_fixture_fails_a_test_with_the_path(sandbox: Sandbox, watch: Watch) -> None:
    strange: Any = {"colour": "red"}
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: colour"):
        client(sandbox).v1.customers.create(strange)
    (wrong,) = watch.wrong
    assert "POST /v1/customers" in wrong and "colour" in wrong
    watch.wrong.clear()
