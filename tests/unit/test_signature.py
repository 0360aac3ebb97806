"""Signatures of systems that write to Kafka themselves: detached JWS with Ed25519, nothing else."""

import base64
import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey

from schemas.seal import SealBroken, covered
from schemas.signature import signed_at_ms
from tests.notices import KAFKA_HEADERS, KAFKA_VALUE
from tests.signing import REGISTRY, new_key, signature, signed_part

TOPIC = "inbound.dropout-risk.v1"
AT = 1_795_000_000
KEY = new_key()
RECORD = covered(TOPIC, KAFKA_HEADERS, KAFKA_VALUE)
PUBLIC = KEY.as_dict(private=False)["x"]


def opened(header: bytes | None, record: bytes = RECORD) -> int:
    def public_key_of(key_id: str) -> str:
        assert key_id == KEY.kid
        return str(PUBLIC)

    return signed_at_ms(header, record, public_key_of)


def signed(**changed: object) -> bytes:
    return signature(KEY, TOPIC, KAFKA_HEADERS, KAFKA_VALUE, AT, **changed)[1]


def forged(protected: object, sig: bytes = b"\0" * 64) -> bytes:
    def encoded(content: bytes) -> bytes:
        return base64.urlsafe_b64encode(content).rstrip(b"=")

    return encoded(json.dumps(protected).encode()) + b".." + encoded(sig)


def test_what_a_vendor_signs_by_the_contract_is_what_the_gateway_checks() -> None:
    assert signed_part(TOPIC, KAFKA_HEADERS, KAFKA_VALUE) == RECORD
    assert opened(signed()) == AT * 1000


def test_both_names_of_the_algorithm_are_taken_without_a_word() -> None:
    header = signed(alg="EdDSA")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert opened(header) == AT * 1000


@pytest.mark.parametrize("part", range(3))
def test_a_signature_of_another_record_does_not_hold(part: int) -> None:
    topic, headers, value = TOPIC, list(KAFKA_HEADERS), KAFKA_VALUE
    if part == 0:
        topic = "inbound.mentor.v1"
    elif part == 1:
        headers[2] = (headers[2][0], headers[2][1] + b"1")
    else:
        value += b"\0"
    with pytest.raises(SealBroken, match="does not fit"):
        opened(signed(), covered(topic, headers, value))


def test_a_signature_by_another_key_does_not_hold() -> None:
    other = signature(new_key(), TOPIC, KAFKA_HEADERS, KAFKA_VALUE, AT, kid=KEY.kid)[1]
    with pytest.raises(SealBroken, match="does not fit"):
        opened(other)


def test_another_time_under_the_same_signature_does_not_hold() -> None:
    sig = base64.urlsafe_b64decode(signed().rpartition(b".")[2] + b"==")
    with pytest.raises(SealBroken, match="does not fit"):
        opened(forged({"alg": "Ed25519", "kid": KEY.kid, "iat": AT + 1}, sig))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kid": None}, "names no key"),
        ({"kid": 7}, "names no key|is no JWS"),
        ({"iat": None}, "tells no time"),
        ({"iat": AT * 1000}, "tells no time"),
        ({"iat": True}, "tells no time"),
        ({"iat": -1}, "tells no time"),
        ({"iat": float(AT)}, "tells no time"),
        ({"iat": str(AT)}, "tells no time"),
        ({"b64": True}, "b64"),
    ],
)
def test_what_the_protected_header_lacks_is_told(changed: dict[str, object], said: str) -> None:
    protected = {"alg": "Ed25519", "kid": KEY.kid, "iat": AT} | changed
    with pytest.raises(SealBroken, match=said):
        opened(forged({name: value for name, value in protected.items() if value is not None}))


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES256", "RS256", "Ed448", "ed25519", None, [], {}])
def test_no_other_algorithm_is_taken(algorithm: object) -> None:
    protected = {"alg": algorithm, "kid": KEY.kid, "iat": AT}
    with pytest.raises(SealBroken, match="Ed25519"):
        opened(forged(protected))


def test_the_public_key_is_no_shared_secret() -> None:
    """Whoever knows the public key must not be able to sign with it as if it were a secret."""
    secret = OctKey.import_key(base64.urlsafe_b64decode(PUBLIC + "="))
    registry = jws.JWSRegistry(algorithms=["HS256", "ES256"], strict_check_header=False)
    protected = {"alg": "HS256", "kid": KEY.kid, "iat": AT}
    token = jws.serialize_compact(protected, RECORD, secret, registry=registry)
    with pytest.raises(SealBroken, match="Ed25519"):
        opened(jws.detach_content(token).encode())
    of_curve = jws.serialize_compact(
        protected | {"alg": "ES256"}, RECORD, ECKey.generate_key("P-256"), registry=registry
    )
    with pytest.raises(SealBroken, match="Ed25519"):
        opened(jws.detach_content(of_curve).encode())


def test_an_attached_payload_is_refused() -> None:
    token = jws.serialize_compact(
        {"alg": "Ed25519", "kid": KEY.kid, "iat": AT}, RECORD, KEY, registry=REGISTRY
    )
    with pytest.raises(SealBroken, match="detached"):
        opened(token.encode())


@given(st.none() | st.binary(max_size=80) | st.binary(max_size=20).map(lambda tail: b"e30.." + tail))
def test_no_bytes_whatever_are_our_own_fault(header: bytes | None) -> None:
    with pytest.raises(SealBroken):
        opened(header)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(["alg", "kid", "iat", "b64", "crit", "jwk", "x5c", "typ", "zip"])


@given(JSON | st.dictionaries(MEMBERS, JSON | st.sampled_from(["Ed25519", KEY.kid, ["b64"], AT]), max_size=9))
def test_no_protected_header_whatever_is_our_own_fault(protected: object) -> None:
    def public_key_of(_: str) -> str:
        return str(PUBLIC)

    with pytest.raises(SealBroken):
        signed_at_ms(forged(protected), RECORD, public_key_of)


def test_a_header_of_any_length_costs_little() -> None:
    with pytest.raises(SealBroken, match="detached"):
        opened(b"e30.." + b"A" * 100_000)
