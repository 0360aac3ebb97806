"""Secrets of 32 bytes in a file of their own, made once; most files hold one."""

import base64
import binascii
import os
import re
import secrets
from pathlib import Path

from schemas.problems import OvergangError

KEY_BYTES = 32
_HEX_KEY = re.compile(r"[0-9A-Fa-f]{64}")


class KeyFileError(OvergangError):
    """A key file cannot be used; the text says what to do about it."""


def load_or_make_secret(path: Path, what: str, setting: str) -> bytes:
    """The secret in the file, which is made (mode 600, random, base64) where there is none.

    Two processes that start together get the same secret: the file appears whole, once, by `link`. `what`
    names the secret in errors, `setting` the environment variable that names another file.

    Raises:
        KeyFileError: the file is open to others, cannot be read, or holds no key.
    """
    secrets_there = load_or_make_secrets(path, what, setting)
    if len(secrets_there) != 1:
        raise _no_key(path, what)
    return secrets_there[0]


def load_or_make_secrets(path: Path, what: str, setting: str) -> tuple[bytes, ...]:
    """As `load_or_make_secret`, of a file that holds one or more, a line each, in their order."""
    try:
        if not path.exists():
            _make(path)
        return _load(path, what)
    except OSError as error:
        raise KeyFileError(
            f"{path}: the {what} file cannot be used ({error.strerror}); "
            f"give this user the right to read and write it, or name another in {setting}"
        ) from error


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _publish(draft, path)
    finally:
        draft.unlink()


def _publish(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process was first: its key is the key
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _load(path: Path, what: str) -> tuple[bytes, ...]:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise KeyFileError(f"{path}: others can read the {what}; run: chmod 600 {path}")
        found = tuple(map(_secret, file.read(4096).decode("ascii", "replace").split()))
    if not found or None in found:
        raise _no_key(path, what)
    return tuple(secret for secret in found if secret)


def _secret(text: str) -> bytes | None:
    try:
        secret = bytes.fromhex(text) if _HEX_KEY.fullmatch(text) else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return secret if len(secret) == KEY_BYTES else None


def _no_key(path: Path, what: str) -> KeyFileError:
    return KeyFileError(
        f"{path}: holds no {what}; restore it from a backup: {KEY_BYTES} bytes, base64 or hex"
    )
