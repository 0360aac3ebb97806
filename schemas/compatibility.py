"""Whether the Avro schemas are FULL_TRANSITIVE: each release and the current schema read each other's values.

Run `python -m schemas.compatibility`: a line a schema; exit 1 where one of them broke its contract. A changed
schema needs a release file, `released/<name>-v1/<n>.avsc`, and an id at the end of its list in `ids.json`.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.flows import FLOWS
from schemas.outbound import OUTBOUND, outbound_schema
from schemas.wire import AVRO, ids_by_name, released_file, stem_of


def current_names() -> list[str]:
    """Full names of the schemas that the models stand for, in the order of their first ids."""
    return [contract.schema_name for contract in FLOWS.values()] + [outbound_schema(t) for t in OUTBOUND]


def faults_of_ids(ids: Mapping[str, Sequence[int]], names: Sequence[str]) -> list[str]:
    """What is wrong with the list of ids: a name without ids or without a schema, an id used twice."""
    faults = [f"{name}: has no id in ids.json; add the next free one" for name in names if not ids.get(name)]
    faults += [f"{name}: stands in ids.json but has no model" for name in ids if name not in names]
    known = [number for numbers in ids.values() for number in numbers]
    faults += [f"ids.json: the id {number} stands twice" for number in set(known) if known.count(number) > 1]
    return faults


def faults_of_release(current: str, releases: Sequence[str]) -> list[str]:
    """What keeps the current schema (its text) from standing beside its releases; empty if nothing does."""
    faults: list[str] = []
    for number, released in enumerate(releases, 1):
        for reader, writer, direction in (
            (current, released, f"cannot read release {number}"),
            (released, current, f"cannot be read by release {number}"),
        ):
            faults += [f"{direction}: {fault}" for fault in _unreadable(reader, writer)]
        faults += [f"differs from release {number}: {fault}" for fault in _other_meaning(current, released)]
    if not releases or json.loads(current) != json.loads(releases[-1]):
        faults.append(
            f"is not its latest release; add it as release {len(releases) + 1} with an id in ids.json"
        )
    return faults


def _unreadable(reader_text: str, writer_text: str) -> Iterator[str]:
    # avro is an extra of the tests: the gateway itself never compares schemas.
    from avro.schema import parse

    reader, writer = parse(reader_text), parse(writer_text)
    if messages := _incompatible(reader, writer):
        yield from list(_culprits(reader, writer, "")) or [messages]


def _incompatible(reader: Any, writer: Any) -> str:
    from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

    result = ReaderWriterCompatibilityChecker().get_compatibility(reader, writer)
    compatible = result.compatibility is SchemaCompatibilityType.compatible
    return "" if compatible else "; ".join(sorted(result.messages))


def _culprits(reader: Any, writer: Any, path: str) -> Iterator[str]:
    # The checker loses the path inside unions, so each field is put to it again by itself.
    theirs = {field.name: field for field in _fields(writer)}
    for field in _fields(reader):
        here = f"{path}.{field.name}".lstrip(".")
        if field.name not in theirs:
            if not field.has_default:
                yield f"field {here}: has no default and is not always there"
        elif messages := _incompatible(field.type, theirs[field.name].type):
            inner = list(_culprits(field.type, theirs[field.name].type, here))
            yield from inner or [f"field {here}: {messages}"]


def _fields(schema: Any) -> Sequence[Any]:
    """Fields of a record, also of an optional one."""
    branches = schema.schemas if schema.type == "union" else [schema]
    return [field for branch in branches if branch.type == "record" for field in branch.fields]


def _other_meaning(current: str, released: str) -> Iterator[str]:
    # Avro reads an int as a date and a date as an int without a word.
    now, then = dict(_logical_types(json.loads(current))), dict(_logical_types(json.loads(released)))
    for path in sorted(now.keys() & then.keys()):
        if now[path] != then[path]:
            yield f"field {path}: logical type was {then[path]}, is {now[path]}"


def _logical_types(schema: Any, path: str = "") -> Iterator[tuple[str, str | None]]:
    for kind in schema if isinstance(schema, list) else [schema]:
        if kind == "null":
            continue
        if isinstance(kind, dict) and kind["type"] == "record":
            for field in kind["fields"]:
                yield from _logical_types(field["type"], f"{path}.{field['name']}".lstrip("."))
        elif isinstance(kind, dict) and kind["type"] == "array":
            yield from _logical_types(kind["items"], path)
        else:
            yield path, kind.get("logicalType") if isinstance(kind, dict) else None


def main() -> int:
    """Check all schemas as shipped; print a line each; 0 if all is well, else 1."""
    ids = ids_by_name()
    faults = faults_of_ids(ids, current_names())
    for name in current_names():
        releases = [released_file(name, number) for number in range(1, len(ids.get(name, ())) + 1)]
        own = faults_of_release((AVRO / f"{stem_of(name)}.avsc").read_text(encoding="utf-8"), releases)
        sys.stdout.write(f"{stem_of(name)}: {len(releases)} released, {'broken' if own else 'compatible'}\n")
        faults += [f"{stem_of(name)}: {fault}" for fault in own]
    stray = {entry.name for entry in AVRO.iterdir() if entry.name.endswith(".avsc")}
    stray -= {f"{stem_of(name)}.avsc" for name in current_names()}
    faults += [f"{name}: belongs to no model" for name in sorted(stray)]
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
