"""`overgang schemas`: the shipped schemas in a registry of one's own."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from connectors.cli.printing import AsJson, print_json, print_table
from connectors.schema_registry.client import RegistryClient, RegistryFault, authorization_in
from connectors.schema_registry.publishing import Release, Standing, Verdict, checked, register, shipped
from connectors.settings import Settings

schemas = typer.Typer(help="The shipped schemas in a registry.", no_args_is_help=True)

_Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="Of Confluent's interface, without a credential. Default: OVERGANG_SCHEMA_REGISTRY_URL.",
    ),
]
_Authorization = Annotated[
    Path | None,
    typer.Option(
        "--authorization-file",
        exists=True,
        dir_okay=False,
        readable=True,
        help="File with the value of the Authorization header, such as `Bearer TOKEN`; of that registry by"
        " default OVERGANG_SCHEMA_REGISTRY_AUTHORIZATION_FILE.",
    ),
]


@schemas.command("check")
def check(url: _Url = None, authorization: _Authorization = None, json: AsJson = False) -> None:
    """Would the registry take every schema? Changes nothing; exit status 1 where it would not."""
    _run(checked, url, authorization, as_json=json)


@schemas.command("register")
def register_all(url: _Url = None, authorization: _Authorization = None, json: AsJson = False) -> None:
    """Register every release, and let the registry refuse what is not FULL_TRANSITIVE from then on."""
    _run(register, url, authorization, as_json=json)


def _run(
    work: Callable[[RegistryClient, Sequence[Release]], Iterator[Standing]],
    url: str | None,
    authorization: Path | None,
    *,
    as_json: bool,
) -> None:
    if url is None:
        settings = Settings()
        url = settings.schema_registry_url
        authorization = authorization or settings.schema_registry_authorization_file
    if url is None:
        raise typer.BadParameter(
            "say where the registry is, here or by OVERGANG_SCHEMA_REGISTRY_URL", param_hint="--url"
        )
    with RegistryClient(url, authorization_in(authorization)) as registry:
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
