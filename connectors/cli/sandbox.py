"""`overgang sandbox`: a gateway of its own with parties that behave as scripted, to try a system against."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Final

import httpx
import typer

from connectors.access.own_token import OwnToken
from connectors.access.token_keys import own_key
from connectors.cli.gateway import Gateway, gateway, interrupted_by_signals
from connectors.cli.ledger_change import existing_seal
from connectors.sandbox.endpoint import ScriptedEndpoint
from connectors.sandbox.registering import TOKEN_DAYS, Registering
from connectors.sandbox.rehearsal import rehearse
from connectors.sandbox.script import Script, ScriptedParty, read_script
from connectors.sandbox.sender import ScriptedSender
from connectors.settings import Settings
from schemas.identifiers import SystemId
from schemas.problems import OvergangError
from streams.ledger.engine import engine_for

DIRECTORY: Final = "sandbox"
"""Within the data directory: keys, broker and database of the sandbox alone."""
_TOKENS: Final = "tokens"
_TIMEOUT_SECONDS: Final = 30.0
_EPOCH: Final = 1_767_225_600
"""The beginning of 2026: rounds are numbered by the seconds since, so that none comes twice."""


class NotAloneHere(OvergangError):
    """A sandbox was to use a broker or a database that is not its own."""


def sandbox(
    script: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE.toml", help="Default: the shipped script."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not tell each message that is sent.")] = False,
) -> None:
    """Start a gateway with scripted parties: slow, failing, sending twice or faults; Ctrl-C stops all."""
    played = read_script(script)
    rehearse(played)
    settings = _own_settings(Settings())
    interrupted_by_signals()
    try:
        with gateway(settings, _say) as running, _playing(played, running, settings, quiet):
            _say("ready", "Ctrl-C stops all")
            running.stay()
    except KeyboardInterrupt:
        typer.echo("stopped")


def _own_settings(settings: Settings) -> Settings:
    """Those of a gateway beside the one of this data directory. Raises NotAloneHere."""
    for name, value in (
        ("KAFKA_BOOTSTRAP", settings.kafka_bootstrap),
        ("DATABASE_URL", settings.database_url),
    ):
        if value is not None:
            raise NotAloneHere(f"OVERGANG_{name}: a sandbox starts its own; unset it for this command")
    return Settings(data_directory=settings.data_directory / DIRECTORY)


@contextmanager
def _playing(script: Script, running: Gateway, settings: Settings, quiet: bool) -> Iterator[None]:
    directory = settings.data_directory
    key = own_key(settings.token_key_file)
    engine = engine_for(running.addresses.database_url)
    registering = Registering(engine, existing_seal(settings.wrapping_key_file), key, directory / _TOKENS)
    _say("data", f"OVERGANG_DATA_DIRECTORY={directory} for `overgang tasks`, `webhooks` and the others")
    told = threading.Event()
    with ExitStack() as stack:
        for party in script.party:
            registering.enter(party)
            if party.webhook:
                endpoint = stack.enter_context(ScriptedEndpoint(party.webhook).serving())
                registering.webhook(party, endpoint)
            _say("party", f"{party.address} {party.name}: {party.does}")
            if party.yours:
                _say("token", f"{registering.token(party)} (system {party.system}, {TOKEN_DAYS} days)")
        first_round = int(time.time()) - _EPOCH
        threads = [
            threading.Thread(target=_sender(party, running, settings, told, first_round, quiet, stack).run)
            for party in script.party
            if party.sends
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            told.set()
            for thread in threads:
                thread.join()


def _sender(
    party: ScriptedParty,
    running: Gateway,
    settings: Settings,
    told: threading.Event,
    first_round: int,
    quiet: bool,
    stack: ExitStack,
) -> ScriptedSender:
    auth = OwnToken(own_key(settings.token_key_file), SystemId(party.system))
    client = httpx.Client(
        base_url=running.addresses.http, timeout=_TIMEOUT_SECONDS, trust_env=False, auth=auth
    )
    stack.enter_context(client)
    say = (lambda *_: None) if quiet else _say
    return ScriptedSender(party, client, say, told, first_round)


def _say(name: str, what: str) -> None:
    typer.echo(f"{name:<9} {what}")
