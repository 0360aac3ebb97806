"""The rule book that a user names: a shipped rule set by its id, or a directory of one's own TOML files."""

from pathlib import Path

import typer

from streams.rules.rule_files import read_rule_book, shipped
from streams.rules.ruleset import RuleBook, RuleSetError


def chosen_book(text: str) -> RuleBook:
    """`text` is the id of a shipped set, or the path of a directory; either judges from 2022-01-01 on.

    Of several sets in a directory, each holds from its own first day, and the first also before that.

    Raises:
        typer.BadParameter: there is no such set and no such directory.
        RuleSetError: a file of the directory is wrong; the text names file, line and field.
    """
    directory = Path(text)
    if directory.is_dir():
        try:
            return read_rule_book(directory).holding_from(shipped().sets[0].valid_from)
        except OSError as failed:
            raise RuleSetError(
                f"{directory}: {failed.strerror}; give this user the right to read it"
            ) from None
    try:
        return shipped().only(text)
    except RuleSetError as unknown:
        told = f"{unknown}, or name a directory of TOML files"
        raise typer.BadParameter(told, param_hint="--rules") from None
