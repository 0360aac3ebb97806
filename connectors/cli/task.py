"""`overgang task ID`: one task, why it is as it is, what closes it, and all it has been."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from connectors.cli.case import danish
from connectors.cli.ledger_access import NotInLedger, open_ledger
from connectors.cli.printing import AsJson, print_fields, print_json, print_table
from schemas.identifiers import TaskId
from streams.ledger.answers import Revision, TaskHistory
from streams.ledger.queries import task_history
from streams.rules import rule_files


def task(
    task_id: Annotated[str, typer.Argument(metavar="ID", help="As `overgang tasks` shows it.")],
    json: AsJson = False,
) -> None:
    """Show one task: the facts and the rule behind it, what closes it, and its revisions."""
    with open_ledger() as connection:
        found = task_history(connection, TaskId(task_id.lower()), rule_files.shipped())
    if found is None:
        raise NotInLedger("there is no task with this id; `overgang tasks` lists them")
    if json:
        print_json(found)
        return
    print_fields(found.task.kind, _fields(found))
    print_table(
        "Messages, in Danish time",
        ("", "message"),
        (
            (part, f"{m.flow} {m.source} of {danish(m.time)}, {m.id}")
            for part, messages in (("opened it", found.caused), ("ended it", found.closed))
            for m in messages
        ),
    )
    print_table(
        "Revisions, in Danish time",
        ("", "decided", "it was"),
        ((r.revision, danish(r.decided_at), _sentence(r)) for r in found.revisions),
    )


def _fields(found: TaskHistory) -> dict[str, Any]:
    task = found.task
    return {
        "state": task.state,
        "duty": "yes" if task.mandatory else "no",
        "recipient": task.recipient,
        "opens": task.opens_on,
        "due": task.due_on,
        "why": task.explanation,
        "closes": found.closes,
        "rule": f"{task.rule} of the rule set {task.rule_set}",
        "counted with": _counted(found.parameters),
        "legal basis": task.legal_basis,
        "warnings": task.warnings,
        "enrolment": task.enrolment_id,
        "EU case": task.eu_case_id,
        "case": task.case,
        "task": task.task_id,
    }


def _counted(parameters: Mapping[str, Any]) -> list[str]:
    """Such as `working days: 5`, `service target: yes`."""
    told = {
        name: ("no", "yes")[given] if isinstance(given, bool) else given for name, given in parameters.items()
    }
    return [f"{name.replace('_', ' ')}: {given}" for name, given in told.items()]


def _sentence(revision: Revision) -> str:
    whom = revision.recipient or "nobody known yet"
    return f"{revision.state}, due {revision.due_on}, for {whom}. {revision.explanation}"
