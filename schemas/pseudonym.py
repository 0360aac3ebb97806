"""A citizen's pseudonym, an EU case's key, and the one secret that both are made with.

Contracts: "Keys and identity". The secret never rotates; two installations agree on pseudonyms exactly when
they share the key file.
"""

import base64
import binascii
import hmac
import os
import re
import secrets
import unicodedata
from pathlib import Path
from typing import Self

from schemas.identifiers import CaseKey, Pseudonym
from schemas.message import Record
from schemas.problems import OvergangError

KEY_BYTES = 32
_PSEUDONYM_BYTES = 16
_SEPARATOR = "\x1f"  # entry refuses control characters in text, so a name cannot hold it
_HEX_KEY = re.compile(r"[0-9A-Fa-f]{64}")


class KeyFileError(OvergangError):
    """The pseudonym key file cannot be used; the text says what to do about it."""


class PseudonymKey(bytes):
    """The secret, 32 bytes. Its text form hides it, so that no log or traceback can print it."""

    def __new__(cls, secret: bytes) -> Self:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a pseudonym key has {KEY_BYTES} bytes, not {len(secret)}")
        return super().__new__(cls, secret)

    def __repr__(self) -> str:
        return "PseudonymKey(hidden)"

    __str__ = __repr__


def pseudonym_of_citizen(key: PseudonymKey, citizen: Record, *, institution: str | None) -> Pseudonym | None:
    """The pseudonym of a `citizen` record; None where it holds no way to identify anybody.

    CPR wins over a foreign number. `institution` is the competent institution's EESSI id, given by EU flows
    only: with it, names and birth date identify a person who has neither number.
    """
    if identifier := _identifier(citizen, institution):
        return Pseudonym(_digest(key, identifier))
    return None


def _identifier(citizen: Record, institution: str | None) -> str | None:
    if cpr := citizen.get("cpr"):
        return f"cpr:{cpr.replace('-', '')}"
    if foreign := citizen.get("foreign_id"):
        number = "".join(filter(str.isalnum, unicodedata.normalize("NFC", foreign["number"]).upper()))
        if number:
            return f"foreign:{foreign['country']}:{number}"
    family, given, born = (citizen.get(field) for field in ("family_name", "forename", "birth_date"))
    if institution and family and given and born:
        parts: tuple[str, ...] = (institution, _folded(family), _folded(given), born.isoformat())
        return "person:" + _SEPARATOR.join(parts)
    return None


def _folded(name: str) -> str:
    # Folding can take a text out of NFC, so it is composed once more.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def case_key_of_eu(key: PseudonymKey, eu_case_id: str) -> CaseKey:
    """`eu-` and 26 characters: what the facts of one EU case are grouped by."""
    return CaseKey("eu-" + _digest(key, f"eu:{eu_case_id}"))


def _digest(key: PseudonymKey, text: str) -> str:
    short = hmac.digest(key, text.encode(), "sha256")[:_PSEUDONYM_BYTES]
    return base64.b32encode(short).decode().rstrip("=").lower()


def load_or_make_key(path: Path) -> PseudonymKey:
    """The key in the file, which is made (mode 600, random) where there is none.

    Two processes that start together get the same key: the file appears whole, once, by `link`.
    Raises KeyFileError where the file is open to others, cannot be read, or holds no key.
    """
    try:
        if not path.exists():
            _make(path)
        return _load(path)
    except OSError as error:
        raise KeyFileError(
            f"{path}: the pseudonym key file cannot be used ({error.strerror}); "
            "give this user the right to read and write it, or name another in OVERGANG_PSEUDONYM_KEY_FILE"
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


def _load(path: Path) -> PseudonymKey:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise KeyFileError(f"{path}: others can read the pseudonym key; run: chmod 600 {path}")
        text = file.read(4096).decode("ascii", "replace").strip()
    try:
        secret = bytes.fromhex(text) if _HEX_KEY.fullmatch(text) else base64.b64decode(text, validate=True)
        return PseudonymKey(secret)
    except (ValueError, binascii.Error):
        raise KeyFileError(
            f"{path}: holds no pseudonym key; restore it from a backup: {KEY_BYTES} bytes, base64 or hex"
        ) from None
