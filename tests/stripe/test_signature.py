from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from billing.stripe.signature import SignatureInvalid, sign, verify

NOW = datetime(2025, 4, 1, 10, 0, tzinfo=UTC)
BODY = '{"id": "evt_1", "é": 1}'.encode()
SECRET = "whsec_new"


def by_hand(body: bytes, secret: str, at: int) -> str:
    """As Stripe documents it, without the SDK."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


AT = int(NOW.timestamp())
GOOD = by_hand(BODY, SECRET, AT)


def reason(header: str | None, *, body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        verify(body, header, secrets, NOW)
    assert str(caught.value) == caught.value.reason
    return caught.value.reason


def test_signed_as_stripe_documents_it() -> None:
    assert sign(BODY, SECRET, NOW) == f"t={AT},v1={GOOD}"
    verify(BODY, sign(BODY, SECRET, NOW), [SECRET], NOW)


def test_the_sdk_accepts_what_we_sign() -> None:
    stripe.WebhookSignature.verify_header(BODY, sign(BODY, SECRET, NOW), SECRET)


@pytest.mark.parametrize("secrets", [(SECRET,), ("whsec_old", SECRET), (SECRET, "whsec_old"), ("", SECRET, " ")])
def test_any_of_several_secrets(secrets: tuple[str, ...]) -> None:
    verify(BODY, sign(BODY, SECRET, NOW), secrets, NOW)


@pytest.mark.parametrize(
    "header",
    [
        f"t={AT},v1={'0' * 64},v1={GOOD}",
        f"t={AT},v1={GOOD},v0=sham",
        f"t={AT}, v1={GOOD}",
        f"v1={GOOD},t={AT}",
    ],
    ids=["rolled secret", "sham scheme", "spaces", "turned round"],
)
def test_headers_that_stripe_may_send(header: str) -> None:
    verify(BODY, header, [SECRET], NOW)


@pytest.mark.parametrize("off", [-300, -299, 0, 299, 300])
def test_within_the_tolerance_either_way(off: int) -> None:
    verify(BODY, sign(BODY, SECRET, NOW + timedelta(seconds=off)), [SECRET], NOW)


@pytest.mark.parametrize(
    ("off", "said"), [(-301, "301 s old"), (301, "301 s ahead"), (315_360_000, "ahead"), (-315_360_000, "old")]
)
def test_too_old_or_from_the_future(off: int, said: str) -> None:
    assert said in reason(sign(BODY, SECRET, NOW + timedelta(seconds=off)))


def test_a_tolerance_of_its_own() -> None:
    header = sign(BODY, SECRET, NOW - timedelta(seconds=11))
    verify(BODY, header, [SECRET], NOW, timedelta(seconds=11))
    with pytest.raises(SignatureInvalid):
        verify(BODY, header, [SECRET], NOW, timedelta(seconds=10))


@pytest.mark.parametrize("seconds", [0, -1])
def test_the_age_is_always_checked(seconds: int) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        verify(BODY, sign(BODY, SECRET, NOW), [SECRET], NOW, timedelta(seconds=seconds))


@pytest.mark.parametrize("secrets", [(), ("",), (" ", "\t")])
def test_without_a_secret_nothing_is_trusted(secrets: tuple[str, ...]) -> None:
    header = f"t={AT},v1={by_hand(BODY, '', AT)}"
    assert "STRIPE_WEBHOOK_SECRETS" in reason(header, secrets=secrets)


def test_nothing_is_signed_without_a_secret() -> None:
    with pytest.raises(ValueError, match="empty"):
        sign(BODY, " ", NOW)


@pytest.mark.parametrize(
    ("body", "secret", "at"),
    [(BODY + b" ", SECRET, AT), (BODY, "whsec_old", AT), (BODY, SECRET, AT + 1)],
    ids=["body", "secret", "time"],
)
def test_signed_for_something_else(body: bytes, secret: str, at: int) -> None:
    assert "fits the body" in reason(f"t={AT},v1={by_hand(body, secret, at)}")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "junk",
        f"v1={GOOD}",
        f"t={AT}",
        f"t={AT},v0={GOOD}",
        f"t=,v1={GOOD}",
        f"t=now,v1={GOOD}",
        f"t=-{AT},v1={GOOD}",
        f"t={AT}.0,v1={GOOD}",
        f"t={10**400},v1={by_hand(BODY, SECRET, 10**400)}",
        f"t={AT},t={AT + 1},v1={GOOD}",
        f"t={AT},v1={GOOD}é",
        f"t={AT},v1=",
        f"t={AT},v1={GOOD}=",
        f"t={AT},v1={GOOD}," + "v1=x," * 2000,
    ],
)
def test_headers_that_stripe_does_not_send(header: str | None) -> None:
    assert reason(header)


def test_a_body_that_is_no_text() -> None:
    assert "UTF-8" in reason(f"t={AT},v1={by_hand(BODY, SECRET, AT)}", body=b"\xff\xfe")


@given(
    st.binary(max_size=30), st.text(max_size=40) | st.just(f"t={AT},v1=").flatmap(lambda s: st.text().map(s.__add__))
)
def test_whatever_comes_is_refused_in_one_way(body: bytes, header: str) -> None:
    with pytest.raises(SignatureInvalid):
        verify(body, header, [SECRET], NOW)


@pytest.mark.slow
def test_the_sdk_is_loaded_with_the_first_signature_only() -> None:
    code = (
        "import sys, billing.stripe.payloads, billing.stripe.signature as signature;"
        "assert 'stripe' not in sys.modules;"
        "from datetime import datetime, UTC;"
        "signature.sign(b'{}', 'whsec_x', datetime(2025, 1, 1, tzinfo=UTC));"
        "assert 'stripe' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
