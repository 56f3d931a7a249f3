"""How a resource is written: one decorator says route, scope, body, answer and refusals, the description follows."""

from __future__ import annotations

import http
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import flask_smorest
import marshmallow as ma
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from flask import Flask, request
from flask_smorest.utils import prepare_response
from werkzeug.routing import BaseConverter

from billing.rules import asking
from billing.rules.refusals import Invalid
from web.api.fields import PRINTABLE
from web.api.parsing import StrictParser
from web.auth import authorise
from web.errors import CODES, PROBLEM, Problem

View = TypeVar("View", bound=Callable[..., Any])

ALWAYS = ("malformed", "unauthorized", "forbidden", "invalid", "busy", "database_unavailable", "clock_skew", "internal")
WITH_BODY = ("too_large", "unsupported_media_type")
KEY_HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x20-\x7e]{1,255}")


_REPLAYED = {
    "Idempotent-Replayed": {
        "description": "`true`: the key had been used for this very request. Nothing moved now.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}


class ProblemAnswer(ma.Schema):
    """An error, by RFC 9457. Beside these fields stands what explains it, such as `required` and `available`."""

    class Meta:
        """More fields than these explain it."""

        unknown = ma.INCLUDE

    type = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    code = ma.fields.String(required=True, metadata={"description": "Stable; for programs."})
    detail = ma.fields.String(required=True, metadata={"description": "What to do; for people."})
    errors = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.List(ma.fields.String()),
        metadata={"description": "With `invalid`: what is wrong, by field."},
    )
    request_id = ma.fields.String()


ABOUT = """Credits of customers: granted, spent, held, given back.

* **Keys:** `Authorization: Bearer <key>`. Each operation names the scope it needs (`x-scope`); `admin` may do all.
* **Retries:** what moves credits takes an `Idempotency-Key` of yours. The same key with the same request gives the
  first answer again, with `Idempotent-Replayed: true`; with another request it is refused. Only acceptances are
  remembered.
* **Errors** are RFC 9457 problems with a stable `code`, and what explains it beside it.
* **Lists** come in pages: send `next_cursor` as `cursor` until it is null.
* **Credits and cents** are whole numbers: credits of the unit's smallest part, cents of the currency's. Times are UTC.
"""


class NameConverter(BaseConverter):
    """A name in a path: the SaaS's own id of a customer, or an id of ours. Anything printable without a slash."""

    regex = r"[^/\x00-\x1f\x7f-\x9f]{1,255}"
    part_isolating = True


class Api(flask_smorest.Api):  # type: ignore[misc]  # untyped
    """flask-smorest, with problems as they are: `application/problem+json`."""

    ERROR_SCHEMA = ProblemAnswer

    def _register_error_handlers(self) -> None:
        """`web.errors` has them."""

    def _register_responses(self) -> None:
        for status in http.HTTPStatus:
            if status >= 400:
                self._error_response(status.name, status.phrase)
        self._error_response(self.DEFAULT_ERROR_RESPONSE_NAME, "Any other problem")

    def _register_pagination_header(self) -> None:
        """Pages have cursors in their bodies."""

    def _register_etag_headers(self) -> None:
        """There are none."""

    def _error_response(self, name: str, description: str) -> None:
        response: dict[str, Any] = {"description": description, "schema": ProblemAnswer}
        prepare_response(response, self.spec, PROBLEM)
        self.spec.components.response(name, response, lazy=True)


class Resource(flask_smorest.Blueprint):  # type: ignore[misc]  # untyped
    """A noun of the interface and what can be done with it."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, url_prefix: str, description: str) -> None:
        super().__init__(name, __name__, url_prefix=url_prefix, description=description)
        self._prepare_doc_cbks.append(self._describe)

    def operation(
        self,
        method: str,
        rule: str,
        *,
        scope: str,
        answer: type[ma.Schema],
        status: int = 200,
        body: type[ma.Schema] | None = None,
        query: type[ma.Schema] | None = None,
        key: str | None = None,
        refusals: Iterable[str] = (),
        also: int | None = None,
    ) -> Callable[[View], View]:
        """Registers a view. It is given what stands in the path, then `body`, `query` and `key` by name.

        `key` is "required" or "optional": the Idempotency-Key. `also` is another status of a good answer.
        """

        def register(view: View) -> View:
            function = _by_name(view, [name for name, part in (("body", body), ("query", query)) if part])
            for name, schema, location in (("query", query, "query"), ("body", body, "json")):
                if schema is not None:
                    function = self.arguments(schema(), location=location, required=name == "body" and _needed(schema))(
                        function
                    )
            function = _guarded(function, scope, key)
            function = self.response(status, answer(), headers=_REPLAYED if key else None)(function)
            if also is not None:
                function = self.alt_response(also, schema=answer(), success=True)(function)
            codes = (*ALWAYS, *(WITH_BODY if body else ()), *refusals)
            if key == "required":
                codes = (*codes, "idempotency_key_missing")
            if key:
                codes = (*codes, "idempotency_key_reused")
            function._apidoc["operation"] = {"scope": scope, "key": key, "codes": codes, "id": view.__name__}
            self.route(rule, methods=[method], endpoint=view.__name__)(function)
            return view

        return register

    @staticmethod
    def _describe(doc: dict[str, Any], info: dict[str, Any], *, spec: APISpec, **_: Any) -> dict[str, Any]:
        about = info.get("operation")
        if about is None:
            return doc
        doc["operationId"] = about["id"]
        doc["security"] = [{"api_key": []}]
        doc["x-scope"] = about["scope"]
        if about["key"]:
            doc.setdefault("parameters", []).append(_key_parameter(required=about["key"] == "required"))
        by_status: dict[int, list[str]] = {}
        for code in about["codes"]:
            by_status.setdefault(CODES[code][0], []).append(code)
        for status, codes in sorted(by_status.items()):
            response: dict[str, Any] = {
                "description": "; ".join(f"`{code}`: {CODES[code][1]}" for code in codes),
                "schema": ProblemAnswer,
            }
            prepare_response(response, spec, PROBLEM)
            doc["responses"][str(status)] = response
            doc["responses"].pop(http.HTTPStatus(status), None)
        return doc


def _needed(schema: type[ma.Schema]) -> bool:
    return any(field.required for field in schema().fields.values())


def _by_name(view: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    """flask-smorest hands parsed arguments over by position, the first named innermost; views take them by name."""

    def call(*parsed: Any, **path: Any) -> Any:
        return view(**path, **dict(zip(names, parsed, strict=True)))

    call.__doc__ = view.__doc__
    call.__name__ = view.__name__
    return call


def _guarded(function: Callable[..., Any], scope: str, key: str | None) -> Any:
    """Who asks comes before what they ask; a key that is missing before what is wrong with the rest."""

    def call(**path: Any) -> Any:
        authorise(scope)
        if key is not None:
            path["key"] = idempotency_key(required=key == "required")
        return function(**path)

    call.__doc__ = function.__doc__
    call.__name__ = function.__name__
    call._apidoc = getattr(function, "_apidoc", {})  # type: ignore[attr-defined]
    return call


def idempotency_key(*, required: bool) -> str | None:
    """The request's Idempotency-Key, bare or as a quoted string. `Problem` where one is needed and missing."""
    given = request.headers.get(KEY_HEADER)
    text = (given or "").strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    if not text and (required or given is None):
        if required:
            raise Problem(
                "idempotency_key_missing", f"Send a header {KEY_HEADER} with a key of your own: it makes a retry safe."
            )
        return None
    problem = None if _KEY.fullmatch(text) else "Must be 1 to 255 printable ASCII characters."
    problem = problem or asking.key(text)
    if problem is not None:
        raise Invalid.field(KEY_HEADER, problem)
    return text


def replayed(answer: Any) -> dict[str, str]:
    """The header that says: this is the first answer again, nothing moved now."""
    return {"Idempotent-Replayed": "true"} if answer.replayed else {}


def _key_parameter(*, required: bool) -> dict[str, Any]:
    return {
        "in": "header",
        "name": KEY_HEADER,
        "required": required,
        "description": "Yours, one per request, the same for its retries; bare or in double quotes. Unique per wallet.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x20-\x7e]+$"},
    }


def _schema_name(schema: Any) -> str:
    known: Any = resolve_schema_cls(schema)
    return str(known.__name__).removesuffix("Answer")


def make_api(app: Flask, version: str) -> Api:
    """The described interface of the application."""
    app.url_map.converters["name"] = NameConverter
    app.config.update(
        API_TITLE="Billing",
        API_VERSION=version,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        JSON_SORT_KEYS=False,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider's
    api = Api(app, spec_kwargs={"marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=_schema_name)})
    api.register_converter(
        NameConverter,
        lambda _: {"type": "string", "minLength": 1, "maxLength": 255, "pattern": PRINTABLE.replace("^[^", "^[^/")},
    )
    api.spec.options["info"] = {"description": ABOUT}
    api.spec.components.security_scheme(
        "api_key", {"type": "http", "scheme": "bearer", "description": "An API key with the scope of the operation."}
    )
    return api
