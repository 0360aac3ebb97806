"""Signatures of systems that write to Kafka themselves: a detached JWS (RFC 7515, appendix F) with Ed25519.

The payload is what `schemas.seal.covered` gives. RFC 7797 (`b64: false`) is refused: joserfc and others cannot
sign bytes that are no text with it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from schemas.seal import SealBroken

_ALGORITHM: Final = "Ed25519"
_OLD_NAME: Final = "EdDSA"
_LARGEST: Final = 1024
_LATEST_SECONDS: Final = 10**11


class _Registry(jws.JWSRegistry):
    """Ed25519 under its own name (RFC 9864) and the one it had before."""

    def get_alg(self, name: str) -> jws.JWSAlgModel:
        return super().get_alg(_ALGORITHM if name == _OLD_NAME else name)


_REGISTRY: Final = _Registry(algorithms=[_ALGORITHM], strict_check_header=False)


def signed_at_ms(header: bytes | None, record: bytes, public_key_of: Callable[[str], str]) -> int:
    """When the record was signed (`iat` of the protected header), in ms, once the signature holds.

    `public_key_of` gives the public key (base64url) of a `kid`; what it raises goes through. Raises SealBroken.
    """
    text = header or b""
    if len(text) > _LARGEST or b".." not in text:
        raise SealBroken("is no detached JWS: send PROTECTED..SIGNATURE")
    try:
        found = jws.extract_compact(text, payload=record, registry=_REGISTRY)
        protected = found.headers()
        if not isinstance(protected, dict):
            raise SealBroken("has a protected header that is no object")
        key_id, signed_at = protected.get("kid"), protected.get("iat")
        if "b64" in protected:
            raise SealBroken("has b64 in its protected header: leave it out")
        if not isinstance(key_id, str):
            raise SealBroken("names no key: put kid, its thumbprint (RFC 7638), in the protected header")
        if (
            isinstance(signed_at, bool)
            or not isinstance(signed_at, int)
            or not 0 < signed_at < _LATEST_SECONDS
        ):
            raise SealBroken("tells no time: put iat, in whole seconds, in the protected header")
        holds = jws.validate_compact(found, _key(public_key_of(key_id)), registry=_REGISTRY)
    except (JoseError, ValueError, TypeError) as malformed:
        raise SealBroken("is no JWS with the algorithm Ed25519") from malformed
    if not holds:
        raise SealBroken("does not fit: attributes, value or topic are not what was signed")
    return signed_at * 1000


@lru_cache(maxsize=1024)
def _key(public: str) -> OKPKey:
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public})
