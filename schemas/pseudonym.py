"""A citizen's pseudonym, an EU case's key, and the one secret that both are made with.

Contracts: "Keys and identity". The secret never rotates; two installations agree on pseudonyms exactly when
they share the key file.
"""

import base64
import hmac
import unicodedata
from pathlib import Path
from typing import Self

from schemas.identifiers import CaseKey, Pseudonym
from schemas.key_file import KEY_BYTES, load_or_make_secret
from schemas.message import Record

_PSEUDONYM_BYTES = 16
_SEPARATOR = "\x1f"  # entry refuses control characters in text, so a name cannot hold it


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
    """The pseudonym key in the file, which is made once.

    Raises:
        KeyFileError: the file is open to others, cannot be read, or holds no key.
    """
    return PseudonymKey(load_or_make_secret(path, "pseudonym key", "OVERGANG_PSEUDONYM_KEY_FILE"))
