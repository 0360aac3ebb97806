"""`overgang check`: is every line of a file a message that the gateway would accept now?"""

import os
import sys
from collections import Counter
from datetime import UTC, datetime

import orjson
import typer

from connectors.cli.message_lines import MessageFileArgument, message_lines
from connectors.cli.printing import AsJson
from schemas.cloudevent import from_structured
from schemas.code_lists import shipped
from schemas.problems import InvalidMessage
from schemas.pseudonym import PseudonymKey


def check(file: MessageFileArgument, json: AsJson = False) -> None:
    """Print each fault with its line, field and mend, then a summary; exit status 1 where there is any.

    With --json: one object a fault, and the summary as the last object.
    """
    # Pseudonyms are made and thrown away here: any key will do, and none is written.
    key, lists = PseudonymKey(os.urandom(32)), shipped()
    checked, wrong = 0, 0
    warnings: Counter[str] = Counter()
    for line in message_lines(file, "checking"):
        checked += 1
        try:
            warnings.update(from_structured(line.content, key, lists, datetime.now(UTC)).warnings)
        except InvalidMessage as invalid:
            wrong += 1
            for fault in invalid.problems:
                if json:
                    told = {"field": fault.field, "problem": fault.problem, "mend": fault.mend}
                    _print_json({"line": line.number, **told})
                else:
                    typer.echo(f"line {line.number}: {fault}")
    if json:
        summary = {"messages": checked, "valid": checked - wrong, "wrong": wrong}
        _print_json({**summary, "warnings": dict(sorted(warnings.items()))})
    else:
        told_warnings = "".join(f", {name} {count}" for name, count in sorted(warnings.items()))
        typer.echo(f"{checked} messages, {checked - wrong} valid, {wrong} wrong{told_warnings}")
    if wrong:
        raise typer.Exit(1)


def _print_json(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
