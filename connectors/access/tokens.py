"""Bearer tokens: JSON Web Tokens (RFC 7519), signed by an issuer whose keys are known."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    JoseError,
    MissingClaimError,
)
from joserfc.jwk import OKPKey

from schemas.problems import OvergangError

ALGORITHMS: Final = ("Ed25519", "EdDSA", "ES256", "RS256", "PS256")
"""Signatures by key pair only: with a shared secret whoever checks could also sign."""
OWN_ISSUER: Final = "overgang-embedded"
AUDIENCE: Final = "overgang"
LEEWAY_SECONDS: Final = 60
"""How far two clocks may be apart."""
_LONGEST_TOKEN: Final = 8 * 1024


class InvalidToken(OvergangError):
    """A token that proves nothing; the text says what is wrong with it and what to do."""


class Keys(Protocol):
    """Where keys are found by their id."""

    def get(self, key_id: str) -> Any | None:
        """The key; None where there is none."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a token is about. `expires`: Unix time after which it proves nothing."""

    issuer: str
    subject: str
    expires: int


@dataclass(frozen=True, slots=True)
class TokenVerifier:
    """Checks signature, issuer, audience and times of tokens. `issuers`: keys of each issuer by its name."""

    issuers: Mapping[str, Keys]
    audience: str = AUDIENCE
    clock: Callable[[], float] = time.time

    def verified(self, token: str) -> Subject:
        """Whom the token is about. Blocks while keys are fetched. Raises InvalidToken, NoKeys."""
        if len(token) > _LONGEST_TOKEN:
            raise InvalidToken(f"the token holds more than {_LONGEST_TOKEN} bytes")
        issuer = ""

        def key_of(guest: Any) -> Any:
            nonlocal issuer
            issuer = _issuer(guest.payload)
            keys = self.issuers.get(issuer)
            if keys is None:
                raise InvalidToken("its issuer (iss) is not one whose tokens count here")
            found = keys.get(str(guest.headers().get("kid", "")))
            if found is None:
                raise InvalidToken("no key of its issuer has its key id (kid); get a new token")
            return found

        try:
            claims = jwt.decode(token, key_of, algorithms=list(ALGORITHMS)).claims
            self._claims(issuer).validate(claims)
        except ExpiredTokenError:
            raise InvalidToken("it has expired (exp); get a new token") from None
        except MissingClaimError as missing:
            raise InvalidToken(f"it lacks the claim {missing.claim}") from None
        except InvalidClaimError as wrong:
            mend = "check this machine's clock" if wrong.claim in ("nbf", "iat") else "ask for one for here"
            raise InvalidToken(f"its claim {wrong.claim} does not hold; {mend}") from None
        except BadSignatureError:
            raise InvalidToken("its signature is not its issuer's") from None
        except (JoseError, ValueError, TypeError, KeyError):
            raise InvalidToken("it is no signed JSON Web Token with an algorithm used here") from None
        subject, expires = claims["sub"], claims["exp"]
        if not isinstance(subject, str) or not subject or " " in subject:
            raise InvalidToken("its claim sub names nobody")
        return Subject(issuer, subject, int(expires))

    def _claims(self, issuer: str) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=lambda: int(self.clock()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": self.audience},
            sub={"essential": True},
            exp={"essential": True},
        )


def issue(key: OKPKey, subject: str, seconds: int, now: float) -> str:
    """A token of our own issuer, for the embedded profile."""
    claims = {
        "iss": OWN_ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": int(now),
        "exp": int(now) + seconds,
    }
    return jwt.encode({"alg": "Ed25519", "kid": key.kid}, claims, key, algorithms=["Ed25519"])


def _issuer(payload: Any) -> str:
    claims = payload if isinstance(payload, dict) else jwt.json.loads(payload)  # type: ignore[attr-defined]
    found = claims.get("iss")
    if not isinstance(found, str):
        raise InvalidToken("it lacks the claim iss")
    return found
