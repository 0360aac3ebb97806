"""Signing as a vendor's system does it, by the text of docs/contracts.md and by no code of the gateway."""

import struct
from collections.abc import Sequence

from joserfc import jws
from joserfc.jwk import OKPKey

REGISTRY = jws.JWSRegistry(algorithms=["Ed25519", "EdDSA"], strict_check_header=False)


def new_key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", auto_kid=True)


def part(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def signed_part(topic: str, headers: Sequence[tuple[str, bytes]], value: bytes) -> bytes:
    told = [part(name.encode()) + part(content) for name, content in sorted(headers)]
    return part(b"overgang.record.v1") + part(topic.encode()) + b"".join(told) + part(value)


def signature(
    key: OKPKey, topic: str, headers: Sequence[tuple[str, bytes]], value: bytes, at: float, **changed: object
) -> tuple[str, bytes]:
    """The header that signs a record. `changed` replaces members of the protected header; None takes away."""
    protected = {"alg": "Ed25519", "kid": key.kid, "iat": int(at)} | changed
    protected = {name: content for name, content in protected.items() if content is not None}
    token = jws.serialize_compact(protected, signed_part(topic, headers, value), key, registry=REGISTRY)
    return "overgang-signature", jws.detach_content(token).encode()
