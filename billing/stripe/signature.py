"""Stripe's signature on a webhook: checked before anything in the body is believed.

The SDK does the cryptography. Its clock check is one-sided and can be switched off, so the age is checked
here, by the caller's clock and both ways: a header from the future would be valid, and so replayable, until
its time has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

TOLERANCE = timedelta(seconds=300)
_LONGEST_HEADER = 4_096


class SignatureInvalid(Exception):
    """The body is not to be trusted. `reason` is fit for a log and tells an operator what to look at; `kind` is
    `unconfigured` (no secret is set), `header` (none, or none of Stripe's), `signature` (another secret signed it) or
    `tolerance` (signed too long ago, or ahead of this machine's clock).
    """

    def __init__(self, reason: str, kind: str = "header") -> None:
        self.reason, self.kind = reason, kind
        super().__init__(reason)


def verify(
    body: bytes, header: str | None, secrets: Sequence[str], now: datetime, tolerance: timedelta = TOLERANCE
) -> None:
    """Returns if one of `secrets` signed exactly this body at most `tolerance` before or after `now`.

    Several secrets serve while one is being rolled over. Raises `SignatureInvalid`; ValueError if `tolerance`
    would switch the check of the age off.
    """
    from stripe import SignatureVerificationError, WebhookSignature

    if tolerance <= timedelta(0):
        raise ValueError("Without a tolerance a caught request could be replayed for ever.")
    usable = [secret for secret in secrets if secret.strip()]
    if not usable:
        raise SignatureInvalid(
            "No webhook secret is configured, so no event is taken: set STRIPE_WEBHOOK_SECRETS.", "unconfigured"
        )
    timestamp, signatures = _read(header)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise SignatureInvalid("The body is not UTF-8.") from None
    plain = ",".join([f"t={timestamp}", *(f"v1={signature}" for signature in signatures)])
    for secret in usable:
        try:
            WebhookSignature.verify_header(body, plain, secret)
        except SignatureVerificationError:
            continue
        _check_age(timestamp, now, tolerance)
        return
    raise SignatureInvalid(
        "No signature in the header fits the body: STRIPE_WEBHOOK_SECRETS does not hold this endpoint's secret, or the"
        " body was changed on its way.",
        "signature",
    )


def sign(body: bytes, secret: str, timestamp: datetime) -> str:
    """The `Stripe-Signature` header Stripe would send with this body (UTF-8) at this time."""
    from stripe import WebhookSignature

    if not secret.strip():
        raise ValueError("A webhook secret must not be empty.")
    seconds = int(timestamp.timestamp())
    header: str = WebhookSignature.generate_signature_header(body.decode("utf-8"), secret, seconds)
    return header


def _read(header: str | None) -> tuple[int, list[str]]:
    """The header's time and its v1 signatures. Every other scheme is ignored: sandboxes add a sham v0."""
    if not header:
        raise SignatureInvalid("There is no Stripe-Signature header.")
    if len(header) > _LONGEST_HEADER or not header.isascii():
        raise SignatureInvalid("The Stripe-Signature header is not one that Stripe sends.")
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1" and "=" not in value]
    if len(times) != 1 or not times[0].isdigit() or len(times[0]) > 12:
        raise SignatureInvalid("The Stripe-Signature header holds no time.")
    if not signatures:
        raise SignatureInvalid("The Stripe-Signature header holds no v1 signature.")
    return int(times[0]), signatures


def _check_age(timestamp: int, now: datetime, tolerance: timedelta) -> None:
    age = now.timestamp() - timestamp
    if abs(age) > tolerance.total_seconds():
        where = "old" if age > 0 else "ahead of this machine's clock"
        raise SignatureInvalid(
            f"Timestamp outside the tolerance: signed {abs(age):.0f} s {where}, allowed are"
            f" {tolerance.total_seconds():.0f} s. If every event is refused so, set this machine's clock.",
            "tolerance",
        )
