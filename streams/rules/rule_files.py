"""Reads rule sets from their files (`sets/*.toml`, `targets.csv`).

Everything is checked when it is loaded; an error names file, line and field.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from pydantic import ValidationError

from streams.rules.ruleset import RuleBook, RuleSet, RuleSetError
from streams.rules.targets import FILE, TargetFault, read_targets
from streams.rules.toml_lines import line_of


@cache
def shipped() -> RuleBook:
    """The rule sets that come with this package. Raises RuleSetError where a file is wrong."""
    return read_rule_book(files("streams.rules") / "sets")


def read_rule_book(directory: Traversable) -> RuleBook:
    """All `*.toml` of a directory. Raises RuleSetError with file, line and field of the first fault."""
    found = sorted((f for f in directory.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    if not found:
        raise RuleSetError(f"{directory}: holds no rule set; add one, named by its first day")
    texts = {file.name: file.read_bytes() for file in found}
    sets = tuple(sorted((_rule_set(*named) for named in texts.items()), key=lambda s: s.valid_from))
    _check_distinct(sets)
    targets = directory / FILE
    if targets.is_file():
        texts[FILE] = targets.read_bytes()
        sets = _with_targets(sets, texts[FILE])
    return RuleBook(
        sets, sha256(b"\0".join(name.encode() + b"\0" + t for name, t in texts.items())).hexdigest()
    )


def _with_targets(sets: tuple[RuleSet, ...], text: bytes) -> tuple[RuleSet, ...]:
    """A row holds in whichever set is in force on the day: its rule must have a target in each of them."""
    of_sets = [{rule.id for rule in rule_set.rules.with_target()} for rule_set in sets]
    try:
        targets = read_targets(text.decode(), set.intersection(*of_sets))
    except UnicodeDecodeError:
        raise RuleSetError(f"{FILE}: is not UTF-8; save it so") from None
    except TargetFault as fault:
        raise RuleSetError(f"{FILE}: {fault}") from None
    return tuple(
        rule_set.model_copy(update={"rules": rule_set.rules.with_targets(targets)}) for rule_set in sets
    )


def _rule_set(name: str, text: bytes) -> RuleSet:
    try:
        decoded = text.decode()
        content = tomllib.loads(decoded)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise RuleSetError(f"{name}: is not TOML ({fault}); mend the line") from fault
    rules = content.get("rules")
    if isinstance(rules, Mapping):
        for rule_id, rule in rules.items():
            if isinstance(rule, dict):
                rule["id"] = rule_id
    try:
        rule_set = RuleSet.model_validate(content)
    except ValidationError as fault:
        first = fault.errors()[0]
        path = [str(part) for part in first["loc"]]
        place = f"{name}: line {line_of(decoded, path)}: {'.'.join(path)}"
        raise RuleSetError(f"{place}: {first['msg']}; mend this field") from fault
    if name != f"{rule_set.id}.toml":
        place = f"{name}: line {line_of(decoded, ['id'])}: id"
        raise RuleSetError(f"{place}: is {rule_set.id!r}; name the file {rule_set.id}.toml")
    return rule_set


def _check_distinct(sets: Iterable[RuleSet]) -> None:
    first_days: dict[date, str] = {}
    for rule_set in sets:
        if other := first_days.get(rule_set.valid_from):
            raise RuleSetError(
                f"{rule_set.id}.toml: valid_from: {other} starts the same day; give each set its own"
            )
        first_days[rule_set.valid_from] = rule_set.id
