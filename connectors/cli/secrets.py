"""`overgang secrets`: what docker-compose.yml reads its secrets from."""

from pathlib import Path
from typing import Annotated

import typer

from connectors.cli.printing import AsJson, print_json, print_table
from connectors.deployment.secrets import make_secrets


def secrets(
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="A new directory.")],
    name: Annotated[
        list[str], typer.Option(help="DNS name by which callers reach the HTTP API; may be repeated.")
    ],
    json: AsJson = False,
) -> None:
    """Make keys, passwords and certificates of an installation, once: mode 600, a directory for each reader.

    Run as root, the files belong to the users that the services run as. Keep a copy of `gateway/` apart:
    without its keys no case is found and no stored message can be read.
    """
    made = make_secrets(directory, name)
    if json:
        print_json([str(file) for file in made])
    else:
        print_table(f"{len(made)} files", ("file",), ([str(file)] for file in made))
