"""`overgang decide`: the tasks that follow from a file of messages; touches no broker and no database."""

import gc
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from connectors.cli.message_file import MessageFile, read_messages
from connectors.cli.rule_choice import chosen_book
from connectors.settings import Settings
from schemas.code_lists import shipped as shipped_lists
from schemas.problems import OvergangError
from schemas.pseudonym import RememberingKey, load_or_make_key
from streams.cases import group
from streams.facts import Fact
from streams.rules.decide import tasks_at
from streams.rules.model import MessageRef, Task
from streams.rules.rule_files import shipped as shipped_rules
from streams.rules.ruleset import RuleBook

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_FAULTS_SHOWN = 20

Warnings = dict[MessageRef, tuple[str, ...]]


class InvalidFile(OvergangError):
    """Lines of the file are no valid messages; the text names line, field and mend."""


def instant(text: str) -> datetime:
    """An option that is an instant in RFC 3339, with an offset."""
    mend = typer.BadParameter("write RFC 3339 with an offset, such as 2026-10-02T12:00:00+02:00")
    if not _RFC_3339.fullmatch(text):
        raise mend
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        raise mend from None


def decide(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.jsonl",
            exists=True,
            dir_okay=False,
            readable=True,
            help="Structured CloudEvents, one a line, in any order.",
        ),
    ],
    as_of: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="RFC3339", help="Later messages are not seen. Default: now."),
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option(
            metavar="ID|DIRECTORY",
            help="Judge every message from 2022-01-01 on by this rule set, or by your own TOML files.",
        ),
    ] = None,
    warnings: Annotated[
        bool, typer.Option("--warnings", help="Also print each message that has warnings.")
    ] = False,
) -> None:
    """Print the follow-up tasks that a file of messages gives, one JSON object a line."""
    book = chosen_book(rules) if rules is not None else shipped_rules()
    key = RememberingKey(load_or_make_key(Settings().pseudonym_key_file))
    with _facts_that_stay():
        read = read_messages(file, key, shipped_lists())
    if read.faults:
        raise InvalidFile(_told(read.faults))
    tasks, said = _judge(read, book, as_of or datetime.now(UTC))
    _print(tasks)
    if warnings:
        _print(_by_message(read.warnings, said))


@contextmanager
def _facts_that_stay() -> Iterator[None]:
    """Facts hold no cycles and live to the end: looking for garbage among them costs a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _judge(read: MessageFile, book: RuleBook, as_of: datetime) -> tuple[list[Task], Warnings]:
    tasks: list[Task] = []
    warnings: Warnings = {}
    cases: Iterable[list[Fact]] = group(read.facts.values()).values()
    for facts in cases:
        made, said = tasks_at(facts, book, shipped_lists(), as_of)
        tasks += made
        warnings |= said
    tasks.sort(key=lambda task: (task.opens_on, task.kind, task.task_id))
    return tasks, warnings


def _by_message(*sources: Warnings) -> list[dict[str, Any]]:
    """One row a message id, with the warnings of its content and those of the rules, each once."""
    found: dict[str, set[str]] = {}
    for source in sources:
        for message, said in source.items():
            found.setdefault(message.id, set()).update(said)
    return [{"message_id": id_, "warnings": sorted(found[id_])} for id_ in sorted(found) if found[id_]]


def _told(faults: list[str]) -> str:
    more = len(faults) - _FAULTS_SHOWN
    shown = faults[:_FAULTS_SHOWN] + ([f"and {more} more lines"] if more > 0 else [])
    return "\novergang: ".join(shown)


def _print(rows: Iterable[Any]) -> None:
    for row in rows:
        sys.stdout.buffer.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()
