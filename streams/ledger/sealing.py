"""AES-256-GCM with a fresh nonce a seal; what is sealed for one case does not open for another."""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.key_file import load_or_make_secret
from schemas.problems import OvergangError

_VERSION = b"\x01"
_NONCE = 12


class CannotOpen(OvergangError):
    """A sealed value does not open: wrong key, another case's, or damaged."""


class Seal:
    """One key that seals and opens bytes. `context` binds a value to what it belongs to."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Return version (1 byte), nonce (12 bytes), ciphertext with its tag."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plaintext, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return the plaintext.

        Raises:
            CannotOpen: it was sealed by another key, for another context, or is damaged.
        """
        if sealed[:1] != _VERSION:
            raise CannotOpen("sealed value of an unknown version; was it written by a newer release?")
        try:
            return self._cipher.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], context)
        except (InvalidTag, ValueError):
            raise CannotOpen(
                "a sealed value does not open; check that the wrapping key file belongs to this database"
            ) from None


def new_key() -> bytes:
    """256 random bits."""
    return secrets.token_bytes(32)


def load_or_make_wrapping_key(path: Path) -> Seal:
    """The wrapping key in the file, which is made once.

    Raises:
        KeyFileError: the file is open to others, cannot be read, or holds no key.
    """
    return Seal(load_or_make_secret(path, "wrapping key", "OVERGANG_WRAPPING_KEY_FILE"))
