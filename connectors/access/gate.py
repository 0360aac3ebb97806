"""From a request's credential to the system that asks: the one place where that is decided."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from connectors.access.tokens import OWN_ISSUER, InvalidToken, Subject, TokenVerifier
from schemas.identifiers import Flow, PartyAddress, SystemId
from schemas.problems import OvergangError
from streams.ledger.registry_watch import RegistryWatch
from streams.registry import OPERATOR, CredentialKind, Registry, Right

_TOKENS_KEPT: Final = 4096
_TOKEN_RECHECKED_SECONDS: Final = 60.0


class NotProved(OvergangError):
    """A request without a credential that counts; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, by the registry in force at that instant."""

    system: SystemId
    registry: Registry
    at: datetime

    @property
    def operates(self) -> bool:
        """Whether it is the operator."""
        return self.registry.may(self.system, Right.OPERATE, OPERATOR, self.at)

    @property
    def monitors(self) -> bool:
        """Whether it may see readiness and metrics."""
        return self.operates or self.registry.may(self.system, Right.MONITOR, OPERATOR, self.at)

    def sends(self, party: PartyAddress, flow: Flow) -> bool:
        """Whether it may post messages of a flow for a party; for `/gateway` only the operator."""
        return self.registry.sends(self.system, party, flow, self.at)

    def reads(self, party: PartyAddress) -> bool:
        """Whether it may see what is a party's own."""
        return self.operates or self.registry.may(self.system, Right.READ, party, self.at)

    def receives(self, party: PartyAddress) -> bool:
        """Whether it may open what was sent to a party; of one that has ended, as its successor's reader.

        Being the operator is not enough: what messages say is not the operator's.
        """
        return self.registry.may(self.system, Right.READ, self.registry.acting_for(party, self.at), self.at)


@dataclass(frozen=True, slots=True)
class _Checked:
    subject: Subject
    at: float


class Gate:
    """Proves callers. A checked token is kept by its hash for a minute, never longer than it holds."""

    def __init__(
        self,
        verifier: TokenVerifier,
        watch: RegistryWatch,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._verifier = verifier
        self._watch = watch
        self._now = now
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, _Checked] = OrderedDict()

    def by_token(self, token: str) -> Caller:
        """Raises NotProved, RegistryUnknown, NoKeys."""
        now = self._now()
        subject = self._kept(token, now.timestamp()) or self._subject(token, now.timestamp())
        return self._standing_for(subject, now)

    def remembered(self, token: str) -> Caller | None:
        """As `by_token` where the token was checked before, without waiting for anything; else None."""
        now = self._now()
        known = self._kept(token, now.timestamp())
        return None if known is None else self._standing_for(known, now)

    def by_certificate(self, der: bytes) -> Caller:
        """By a client certificate that the TLS layer has verified. Raises NotProved, RegistryUnknown."""
        now = self._now()
        registry = self._watch.current()
        return _standing(
            registry, registry.proved(CredentialKind.CERTIFICATE, sha256(der).hexdigest(), now), now
        )

    def _kept(self, token: str, now: float) -> Subject | None:
        with self._lock:
            known = self._known.get(sha256(token.encode()).digest())
        if known is None or now - known.at >= _TOKEN_RECHECKED_SECONDS or now >= known.subject.expires:
            return None
        return known.subject

    def _subject(self, token: str, now: float) -> Subject:
        try:
            subject = self._verifier.verified(token)
        except InvalidToken as invalid:
            raise NotProved(str(invalid)) from None
        with self._lock:
            self._known[sha256(token.encode()).digest()] = _Checked(subject, now)
            if len(self._known) > _TOKENS_KEPT:
                self._known.popitem(last=False)
        return subject

    def _standing_for(self, subject: Subject, now: datetime) -> Caller:
        registry = self._watch.current()
        if subject.issuer == OWN_ISSUER:
            system: SystemId | None = SystemId(subject.subject)
        else:
            system = registry.proved(CredentialKind.SUBJECT, f"{subject.issuer} {subject.subject}", now)
        return _standing(registry, system, now)


def _standing(registry: Registry, system: SystemId | None, now: datetime) -> Caller:
    known = None if system is None else registry.systems.get(system)
    if system is None or known is None:
        raise NotProved("it stands for no system that is registered here; ask the operator")
    if known.suspended_at is not None:
        raise NotProved(f"the system {system} is suspended; ask the operator")
    return Caller(system, registry, now)
