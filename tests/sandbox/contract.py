"""Requests, answers and events held to Stripe's interface, as the installed `stripe` package has it."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs
import stripe

from tests.sandbox.annotations import ROOT, Reader, Schema, Service, module, services

VERSION = "2026-10-28.endive"


def derived(wanted: Callable[[Service], bool]) -> Schema:
    """The operations that are wanted, all resources they name, and those that events carry."""
    reader = Reader()
    operations = []
    for service in services():
        if wanted(service):
            home = module(service.home)
            params = service.params and reader.annotation(service.params, home, request=True)
            answer = reader.annotation(service.answer, home)
            operations.append({"method": service.method, "path": service.path, "params": params, "answer": answer})
    resources = {}
    for file in sorted(ROOT.rglob("_*.py")):
        found = re.search(r'OBJECT_NAME: ClassVar\[Literal\["([\w.]+)"\]\] = ', text := file.read_text())
        if found and "v2" not in file.parts and "params" not in file.parts:
            name = ".".join(["stripe", *file.relative_to(ROOT).with_suffix("").parts])
            holder = re.findall(r"^class (\w+)", text, re.MULTILINE)[-1]
            if f"{name}:{holder}" in reader.definitions or found[1] in ("event", "error"):
                resources[found[1]] = reader.reference(module(name), holder, request=False)
    error = reader.reference(module("stripe._error_object"), "ErrorObject", request=False)
    return {"operations": operations, "resources": resources, "error": error, "definitions": reader.definitions}


def cached(folder: Path | None, wanted: Callable[[Service], bool], names: Iterable[str] = ()) -> Schema:
    """Derived once for each version of the package and each set of operations (`names`, as they are wanted)."""
    if folder is None:
        return derived(wanted)
    sources = b"".join(Path(__file__).with_name(name).read_bytes() for name in ("annotations.py", "contract.py"))
    file = folder / f"{stripe.VERSION}-{hash_of(sources + repr(sorted(names)).encode())}.json"
    if not file.exists():
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as draft:
            json.dump(derived(wanted), draft)
        os.replace(draft.name, file)
    loaded: Schema = json.loads(file.read_text())
    return loaded


def hash_of(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()[:12]


class Rules:
    """All schemas in one validator, which is dear to make: once for a test session."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.operations = [
            (operation["method"], re.compile(re.sub(r"\{\w+\}", "[^/]+", operation["path"])), operation)
            for operation in schema["operations"]
        ]

    @cached_property
    def closed(self) -> Any:
        """Knows the words that the package knows, and no others."""
        return jsonschema_rs.validator_for(_with_words(self._whole(), any_word=False))

    @cached_property
    def open(self) -> Any:
        """Takes any word where Stripe may add some."""
        return jsonschema_rs.validator_for(_with_words(self._whole(), any_word=True))

    def _whole(self) -> Schema:
        roots = {f"event {name}": schema for name, schema in self.schema["resources"].items()}
        for operation in self.schema["operations"]:
            name = f"{operation['method']} {operation['path']}"
            roots[f"asked {name}"] = operation["params"] or {"maxProperties": 0}
            roots[f"answered {name}"] = operation["answer"]
        roots["error"] = {"type": "object", "properties": {"error": self.schema["error"]}, "required": ["error"]}
        return {"type": "object", "properties": roots, "definitions": self.schema["definitions"]}


class Contract:
    """Says what is wrong with what was sent, path by path; what Stripe may add one day is only a warning."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._schema = rules.schema
        self.warnings: list[str] = []

    def request(self, method: str, path: str, words: str) -> list[str]:
        """What is wrong with a request: its query, or its form."""
        operation = self._operation(method, path)
        if operation is None:
            return [f"{method} {path}: Stripe has no such operation"]
        value = self._coerced(operation["params"] or {}, decoded(words))
        found = _errors(self._rules.closed, f"asked {method} {operation['path']}", value)
        return [f"{method} {path}: {wrong}" for wrong in found]

    def answer(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer."""
        operation = self._operation(method, path)
        if status >= 400:
            found = self._check("error", body)
        elif operation is None:
            found = [f"{status}, though Stripe has no such operation"]
        else:
            found = self._check(f"answered {method} {operation['path']}", body)
        return [f"answer to {method} {path}: {wrong}" for wrong in found]

    def event(self, event: dict[str, Any]) -> list[str]:
        """What is wrong with an event, with what it carries, and with what it says was there before."""
        found = self._check("event event", event)
        thing = event.get("data", {}).get("object", {})
        resource = self._schema["resources"].get(thing.get("object"))
        if resource is None:
            return [f"event {event.get('type')}: carries a {thing.get('object')}"]
        found += self._check(f"event {thing['object']}", thing)
        known = self._properties(resource)
        for name in event["data"].get("previous_attributes") or {}:
            if name not in known:
                found.append(f"previous_attributes/{name} is no field of a {thing['object']}")
        return [f"event {event['type']}: {wrong}" for wrong in found]

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        fitting = [one for verb, pattern, one in self._rules.operations if verb == method and pattern.fullmatch(path)]
        return max(fitting, key=lambda one: -one["path"].count("{"), default=None)

    def _check(self, name: str, value: Any) -> list[str]:
        strange = _errors(self._rules.closed, name, value)
        found = _errors(self._rules.open, name, value) if strange else []
        if not found:
            self.warnings += strange
        return found

    def _named(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self._schema["definitions"][schema["$ref"].removeprefix("#/definitions/")]
        return schema

    def _properties(self, schema: Schema) -> set[str]:
        schema = self._named(schema)
        return set(schema.get("properties", {})) or self._properties(schema["else"])

    def _coerced(self, schema: Schema, raw: Any) -> Any:
        """Form values as the schema wants them, where they can be: `"5"` as 5, `{"0": …}` as a list."""
        options = [self._named(one) for one in self._named(schema).get("anyOf", [schema])]
        if isinstance(raw, dict):
            lists = [one for one in options if one.get("type") == "array"]
            if lists and all(key.isdigit() for key in raw):
                return [self._coerced(lists[0]["items"], raw[key]) for key in sorted(raw, key=int)]
            shapes = [one for one in options if one.get("type") == "object"]
            inner = shapes[0].get("properties", {}) if shapes else {}
            other = shapes[0].get("additionalProperties") if shapes else None
            other = other if isinstance(other, dict) else {}
            return {name: self._coerced(inner.get(name, other), value) for name, value in raw.items()}
        kinds = {one.get("type") for one in options}
        if re.fullmatch(r"-?\d+", raw) and kinds & {"integer", "number"}:
            return int(raw)
        if re.fullmatch(r"-?\d+\.\d+", raw) and "number" in kinds:
            return float(raw)
        return raw == "true" if raw in ("true", "false") and "boolean" in kinds else raw


def decoded(words: str) -> dict[str, Any]:
    """Bracketed form encoding as nested values. Written apart from the sandbox's own, so that they check each other."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(words, keep_blank_values=True):
        keys = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        place = found
        for key in keys[:-1]:
            place = place.setdefault(key or str(len(place)), {})
        place[keys[-1] or str(len(place))] = value
    return found


def _errors(validator: Any, name: str, value: Any) -> list[str]:
    whole = {name: value}
    if validator.is_valid(whole):
        return []
    return [
        f"{'/'.join(map(str, error.instance_path[1:])) or 'the whole'}: {error.message[:300]}"
        for error in validator.iter_errors(whole)
    ]


def _with_words(schema: Any, *, any_word: bool) -> Any:
    """Open lists of words as closed ones, or as any word."""
    if isinstance(schema, list):
        return [_with_words(one, any_word=any_word) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _with_words(value, any_word=any_word) for name, value in schema.items() if name != "known"}
    if isinstance(schema.get("known"), list):
        plain |= {} if any_word else {"enum": schema["known"]}
    elif "known" in schema:
        plain["known"] = _with_words(schema["known"], any_word=any_word)
    return plain
