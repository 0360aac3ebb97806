"""`overgang`: one command a file, imported only when it is asked for.

An error is one line on standard error with the mend: exit status 2 for wrong usage, 1 for a failure. A fault
of our own is one line, too: its kind and place, since its text might hold what somebody sent.
"""

import os
import sys
import traceback
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException

from schemas.problems import OvergangError

COMMANDS: Final = {
    "up": ("connectors.cli.up:up", "Start all: broker, database, worker, API, deliverer."),
    "demo": ("connectors.cli.demo:demo", "Show a simulated fortnight on a gateway of its own."),
    "worker": ("connectors.cli.worker:worker", "Turn messages into tasks, and send what follows."),
    "api": ("connectors.cli.api:api", "Serve the HTTP API."),
    "deliver": ("connectors.cli.deliver:deliver", "Post messages to recipients' webhooks."),
    "migrate": ("connectors.cli.migrate:migrate", "Bring the database to what this version needs."),
    "database": ("connectors.cli.database:database", "Users of the database and their rights."),
    "simulate": ("connectors.cli.simulate:simulate", "Make synthetic messages."),
    "check": ("connectors.cli.check:check", "Check a file of messages."),
    "send": ("connectors.cli.send:send", "Send a file of messages."),
    "files": ("connectors.cli.files:files", "Take files from the parties' folders."),
    "import": ("connectors.cli.import_list:import_app", "Take over a list of open EU/EEA registrations."),
    "decide": ("connectors.cli.decide:decide", "Print the tasks that a file of messages gives."),
    "whatif": ("connectors.cli.whatif:whatif", "Compare the tasks of two sets of rules."),
    "replay": ("connectors.cli.replay:replay", "Rebuild tasks from the facts and compare them."),
    "tasks": ("connectors.cli.tasks:tasks", "List follow-up tasks."),
    "task": ("connectors.cli.task:task", "Show one task and its revisions."),
    "case": ("connectors.cli.case:case", "Show a case's timeline."),
    "message": ("connectors.cli.message:message", "Show what became of a message."),
    "report": ("connectors.cli.report:report", "Follow-up numbers per municipality and month."),
    "flows": ("connectors.cli.flows:flows", "Which flows are stopped and why; let one read on."),
    "quarantine": ("connectors.cli.quarantine:quarantine", "Inputs that could not be accepted, and why."),
    "stuck": ("connectors.cli.stuck:stuck", "Cases that could not be decided; have them decided again."),
    "redecide": ("connectors.cli.redecide:redecide", "Decide all cases by changed rules; or preview that."),
    "undeliverable": ("connectors.cli.undeliverable:undeliverable", "Messages no topic can take."),
    "topics": ("connectors.cli.topics:topics", "The broker's topics and access: compare, make so."),
    "parties": ("connectors.cli.parties:parties", "Who may send and read what."),
    "schemas": ("connectors.cli.schemas:schemas", "The shipped schemas in a registry of one's own."),
    "webhooks": ("connectors.cli.webhooks:webhooks", "Where recipients' messages are posted to."),
    "audit": ("connectors.cli.audit:audit", "Who changed what in the registry of parties."),
    "conformance": ("connectors.cli.conformance:conformance", "Try a vendor's endpoint and messages."),
    "sandbox": ("connectors.cli.sandbox:sandbox", "Start a gateway with parties that behave as scripted."),
    "backup": ("connectors.cli.backup:backup", "Copy the ledger, and restore a copy."),
    "secrets": ("connectors.cli.secrets:secrets", "Make the secrets of an installation."),
    "describe": ("connectors.cli.describe:describe", "Print the OpenAPI or AsyncAPI document."),
    "doctor": ("connectors.cli.doctor:doctor", "Look whether everything is there, and say what to do."),
}
_INTERRUPTED = 130
_OURS = str(Path(__file__).parents[2])


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Exit status of `overgang` with these arguments."""
    asked = next((a for a in arguments if not a.startswith("-")), None)
    try:
        status = typer.main.get_command(_app(asked)).main(arguments, "overgang", standalone_mode=False)
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


def _app(asked: str | None) -> typer.Typer:
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
    for name, (place, line) in COMMANDS.items():
        if name == asked:
            module, function = place.split(":")
            found = getattr(import_module(module), function)
            if isinstance(found, typer.Typer):
                app.add_typer(found, name=name)
            else:
                app.command(name)(found)
        else:
            app.command(name, help=line)(_not_asked)
    return app


def _not_asked() -> None:
    """Stands in the list of commands for one that was not asked for and is not imported."""


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
    frames = traceback.extract_tb(fault.__traceback__)
    place = next(frame for frame in reversed(frames) if frame.filename.startswith(_OURS))
    return _failed(
        f"a fault of its own, {type(fault).__name__} at {place.filename}:{place.lineno}; report it"
    )
