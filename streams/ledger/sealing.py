"""AES-256-GCM with a fresh nonce a seal; what is sealed for one case does not open for another."""

import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.problems import OvergangError

_VERSION = b"\x01"
_NONCE = 12


class CannotOpen(OvergangError):  # noqa: N818 the name is the event
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
        except InvalidTag:
            raise CannotOpen(
                "a sealed value does not open; check that the wrapping key file belongs to this database"
            ) from None


def new_key() -> bytes:
    """256 random bits."""
    return secrets.token_bytes(32)


def load_or_make_wrapping_key(path: Path) -> Seal:
    """Read the wrapping key (32 bytes as hex) from `path`; made once with mode 600 where it is absent.

    Raises:
        CannotOpen: others can read the file, or it does not hold 64 hex digits.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(new_key().hex() + "\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            path.stat()  # another process made it first: theirs is the key
        finally:
            draft.unlink()
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise CannotOpen(f"{path} can be read by others; chmod 600 it")
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise CannotOpen(f"{path} does not hold 64 hex digits; restore it from its backup")
    return Seal(key)
