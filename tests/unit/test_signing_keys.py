"""The public key of a system: PEM or JWK, of one kind, and never the private one."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from joserfc.jwk import OKPKey

from connectors.access.signing_keys import signing_key
from streams.registry import RegistryRefused
from tests.signing import new_key

RFC_8037 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
"""RFC 8037, appendix A.3."""


def test_a_jwk_is_kept_by_the_thumbprint_that_every_library_computes() -> None:
    assert signing_key(json.dumps(RFC_8037)) == f"{THUMBPRINT} {RFC_8037['x']}"


def test_the_same_key_as_pem_is_the_same_key() -> None:
    pem = OKPKey.import_key(RFC_8037).as_pem(private=False).decode()
    assert signing_key(pem) == signing_key(json.dumps(RFC_8037))


def test_a_private_key_is_refused_and_not_repeated() -> None:
    pair = new_key()
    secret = str(pair.as_dict(private=True)["d"])
    pem = pair.as_pem(private=True).decode()
    key = load_pem_private_key(pem.encode(), None)
    old = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    for text in (json.dumps(pair.as_dict(private=True)), pem, old):
        with pytest.raises(RegistryRefused, match="private key") as refused:
            signing_key(text)
        assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        "[]",
        "nonsense",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        json.dumps(RFC_8037 | {"kty": "EC"}),
        json.dumps(RFC_8037 | {"crv": "X25519"}),
        json.dumps(RFC_8037 | {"x": "AAAA"}),
        json.dumps(RFC_8037 | {"x": None}),
        json.dumps(RFC_8037 | {"x": "é" * 43}),
        generate_private_key(SECP256R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    ],
)
def test_what_is_no_such_key_is_refused_with_the_mend(text: str) -> None:
    with pytest.raises(RegistryRefused, match=r"signing_key: .* Ed25519"):
        signing_key(text)
