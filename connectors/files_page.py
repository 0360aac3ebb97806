"""`python -m connectors.files_page` writes docs/files.md: how files are dropped, and every flow's columns."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from connectors.csv_files.columns import Column, flow_table, shipped_table
from schemas.flows import FLOWS, FlowContract

PAGE: Final = Path(__file__).parents[1] / "docs" / "files.md"
_HEAD: Final = """# Files

Written from `connectors/csv_files/tables/` by `python -m connectors.files_page`; do not edit it here. How a file is
sent and answered stands in [institution.md](institution.md#by-file), who runs the watcher in
[operator.md](operator.md#folders-for-files).

| Of every file | |
|---|---|
| Name | letters, digits, `-`, `_`, `.`; no personal number. While it is written: `.part`, `.tmp` or `.filepart` at its end, or a dot in front; rename it when it is whole |
| `NAME.jsonl` | one CloudEvent a line, UTF-8, as over [HTTP](contracts.md); `source` is the folder's party |
| `FLOW-NAME.csv` | the name begins with the flow, such as `enrolment-2026-11-21.csv`; a row a message, in the folder's party's name |
| Size | at most 1 GiB; a line of a CSV file 256 KiB |
| CSV | UTF-8 or Windows-1252; `;` or `,`; the first line names the columns, in English or Danish, in any order and case |
| Cells | dates `21-11-2026` or `2026-11-21`; yes and no `ja`, `nej`, `true`, `false`; several values with a comma between two; codes as text, so that no spreadsheet takes their zeros |
| The same row again | the same message: its id follows from what it says, unless `message_id` gives one |
| Result | `results/NAME.result.csv`, `;` between cells, a line for each line of the file: `line`, `id`, `result` (`ACCEPTED`: it cannot get lost any more; `REFUSED`: nothing of it is stored), `field`, `problem`, `mend`. A file that cannot be read ends with a line without number. A later file of the same name replaces it |

Columns marked *must* have to be there. The meaning of each field is the [contract's](contracts.md#inbound-flows).
"""


def page() -> str:
    """Every flow with its columns."""
    parts = [_HEAD, "## Of every flow", "", *_table(shipped_table("message").columns)]
    for contract in FLOWS.values():
        parts += _flow(contract)
    return "\n".join(parts)


def _flow(contract: FlowContract) -> Iterator[str]:
    senders = " or ".join(sorted(contract.senders - {"gateway"}))
    yield from (f"## {contract.flow}", "", f"{contract.model.__doc__} Sent by: {senders}.", "")
    common = shipped_table("message").columns
    yield from _table(column for column in flow_table(contract.flow).columns if column not in common)


def _table(columns: Iterable[Column]) -> Iterator[str]:
    yield "| Column | Danish | Kind | Meaning | Example |"
    yield "|---|---|---|---|---|"
    for column in columns:
        must = " (must)" if column.required else ""
        kind = column.kind.replace("_", " ")
        danish = ", ".join(column.danish)
        yield f"| `{column.name}`{must} | {danish} | {kind} | {column.meaning} | `{column.example}` |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
