"""Keys that bearer tokens are signed with: the gateway's own, and an issuer's published set (JWKS)."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from schemas.key_file import load_or_make_secret
from schemas.problems import OvergangError

_log = structlog.get_logger(__name__)
_FETCH_SECONDS: Final = 5.0
_LARGEST_SET: Final = 256 * 1024


class NoKeys(OvergangError):
    """An issuer's keys cannot be had; the text says from where and why."""


def own_key(file: Path) -> OKPKey:
    """The key that `overgang parties token` signs with (Ed25519), made once; for the embedded profile."""
    secret = load_or_make_secret(file, "token key", "OVERGANG_TOKEN_KEY_FILE")
    key = OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(secret), {"use": "sig", "alg": "Ed25519"})
    key.ensure_kid()
    return key


class OwnKeys:
    """The one key of this machine's own tokens."""

    def __init__(self, key: OKPKey) -> None:
        self._key = key

    def get(self, key_id: str) -> OKPKey | None:
        """The key, where that is its id."""
        return self._key if key_id == self._key.kid else None


class IssuerKeys:
    """An issuer's keys, by key id. They are fetched again for an unknown id, at most every `pause` seconds,
    and every `renew` seconds in any case, so that a key that the issuer took back stops to count.

    `fetch` gives the set as JSON values and raises `NoKeys`; while it does, the last set counts for
    `keep` seconds more.
    """

    def __init__(
        self,
        fetch: Callable[[], Mapping[str, Any]],
        *,
        pause: float = 10.0,
        renew: float = 300.0,
        keep: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._pause, self._renew, self._keep, self._clock = pause, renew, keep, clock
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._tried: float | None = None
        self._fetched: float | None = None

    def get(self, key_id: str) -> Any | None:
        """The key of that id; None where the issuer has none. Blocks while keys are fetched.

        Raises NoKeys where no set was ever fetched, or the last one is too old.
        """
        with self._lock:
            now = self._clock()
            age = None if self._fetched is None else now - self._fetched
            rested = self._tried is None or now - self._tried >= self._pause
            if rested and (age is None or age >= self._renew or key_id not in self._keys):
                self._renewed(now)
                age = None if self._fetched is None else now - self._fetched
            if age is None or age > self._keep:
                raise NoKeys("the keys of the tokens' issuer cannot be had; see OVERGANG_TOKEN_KEYS")
            return self._keys.get(key_id)

    def _renewed(self, now: float) -> None:
        self._tried = now
        try:
            found = KeySet.import_key_set(dict(self._fetch()))  # type: ignore[arg-type] # checked there
        except (NoKeys, JoseError, KeyError, TypeError, ValueError) as failed:
            _log.error("token_keys", problem="cannot be fetched", kind=type(failed).__name__)
            return
        # A shared secret in a published set would let everybody sign.
        self._keys = {key.kid: key for key in found.keys if key.kid and key.key_type != "oct"}
        self._fetched = now


def fetched_from(place: str) -> Callable[[], Mapping[str, Any]]:
    """Fetches a JWKS from a URL, or reads it from a file."""

    def fetch() -> Mapping[str, Any]:
        try:
            if "://" not in place:
                content = Path(place).read_bytes()
            else:
                with httpx.Client(timeout=_FETCH_SECONDS, follow_redirects=False) as client:
                    answer = client.get(place)
                    answer.raise_for_status()
                    content = answer.content
        except (OSError, httpx.HTTPError) as failed:
            raise NoKeys(f"{place} cannot be read ({type(failed).__name__})") from failed
        if len(content) > _LARGEST_SET:
            raise NoKeys(f"{place} holds more than a set of keys")
        found = httpx.Response(200, content=content).json()
        if not isinstance(found, dict):
            raise NoKeys(f"{place} holds no set of keys")
        return found

    return fetch
