"""A citizen's pseudonym, an EU case's key, and the one secret that both are made with.

Contracts: "Keys and identity". The secret never rotates; two installations agree on pseudonyms exactly when
they share the key file.
"""

import base64
import hmac
import unicodedata
from hashlib import sha256
from pathlib import Path
from typing import Self

from schemas.identifiers import CaseKey, Pseudonym
from schemas.key_file import KEY_BYTES, load_or_make_secret
from schemas.message import Record

_PSEUDONYM_BYTES = 16
_REMEMBERED = 1 << 18
"""Digests that a command keeps, some 50 MB."""
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

    def digest(self, text: str) -> str:
        """128 bits of the keyed HMAC-SHA256 of a text, in base32."""
        short = hmac.digest(self, text.encode(), sha256)[:_PSEUDONYM_BYTES]
        return base64.b32encode(short).decode().rstrip("=").lower()


class RememberingKey(PseudonymKey):
    """For a command that reads a file once: whoever is in it many times is looked up, and one text in memory.

    It holds what identifies citizens as it was sent, so nothing that keeps running may have one.
    """

    _known: dict[str, str]

    def __new__(cls, secret: bytes) -> Self:
        key = super().__new__(cls, secret)
        key._known = {}
        return key

    def digest(self, text: str) -> str:
        known = self._known.get(text)
        if known is None:
            if len(self._known) == _REMEMBERED:
                self._known.clear()
            known = self._known[text] = super().digest(text)
        return known


def pseudonym_of_citizen(key: PseudonymKey, citizen: Record, *, institution: str | None) -> Pseudonym | None:
    """The pseudonym of a `citizen` record; None where it holds no way to identify anybody.

    CPR wins over a foreign number. `institution` is the competent institution's EESSI id, given by EU flows
    only: with it, names and birth date identify a person who has neither number.
    """
    if identifier := _identifier(citizen, institution):
        return Pseudonym(key.digest(identifier))
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
    return CaseKey("eu-" + key.digest(f"eu:{eu_case_id}"))


def load_or_make_key(path: Path) -> PseudonymKey:
    """The pseudonym key in the file, which is made once.

    Raises:
        KeyFileError: the file is open to others, cannot be read, or holds no key.
    """
    return PseudonymKey(load_or_make_secret(path, "pseudonym key", "OVERGANG_PSEUDONYM_KEY_FILE"))
