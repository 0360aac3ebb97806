"""`overgang schemas`: the shipped schemas in a registry of one's own."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from connectors.cli.printing import AsJson, print_json, print_table
from connectors.schema_registry.client import RegistryClient, RegistryFault
from connectors.schema_registry.publishing import Release, Standing, Verdict, checked, register, shipped

schemas = typer.Typer(help="The shipped schemas in a registry.", no_args_is_help=True)

_Url = Annotated[
    str, typer.Option("--url", metavar="URL", help="Of Confluent's interface, without a credential.")
]
_Authorization = Annotated[
    Path | None,
    typer.Option(
        "--authorization-file",
        exists=True,
        dir_okay=False,
        readable=True,
        help="File with the value of the Authorization header, such as `Bearer TOKEN`.",
    ),
]


@schemas.command("check")
def check(url: _Url, authorization: _Authorization = None, json: AsJson = False) -> None:
    """Would the registry take every schema? Changes nothing; exit status 1 where it would not."""
    _run(checked, url, authorization, as_json=json)


@schemas.command("register")
def register_all(url: _Url, authorization: _Authorization = None, json: AsJson = False) -> None:
    """Register every release, and let the registry refuse what is not FULL_TRANSITIVE from then on."""
    _run(register, url, authorization, as_json=json)


def _run(
    work: Callable[[RegistryClient, Sequence[Release]], Iterator[Standing]],
    url: str,
    authorization: Path | None,
    *,
    as_json: bool,
) -> None:
    value = authorization.read_text(encoding="utf-8").strip() if authorization else None
    if value is not None and (not value.isascii() or not value.isprintable()):
        raise RegistryFault("--authorization-file: write one line of ASCII, such as `Bearer TOKEN`")
    with RegistryClient(url, value) as registry:
        found = list(work(registry, shipped()))
    if as_json:
        print_json(found)
    else:
        print_table(
            f"{len(found)} releases",
            ("subject", "release", "id in messages", "id there", "verdict"),
            ((s.subject, s.release, s.id, s.registered_id, s.verdict) for s in found),
        )
    if any(standing.registered_id not in (None, standing.id) for standing in found):
        typer.echo("ids differ: readers ask the gateway's own routes for the schema of a message", err=True)
    wrong = [standing for standing in found if standing.fault]
    if any(standing.verdict is Verdict.INCOMPATIBLE for standing in wrong):
        raise RegistryFault("a schema is incompatible with the registry's; do not deploy this version")
    if wrong:
        raise RegistryFault("the registry does not demand FULL_TRANSITIVE; run `overgang schemas register`")
