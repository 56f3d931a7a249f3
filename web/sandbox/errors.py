"""What Stripe answers when it refuses: its error object."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A request that is not done. With `kept`, what it did before stays done: a declined charge is a charge."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        kept: bool = False,
        **more: Any,
    ) -> None:
        self.status, self.kept = status, kept
        given = {"code": code, "message": message, "param": param, "type": kind, **more}
        if code is not None:
            given["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
        self.error = {name: value for name, value in sorted(given.items()) if value is not None}
        super().__init__(message)


def missing(kind: str, id: str, param: str, status: int = 400) -> Refused:
    """What was named is not there. In the address it is a 404, in a parameter a 400."""
    words = kind.replace("_", " ")
    return Refused(f"No such {words}: '{id}'", status=status, code="resource_missing", param=param)


def needed(param: str) -> Refused:
    return Refused(f"Missing required param: {param}.", code="parameter_missing", param=param)
