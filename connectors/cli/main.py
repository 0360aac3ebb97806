"""`overgang`: one command a file, imported only when it is asked for.

An error is one line on standard error with the mend: exit status 2 for wrong usage, 1 for a failure. A fault
of our own is one line, too: its kind and place, since its text might hold what somebody sent.
"""

import os
import sys
import traceback
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException

from schemas.problems import OvergangError

COMMANDS: Final = {
    "up": "connectors.cli.up:up",
    "worker": "connectors.cli.worker:worker",
    "api": "connectors.cli.api:api",
    "check": "connectors.cli.check:check",
    "send": "connectors.cli.send:send",
    "decide": "connectors.cli.decide:decide",
    "simulate": "connectors.cli.simulate:simulate",
    "tasks": "connectors.cli.tasks:tasks",
    "task": "connectors.cli.task:task",
    "case": "connectors.cli.case:case",
    "message": "connectors.cli.message:message",
    "doctor": "connectors.cli.doctor:doctor",
}
_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Exit status of `overgang` with these arguments."""
    asked = next((a for a in arguments if not a.startswith("-")), None)
    app = _app([asked] if asked in COMMANDS else list(COMMANDS))
    try:
        status = typer.main.get_command(app).main(arguments, "overgang", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except OvergangError as failure:
        return _failed(str(failure))
    except TyperException as usage:
        # With nothing asked, the message is the help itself.
        mend = f"; see `overgang {asked + ' ' if asked in COMMANDS else ''}--help`"
        text = usage.format_message()
        print(f"overgang: {text.rstrip('.')}{mend}" if arguments else text, file=sys.stderr)  # noqa: T201
        return usage.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not find the pipe broken again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as fault:  # noqa: BLE001 - the last place where a fault becomes an exit status
        return _faulty(fault)


def _app(names: list[str]) -> typer.Typer:
    app = typer.Typer(
        name="overgang",
        help="Data-exchange gateway between educational institutions, municipalities and ICS.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_options)
    for name in names:
        module, function = COMMANDS[name].split(":")
        app.command(name)(getattr(import_module(module), function))
    return app


def _options(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if show_version:
        typer.echo(version("overgang"))
        raise typer.Exit


def _failed(text: str) -> int:
    print(f"overgang: {text}", file=sys.stderr)  # noqa: T201 - standard error is where it belongs
    return 1


def _faulty(fault: Exception) -> int:
    place = traceback.extract_tb(fault.__traceback__)[-1]
    return _failed(
        f"a fault of its own, {type(fault).__name__} at {place.filename}:{place.lineno}; report it"
    )
