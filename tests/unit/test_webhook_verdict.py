"""What answers mean, when the next try is, and signatures as the published library reads them."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.webhooks.signing import signed_headers, webhook_id
from connectors.webhooks.verdict import Answer, Verdict, retry_after, wait_after
from schemas.identifiers import PartyAddress
from streams.ledger.sealing import CannotOpen, Seal
from streams.ledger.webhook_secrets import WebhookSecret, new_secret, open_secrets, seal_secrets

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AARHUS, ODENSE = PartyAddress("/municipality/751"), PartyAddress("/municipality/461")
SEAL = Seal(bytes(range(32)))


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((status, Verdict.DELIVERED) for status in (200, 201, 202, 204, 299)),
        *((status, Verdict.REFUSED) for status in (400, 401, 403, 404, 405, 409, 413, 415, 422, 451)),
        (410, Verdict.GONE),
        *((status, Verdict.AGAIN) for status in (301, 302, 307, 308, 408, 425, 429, 500, 502, 503, 504, 599)),
        (None, Verdict.AGAIN),
    ],
)
def test_an_answer_means_one_thing(status: int | None, verdict: Verdict) -> None:
    assert Answer(status, "ConnectError").verdict is verdict


def test_waits_grow_to_three_hours_and_no_further() -> None:
    assert [wait_after(n).total_seconds() for n in range(1, 6)] == [1, 3, 7, 15, 31]
    assert wait_after(13).total_seconds() == 8191
    assert wait_after(14) == wait_after(15) == wait_after(10**9) == timedelta(hours=3)


@given(st.integers(1, 10_000))
def test_a_wait_is_never_shorter_than_the_one_before(attempts: int) -> None:
    assert timedelta(0) < wait_after(attempts) <= wait_after(attempts + 1) <= timedelta(hours=3)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("0", 0),
        ("999999999", 10800),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("Sat, 21 Nov 2099 12:00:00 GMT", 10800),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(header: str, seconds: int) -> None:
    assert retry_after(header, NOW) == timedelta(seconds=seconds)


@given(st.one_of(st.none(), st.text()))
def test_a_malformed_retry_after_is_none_and_never_an_error(header: str | None) -> None:
    asked = retry_after(header, NOW)
    assert asked is None or timedelta(0) <= asked <= timedelta(hours=3)


def test_a_signature_is_what_the_specification_says_and_the_library_verifies() -> None:
    secrets = [new_secret(), new_secret()]
    now = datetime.now(UTC)
    body = '{"name": "Åse"}'.encode()
    headers = signed_headers("id-1", now, body, secrets)
    for secret in secrets:
        assert Webhook(secret.text).verify(body, headers) == {"name": "Åse"}
        key = base64.b64decode(secret.text.removeprefix("whsec_"))
        signed = f"id-1.{int(now.timestamp())}.".encode() + body
        ours = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert f"v1,{ours}" in headers["webhook-signature"].split(" ")
    for changed in (body + b" ", b"{}"):
        with pytest.raises(WebhookVerificationError):
            Webhook(secrets[0].text).verify(changed, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[0].text).verify(body, headers | {"webhook-id": "id-2"})


def test_the_id_of_a_message_is_its_own_at_its_recipient() -> None:
    assert webhook_id(AARHUS, 1) == webhook_id(AARHUS, 1)
    assert len({webhook_id(AARHUS, 1), webhook_id(AARHUS, 2), webhook_id(ODENSE, 1)}) == 3


def test_secrets_open_for_their_party_only_and_not_after_their_end() -> None:
    ending = WebhookSecret(new_secret().text, NOW)
    fresh = new_secret()
    sealed = seal_secrets(SEAL, AARHUS, [fresh, ending])
    assert open_secrets(SEAL, AARHUS, sealed, NOW - timedelta(seconds=1)) == [fresh, ending]
    assert open_secrets(SEAL, AARHUS, sealed, NOW) == [fresh]
    with pytest.raises(CannotOpen):
        open_secrets(SEAL, ODENSE, sealed, NOW)
    assert fresh.text not in repr(fresh)
