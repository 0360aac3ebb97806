"""`overgang up`: the whole gateway in one place, each part a process of its own, stopped in reverse order.

A part that ends by itself ends everything, with its reason.
"""

import typer

from connectors.cli.gateway import gateway, interrupted_by_signals
from connectors.settings import Settings


def up() -> None:
    """Start broker and database (where none is configured), worker, API and deliverer; Ctrl-C stops all."""
    settings = Settings()
    interrupted_by_signals()
    try:
        with gateway(settings, lambda name, what: typer.echo(f"{name:<9} {what}")) as running:
            typer.echo("ready     Ctrl-C stops all")
            running.stay()
    except KeyboardInterrupt:
        typer.echo("stopped")
