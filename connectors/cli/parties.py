"""`overgang parties`: who may send and read what; every change is audited and in force within a second."""

import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from connectors.access.certificates import fingerprint
from connectors.access.own_token import own_key_file
from connectors.access.signing_keys import signing_key
from connectors.access.token_keys import own_key
from connectors.access.tokens import issue
from connectors.cli.decide import instant
from connectors.cli.ledger_access import database_url, open_ledger, unanswered
from connectors.cli.printing import AsJson, print_json, print_table
from connectors.settings import Settings
from schemas.identifiers import Flow, PartyAddress, SystemId
from streams.ledger.engine import engine_for
from streams.ledger.registry import read_registry
from streams.ledger.registry_changes import RegistryChanges
from streams.registry import LOCAL, CredentialKind, Party, Receipts, RegistryRefused, Right, System

parties = typer.Typer(help="Who may send and read what.")

_System = Annotated[str, typer.Argument(metavar="SYSTEM", help="Its name, such as school-admin.")]
_From = Annotated[
    datetime | None, typer.Option("--from", parser=instant, metavar="RFC3339", help="Default: now.")
]
_To = Annotated[
    datetime | None, typer.Option("--to", parser=instant, metavar="RFC3339", help="Default: no end.")
]


@parties.callback(invoke_without_command=True)
def listed(context: typer.Context, json: AsJson = False) -> None:
    """List parties, systems, grants and credentials."""
    if context.invoked_subcommand is not None:
        return
    with open_ledger() as connection:
        known = read_registry(connection)
    grants = [grant for found in known.grants.values() for grant in found]
    credentials = [credential for found in known.credentials.values() for credential in found]
    if json:
        print_json(
            {
                "version": known.version,
                "parties": list(known.parties.values()),
                "systems": list(known.systems.values()),
                "grants": grants,
                "credentials": credentials,
                "receipts": known.receipt_wishes,
            }
        )
        return
    print_table(
        f"{len(known.parties)} parties",
        ("address", "name", "from", "to", "successor"),
        ((p.address, p.name, p.valid_from, p.valid_to, p.successor) for p in known.parties.values()),
    )
    print_table(
        f"{len(known.systems)} systems",
        ("system", "name", "suspended", "because"),
        ((s.id, s.name, *_suspension(s)) for s in known.systems.values()),
    )
    print_table(
        f"{len(grants)} grants",
        ("n", "system", "party", "right", "flow", "from", "to"),
        ((g.n, g.system, g.party, g.right, g.flow or "all", g.valid_from, g.valid_to) for g in grants),
    )
    print_table(
        f"{len(credentials)} credentials",
        ("n", "system", "kind", "value", "from", "to", "revoked"),
        ((c.n, c.system, c.kind, c.value, c.valid_from, c.valid_to, c.revoked_at) for c in credentials),
    )
    if known.receipt_wishes:
        print_table(
            "Receipts",
            ("party", "receipts", "from"),
            ((w.party, w.receipts, w.valid_from) for w in known.receipt_wishes),
        )


@parties.command("add")
def add(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Such as /institution/280051.")],
    name: Annotated[str, typer.Option(help="Its name.")],
    valid_from: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"])] = None,
    valid_to: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Its last day.")
    ] = None,
    successor: Annotated[str | None, typer.Option(help="Address of who acts in its place after.")] = None,
) -> None:
    """Register a party, or change what is known of it."""
    begins = valid_from.date() if valid_from else date.today()  # noqa: DTZ011 - the operator's own day
    party = Party(
        PartyAddress(address),
        name,
        begins,
        valid_to.date() if valid_to else None,
        PartyAddress(successor) if successor else None,
    )
    with _changes() as changes:
        changes.put_party(party)
    typer.echo(f"{address} is registered")


@parties.command("system")
def system(system: _System, name: Annotated[str, typer.Option(help="What people call it.")]) -> None:
    """Register a system, or rename it."""
    with _changes() as changes:
        changes.put_system(SystemId(system), name)
    typer.echo(f"{system} is registered")


@parties.command("grant")
def grant(
    system: _System,
    party: Annotated[str, typer.Argument(metavar="ADDRESS")],
    right: Annotated[Right, typer.Option(help="What it may do for that party.")],
    flow: Annotated[str | None, typer.Option(help="With send: this flow only.")] = None,
    valid_from: _From = None,
    valid_to: _To = None,
) -> None:
    """Let a system do something for a party."""
    with _changes() as changes:
        known: Flow | None = flow  # type: ignore[assignment] # checked there
        n = changes.grant(SystemId(system), party, right, known, valid_from, valid_to)
    typer.echo(f"grant {n}")


@parties.command("end")
def end(n: Annotated[int, typer.Argument(metavar="N")], at: _To = None) -> None:
    """End a grant, now or at `--to`."""
    with _changes() as changes:
        changes.end_grant(n, at)
    typer.echo(f"grant {n} is ended")


@parties.command("receipts")
def receipts(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Such as /institution/280051.")],
    wanted: Annotated[Receipts, typer.Argument(metavar="all|faults", help="Of all its messages, or faults.")],
    valid_from: _From = None,
) -> None:
    """Say which receipts a party gets by mailbox, webhook and topic."""
    with _changes() as changes:
        changes.want_receipts(PartyAddress(address), wanted, valid_from)
    typer.echo(f"{address} gets receipts: {wanted}")


@parties.command("certificate")
def certificate(
    system: _System,
    file: Annotated[Path, typer.Argument(metavar="FILE.pem", exists=True, dir_okay=False)],
    valid_from: _From = None,
    valid_to: _To = None,
) -> None:
    """Let a system prove itself by a client certificate."""
    try:
        value = fingerprint(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise RegistryRefused(f"{file}: cannot be read as text; give a certificate in PEM") from None
    with _changes() as changes:
        n = changes.add_credential(SystemId(system), CredentialKind.CERTIFICATE, value, valid_from, valid_to)
    typer.echo(f"credential {n}")


@parties.command("signing-key")
def sign_with(
    system: _System,
    file: Annotated[Path, typer.Argument(metavar="FILE.pem|jwk", exists=True, dir_okay=False)],
    valid_from: _From = None,
    valid_to: _To = None,
) -> None:
    """Let a system sign what it writes to Kafka itself; prints the kid that its signatures must name."""
    try:
        value = signing_key(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise RegistryRefused(f"{file}: cannot be read as text; give a public key in PEM or JWK") from None
    with _changes() as changes:
        n = changes.add_credential(SystemId(system), CredentialKind.SIGNING_KEY, value, valid_from, valid_to)
    typer.echo(f"credential {n}, kid {value.split()[0]}")


@parties.command("subject")
def subject(
    system: _System,
    issuer: Annotated[str, typer.Argument(help="Claim iss of its tokens.")],
    subject: Annotated[str, typer.Argument(help="Claim sub of its tokens.")],
    valid_from: _From = None,
    valid_to: _To = None,
) -> None:
    """Let a system prove itself by an issuer's tokens."""
    with _changes() as changes:
        n = changes.add_credential(
            SystemId(system), CredentialKind.SUBJECT, f"{issuer} {subject}", valid_from, valid_to
        )
    typer.echo(f"credential {n}")


@parties.command("revoke")
def revoke(n: Annotated[int, typer.Argument(metavar="N")]) -> None:
    """Revoke a credential, now and for good."""
    with _changes() as changes:
        changes.revoke(n)
    typer.echo(f"credential {n} is revoked")


@parties.command("suspend")
def suspend(system: _System, because: Annotated[str, typer.Option(help="Why.")]) -> None:
    """Let a system do nothing until it is resumed."""
    with _changes() as changes:
        changes.suspend(SystemId(system), because)
    typer.echo(f"{system} is suspended")


@parties.command("suspended")
def suspended(json: AsJson = False) -> None:
    """List the systems that may do nothing, or send nothing, until they are resumed."""
    with open_ledger() as connection:
        known = read_registry(connection)
    found = [system for system in known.systems.values() if any(_suspension(system))]
    if json:
        print_json(found)
        return
    print_table(
        f"{len(found)} suspended",
        ("system", "name", "since", "because", "may still"),
        ((s.id, s.name, *_suspension(s), "nothing" if s.suspended_at is not None else "read") for s in found),
    )


@parties.command("resume")
def resume(system: _System) -> None:
    """Let a suspended system do again what it was granted, whoever or whatever suspended it."""
    with _changes() as changes:
        changes.resume(SystemId(system))
    typer.echo(f"{system} may act again")


@parties.command("token")
def token(
    system: Annotated[
        str, typer.Argument(metavar="SYSTEM", help="Default: this machine's operator, who may do all.")
    ] = LOCAL,
    minutes: Annotated[int, typer.Option(min=1, max=24 * 60)] = 60,
) -> None:
    """Print a bearer token, signed by this machine's own key; in the embedded profile."""
    with open_ledger() as connection:
        if SystemId(system) not in read_registry(connection).systems:
            raise RegistryRefused(f"system: is not registered; run `overgang parties system {system}` first")
    key = own_key(own_key_file(Settings()))
    typer.echo(issue(key, system, minutes * 60, time.time()))


def _suspension(system: System) -> tuple[datetime | None, str | None]:
    """Since when and why; of both, what stops it more."""
    if system.suspended_at is not None:
        return system.suspended_at, system.suspended_because
    return system.sending_suspended_at, system.sending_suspended_because


@contextmanager
def _changes() -> Iterator[RegistryChanges]:
    engine = engine_for(database_url(Settings()))
    try:
        yield RegistryChanges(engine, getpass.getuser(), datetime.now(UTC))
    except SQLAlchemyError as failed:
        raise unanswered(failed) from None
