"""`python -m connectors.files_page` writes docs/files.md: how files are dropped, and every flow's columns."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from connectors.csv_files.columns import Column, flow_table, shipped_table
from schemas.flows import FLOWS, FlowContract

PAGE: Final = Path(__file__).parents[1] / "docs" / "files.md"
_HEAD: Final = """# Files

Written from `connectors/csv_files/tables/` by `python -m connectors.files_page`; do not edit it here.
How a file is sent and answered stands in [institution.md](institution.md#by-file), who runs the watcher in
[operator.md](operator.md#folders-for-files).

* Name: letters, digits, `-`, `_`, `.`, and no personal number. While a file is written its name ends in
  `.part`, `.tmp` or `.filepart`, or begins with a dot; rename it when it is whole.
* `NAME.jsonl`: one CloudEvent a line, UTF-8, as over HTTP; `source` is the folder's party.
* `FLOW-NAME.csv`, such as `enrolment-2026-11-21.csv`: a row a message, in the name of the folder's party.
  UTF-8 or Windows-1252, `;` or `,`; the first line names the columns, in English or Danish, in any order.
* Cells: dates `21-11-2026` or `2026-11-21`; `ja`, `nej`, `true`, `false`; several values with a comma
  between two. Format columns of codes and numbers as text, so that no spreadsheet takes their zeros.
* The same row again is the same message: its id follows from what it says, unless `message_id` gives one.
* At most 1 GiB a file, 256 KiB a line of a CSV file.
* `results/NAME.result.csv` has a line for each line of the file, `;` between cells: `line`, `id`, `result`,
  `field`, `problem`, `mend`. `ACCEPTED`: the message cannot get lost any more. `REFUSED`: nothing of it is
  stored; mend it and send it again. A file that cannot be read ends with a line without number.
  A later file of the same name replaces the result.

Columns marked *must* have to be there. What a field means in full stands in
[contracts.md](contracts.md#inbound-flows).
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
