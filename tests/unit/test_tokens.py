"""Bearer tokens: which ones prove something, and what is said of those that do not."""

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from connectors.access.token_keys import IssuerKeys, NoKeys, OwnKeys
from connectors.access.tokens import LEEWAY_SECONDS, OWN_ISSUER, InvalidToken, TokenVerifier, issue

NOW = 1_790_000_000
ISSUER = "https://issuer.example"
KEY = OKPKey.generate_key("Ed25519", {"use": "sig"}, auto_kid=True)
CLAIMS = {"iss": ISSUER, "aud": "overgang", "sub": "school-admin", "iat": NOW, "exp": NOW + 60}


def verifier(*keys: Any) -> TokenVerifier:
    published = KeySet(list(keys) or [KEY]).as_dict(private=False)
    return TokenVerifier({ISSUER: IssuerKeys(lambda: published)}, clock=lambda: NOW)


def signed(claims: Mapping[str, Any], key: Any = KEY, alg: str = "Ed25519") -> str:
    return jwt.encode({"alg": alg, "kid": key.kid}, dict(claims), key, algorithms=[alg])


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (OKPKey.generate_key("Ed25519", auto_kid=True), "Ed25519"),
        (ECKey.generate_key("P-256", auto_kid=True), "ES256"),
        (RSAKey.generate_key(2048, auto_kid=True), "RS256"),
        (RSAKey.generate_key(2048, auto_kid=True), "PS256"),
    ],
)
def test_a_token_signed_by_its_issuers_key_pair_proves_its_subject(key: Any, alg: str) -> None:
    subject = verifier(key).verified(signed(CLAIMS, key, alg))
    assert (subject.issuer, subject.subject, subject.expires) == (ISSUER, "school-admin", NOW + 60)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exp": NOW - LEEWAY_SECONDS - 1}, "expired"),
        ({"nbf": NOW + LEEWAY_SECONDS + 1}, "nbf"),
        ({"iat": NOW + LEEWAY_SECONDS + 1}, "iat"),
        ({"aud": "another"}, "aud"),
        ({"aud": ["another", "third"]}, "aud"),
        ({"iss": "https://stranger.example"}, "issuer"),
        ({"iss": 7}, "iss"),
        ({"sub": ""}, "sub"),
        ({"sub": "two words"}, "sub"),
        ({"sub": ["a"]}, "sub"),
        ({"exp": "tomorrow"}, "exp"),
        *[({name: None}, name) for name in ("iss", "aud", "sub", "exp")],
    ],
)
def test_a_claim_that_does_not_hold_is_named(changes: dict[str, Any], said: str) -> None:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    with pytest.raises(InvalidToken, match=said):
        verifier().verified(signed(claims))


@pytest.mark.parametrize("late", [0, LEEWAY_SECONDS - 1])
def test_clocks_may_be_a_minute_apart(late: int) -> None:
    assert verifier().verified(signed(CLAIMS | {"exp": NOW - late})).subject == "school-admin"
    assert verifier().verified(signed(CLAIMS | {"nbf": NOW + late})).subject == "school-admin"


def test_one_of_several_audiences_is_enough() -> None:
    assert verifier().verified(signed(CLAIMS | {"aud": ["another", "overgang"]}))


def test_another_key_under_a_known_id_proves_nothing() -> None:
    other = OKPKey.generate_key("Ed25519", {"kid": KEY.kid})
    with pytest.raises(InvalidToken, match="signature"):
        verifier().verified(signed(CLAIMS, other))


def test_a_key_of_another_issuer_proves_nothing_here() -> None:
    own = OKPKey.generate_key("Ed25519", auto_kid=True)
    both = TokenVerifier(
        {ISSUER: IssuerKeys(lambda: KeySet([KEY]).as_dict(private=False)), OWN_ISSUER: OwnKeys(own)},
        clock=lambda: NOW,
    )
    assert both.verified(issue(own, "local", 60, NOW)).subject == "local"
    with pytest.raises(InvalidToken, match="key id"):
        both.verified(signed(CLAIMS | {"iss": OWN_ISSUER}))


def test_a_public_key_used_as_a_shared_secret_proves_nothing() -> None:
    """The classic confusion: HS256 over what everybody can read."""
    rsa = RSAKey.generate_key(2048, auto_kid=True)

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    header = json.dumps({"alg": "HS256", "kid": rsa.kid}).encode()
    said = f"{part(header)}.{part(json.dumps(CLAIMS).encode())}"
    forged = hmac.digest(rsa.as_pem(private=False), said.encode(), "sha256")
    with pytest.raises(InvalidToken, match="algorithm"):
        verifier(rsa).verified(f"{said}.{part(forged)}")


def test_a_token_without_a_signature_proves_nothing() -> None:
    header, payload, _ = signed(CLAIMS).split(".")
    none = "eyJhbGciOiJub25lIn0"
    for token in (f"{none}.{payload}.", f"{header}.{payload}.", payload, "", "a.b.c", ".." * 9, "x" * 9000):
        with pytest.raises(InvalidToken):
            verifier().verified(token)


def test_no_refusal_repeats_what_the_token_says() -> None:
    for claims in (
        CLAIMS | {"aud": "7405034123"},
        CLAIMS | {"iss": "7405034123"},
        CLAIMS | {"sub": "7405034123 x"},
    ):
        with pytest.raises(InvalidToken) as refused:
            verifier().verified(signed(claims))
        assert "7405034123" not in str(refused.value)


class Published:
    """An issuer whose set of keys changes, and which may be away; counts how often it is asked."""

    def __init__(self, *keys: Any) -> None:
        self.keys = list(keys)
        self.away = False
        self.asked = 0
        self.time = 0.0

    def fetch(self) -> Mapping[str, Any]:
        self.asked += 1
        if self.away:
            raise NoKeys("away")
        return KeySet(self.keys).as_dict(private=False)

    def known(self) -> IssuerKeys:
        return IssuerKeys(self.fetch, pause=10, renew=300, keep=3600, clock=lambda: self.time)


def test_a_new_key_is_found_and_strangers_do_not_make_us_ask_without_end() -> None:
    new = OKPKey.generate_key("Ed25519", auto_kid=True)
    issuer = Published(KEY)
    keys = issuer.known()
    assert keys.get(KEY.kid) is not None
    issuer.keys.append(new)
    assert keys.get(new.kid) is None
    assert [keys.get("stranger") for _ in range(100)] == [None] * 100
    assert issuer.asked == 1
    issuer.time = 10
    assert keys.get(new.kid) is not None
    assert issuer.asked == 2


def test_a_key_that_was_taken_back_stops_to_count() -> None:
    issuer = Published(KEY)
    keys = issuer.known()
    assert keys.get(KEY.kid) is not None
    issuer.keys.clear()
    issuer.keys.append(OKPKey.generate_key("Ed25519", auto_kid=True))
    issuer.time = 299
    assert keys.get(KEY.kid) is not None
    issuer.time = 300
    assert keys.get(KEY.kid) is None


def test_while_an_issuer_is_away_its_last_keys_count_for_an_hour() -> None:
    issuer = Published(KEY)
    keys = issuer.known()
    assert keys.get(KEY.kid) is not None
    issuer.away = True
    issuer.time = 3600
    assert keys.get(KEY.kid) is not None
    issuer.time = 3601
    with pytest.raises(NoKeys, match="OVERGANG_TOKEN_KEYS"):
        keys.get(KEY.kid)


def test_a_shared_secret_in_a_published_set_is_not_taken() -> None:
    secret = OctKey.generate_key(256, auto_kid=True)
    keys = IssuerKeys(lambda: KeySet([KEY, secret]).as_dict(private=True))
    assert keys.get(secret.kid) is None
    assert keys.get(KEY.kid) is not None
