"""What `overgang demo` shows when all messages have been through: tables that fit eighty columns."""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from schemas import code_lists
from schemas.identifiers import parse_party
from streams.ledger.overview import OutcomeCounts, eventful_case, pressing_task, to_do
from streams.ledger.queries import task_history, tasks_of
from streams.ledger.timeline import timeline_of
from streams.rules import rule_files
from streams.rules.facts import COPENHAGEN

_SHOWN_TOWNS = 12
_LONGEST_STORY = 16
_SHORT = {
    "CONTACT_YOUNG_PERSON": "contact",
    "GUIDE_MENTOR_RIGHT": "mentor\nguidance",
    "SEND_CONTACT": "send\ncontact",
}


def show_to_do(console: Console, ledger: Connection) -> None:
    """Open tasks a municipality: the commonest kinds as columns, how many are late."""
    table = _table("Open tasks by municipality")
    table.add_column("municipality")
    for name in (*_SHORT.values(), "other", "all", "of them\noverdue"):
        table.add_column(name, justify="right")
    towns: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    elsewhere = 0
    for row in to_do(ledger):
        if row.recipient is not None and parse_party(row.recipient)[0] != "municipality":
            elsewhere += row.open
            continue
        counts = towns[row.recipient or "unrouted"]
        counts[_SHORT.get(row.kind, "other")] += row.open
        counts["all"] += row.open
        counts["late"] += row.overdue
    fullest = sorted(towns.items(), key=lambda town: (-town[1]["all"], town[0]))
    for recipient, counts in fullest[:_SHOWN_TOWNS]:
        late = f"[red]{counts['late']}[/]" if counts["late"] else "0"
        kinds = (str(counts[name]) for name in (*_SHORT.values(), "other", "all"))
        table.add_row(_named(recipient), *kinds, late)
    console.print(table)
    more = len(fullest) - _SHOWN_TOWNS
    rest = f"and {more} more municipalities; " if more > 0 else ""
    console.print(f"  [dim]{rest}{elsewhere} open tasks at institutions[/]")


def show_task(console: Console, ledger: Connection) -> None:
    """One duty to contact a young person, with its reason."""
    task_id = pressing_task(ledger)
    found = task_history(ledger, task_id, rule_files.shipped()) if task_id else None
    if found is None:
        console.print("\nNobody waits to be contacted in this population.")
        return
    task = found.task
    table = _table("One task, and why it is there", header=False)
    table.add_column("", style="dim")
    table.add_column("")
    state = f"[red]{task.state}[/]" if task.state == "OVERDUE" else task.state
    duty = "mandatory" if task.mandatory else "not mandatory"
    table.add_row("task", f"{task.kind}, {state}, {duty}")
    table.add_row("for", _named(task.recipient or "unrouted"))
    table.add_row("due", f"{task.due_on:%d %B %Y}")
    table.add_row("law", f"{task.legal_basis or '-'} (rule {task.rule}, rule set {task.rule_set})")
    table.add_row("because", task.explanation)
    table.add_row("until", found.closes or "-")
    table.add_row("citizen", f"{task.subject} (a pseudonym)")
    console.print(table)


def show_case(console: Console, ledger: Connection) -> None:
    """The timeline of one citizen: what came, whom it went to, what followed."""
    key = eventful_case(ledger, _LONGEST_STORY)
    found = timeline_of(ledger, key) if key else None
    if found is None:
        console.print("\nNo case of this population has admission, notice and reaction.")
        return
    table = _table(f"Timeline of {found.case}")
    for name in ("time", "message", "from", "went to"):
        table.add_column(name, overflow="fold")
    for message in found.messages:
        table.add_row(
            f"{message.time.astimezone(COPENHAGEN):%d %b %H:%M}",
            message.flow,
            message.source,
            "\n".join(message.forwarded_to) or "-",
        )
    console.print(table)
    tasks = _table("... and its tasks")
    for name in ("task", "state", "due", "for"):
        tasks.add_column(name, overflow="fold")
    for task in found.tasks:
        tasks.add_row(task.kind, task.state, f"{task.due_on:%d %b}", task.recipient or "unrouted")
    console.print(tasks)


def show_equation(console: Console, sent: int, counts: OutcomeCounts) -> None:
    """Inputs = recorded outcomes."""
    holds = "=" if counts.total == sent else "[red]is not[/]"
    console.print(
        f"\n[bold]{sent:,} messages in {holds} {counts.accepted:,} accepted + {counts.duplicates:,} repeated"
        f" + {counts.quarantined:,} quarantined.[/] None lost, none twice."
    )


def show_addresses(console: Console, ledger: Connection, http: str, directory: Path) -> None:
    """What to try while it runs, ready to be pasted."""
    lines = [
        f"export OVERGANG_DATA_DIRECTORY={directory}",
        ".venv/bin/overgang tasks --recipient /municipality/751 --state OVERDUE",
        ".venv/bin/overgang doctor",
        "TOKEN=$(.venv/bin/overgang parties token)",
    ]
    for task in tasks_of(ledger, states=("OPEN", "OVERDUE"), limit=1):
        lines.append(f'curl -H "Authorization: Bearer $TOKEN" {http}/v1/tasks/{task.task_id}')
        lines.append(f'curl -H "Authorization: Bearer $TOKEN" {http}/v1/cases/{task.case}')
    console.print("\n[bold]Try while it runs, in another shell[/]\n")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print()


def _named(recipient: str) -> str:
    if not recipient.startswith("/municipality/"):
        return recipient
    code = recipient.rsplit("/", 1)[1]
    rows = code_lists.shipped().municipalities.get(code, ())
    today = datetime.now(UTC).date()
    return next((f"{code} {row.name}" for row in rows if row.holds(today)), code)


def _table(title: str, *, header: bool = True) -> Table:
    return Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        show_header=header,
        header_style="dim",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
