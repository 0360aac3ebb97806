"""Signatures of systems that write to Kafka themselves: a detached JWS (RFC 7515, appendix F) with Ed25519.

The payload is what `schemas.seal.covered` gives. RFC 7797 (`b64: false`) is refused: joserfc, for one, cannot
sign bytes that are no text with it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

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

    def get_alg(self, name: str) -> Any:
        return super().get_alg(_ALGORITHM if name == _OLD_NAME else name)


_REGISTRY: Final = _Registry(algorithms=[_ALGORITHM], strict_check_header=False)


def signed_at_ms(header: bytes | None, record: bytes, public_key_of: Callable[[str], str]) -> int:
    """When the record was signed (`iat` of the protected header), in ms, once the signature holds.

    `public_key_of` gives the public key (base64url) of a `kid`; what it raises goes through.
    Raises SealBroken.
    """
    text = header or b""
    if len(text) > _LARGEST or b".." not in text:
        raise SealBroken("is no detached JWS: send PROTECTED..SIGNATURE")
    with _Readable():
        found = jws.extract_compact(text, payload=record, registry=_REGISTRY)
    key_id, signed_at = _told(found.headers())
    key = _key(public_key_of(key_id))
    with _Readable():
        holds = jws.validate_compact(found, key, registry=_REGISTRY)
    if not holds:
        raise SealBroken("does not fit: attributes, value or topic are not what was signed")
    return signed_at * 1000


def _told(protected: object) -> tuple[str, int]:
    if not isinstance(protected, dict):
        raise SealBroken("has a protected header that is no object")
    key_id, signed_at = protected.get("kid"), protected.get("iat")
    if "b64" in protected:
        raise SealBroken("has b64 in its protected header: leave it out")
    if not isinstance(key_id, str):
        raise SealBroken("names no key: put kid, its thumbprint (RFC 7638), in the protected header")
    if type(signed_at) is not int or not 0 < signed_at < _LATEST_SECONDS:
        raise SealBroken("tells no time: put iat, in whole seconds, in the protected header")
    return key_id, signed_at


class _Readable:
    """What the library raises on what is no JWS, as the sender's fault."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, JoseError | ValueError | TypeError | AttributeError | RecursionError):
            raise SealBroken("is no JWS with the algorithm Ed25519") from error


@lru_cache(maxsize=1024)
def _key(public: str) -> OKPKey:
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public})
