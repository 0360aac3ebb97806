"""Enters a script's parties into a sandbox's own registry: systems, grants, webhooks, and tokens as files."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from joserfc.jwk import OKPKey
from sqlalchemy import Engine

from connectors.access.tokens import issue
from connectors.sandbox.endpoint import ScriptedEndpoint
from connectors.sandbox.script import ScriptedParty
from schemas.identifiers import SystemId
from streams.ledger.registry import read_registry
from streams.ledger.registry_changes import RegistryChanges
from streams.ledger.sealing import Seal
from streams.ledger.webhook_changes import WebhookChanges
from streams.ledger.webhook_lists import webhook_standings
from streams.registry import Party, Right

TOKEN_DAYS: Final = 30
_ACTOR: Final = "overgang sandbox"


@dataclass(frozen=True, slots=True)
class Registering:
    """One sandbox. `tokens`: directory for token files; `now` is aware."""

    engine: Engine
    seal: Seal
    key: OKPKey
    tokens: Path
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def enter(self, scripted: ScriptedParty) -> None:
        """Register a party, and a system that may send and read for it; again changes nothing."""
        changes = RegistryChanges(self.engine, _ACTOR, self.now())
        system = SystemId(scripted.system)
        with self.engine.connect() as connection:
            known = read_registry(connection)
        begins = known.parties[scripted.party].valid_from if scripted.party in known.parties else None
        changes.put_party(Party(scripted.party, scripted.name, begins or self.now().date()))
        changes.put_system(system, scripted.name)
        if not known.grants.get(system):
            changes.grant(system, scripted.party, Right.SEND)
            changes.grant(system, scripted.party, Right.READ)

    def token(self, scripted: ScriptedParty) -> Path:
        """A file, mode 600, with a bearer token of the party's system, for `TOKEN_DAYS`."""
        self.tokens.mkdir(mode=0o700, exist_ok=True)
        file = self.tokens / f"{scripted.system}.token"
        seconds = int(timedelta(days=TOKEN_DAYS).total_seconds())
        text = issue(self.key, SystemId(scripted.system), seconds, self.now().timestamp())
        fresh = file.with_suffix(f".{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as made:
            made.write(text + "\n")
        return fresh.replace(file)

    def webhook(self, scripted: ScriptedParty, endpoint: ScriptedEndpoint) -> None:
        """Have the party's messages posted to its endpoint, from the first on, and tell that its secret."""
        changes = WebhookChanges(self.engine, self.seal, _ACTOR, self.now())
        with self.engine.connect() as connection:
            known = webhook_standings(connection, scripted.party)
        if known:
            # The port is another, and the old secret was shown once.
            endpoint.secret = changes.rotate(scripted.party, timedelta(0))
            changes.put(scripted.party, endpoint.url)
        else:
            endpoint.secret = changes.put(scripted.party, endpoint.url, after=0)
