"""The public key with which a system signs what it writes to Kafka itself."""

import base64
import json

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from joserfc.jwk import OKPKey

from streams.registry import RegistryRefused

_MEND = "give the public key, an Ed25519 one, as PEM (BEGIN PUBLIC KEY) or JWK"
_SECRET = "signing_key: holds the private key, which only its system may have; make a new pair for it"


def signing_key(text: str) -> str:
    """Thumbprint (RFC 7638) and public key, as the registry keeps them, of a PEM or a JWK.

    Raises RegistryRefused.
    """
    if "PRIVATE KEY" in text:
        raise RegistryRefused(_SECRET)
    try:
        raw = _of_jwk(text) if text.lstrip().startswith("{") else _of_pem(text)
    except (ValueError, TypeError, KeyError, RecursionError, UnsupportedAlgorithm):
        raise RegistryRefused(f"signing_key: cannot be read; {_MEND}") from None
    public = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    thumbprint = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public}).thumbprint()
    return f"{thumbprint} {public}"


def _of_pem(text: str) -> bytes:
    key = load_pem_public_key(text.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise RegistryRefused(f"signing_key: is of another kind; {_MEND}")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _of_jwk(text: str) -> bytes:
    key = json.loads(text)
    if "d" in key:
        raise RegistryRefused(_SECRET)
    if (key["kty"], key["crv"]) != ("OKP", "Ed25519"):
        raise RegistryRefused(f"signing_key: is of another kind; {_MEND}")
    raw = base64.urlsafe_b64decode(key["x"] + "=")
    return Ed25519PublicKey.from_public_bytes(raw).public_bytes(Encoding.Raw, PublicFormat.Raw)
