"""Settings that cannot be started with, told by variable and mend, never by value."""

import difflib
import os
from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from schemas.problems import OvergangError

PREFIX = "OVERGANG_"


class SettingsRefused(OvergangError):
    """Settings that are malformed, unknown or unsafe; the text names each variable and the mend, no value."""


def refuse_unknown_variables(fields: Iterable[str]) -> None:
    """Raises SettingsRefused where the environment has a variable of ours that is no setting."""
    known = {PREFIX + name.upper() for name in fields}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        close = difflib.get_close_matches(unknown[0], known, n=1)
        mend = f"did you mean {close[0]}?" if close else "unset it"
        raise SettingsRefused(f"{unknown[0]}: there is no such setting; {mend}")


def refusal_text(error: ValidationError, forms: Mapping[str, str]) -> str:
    """Every fault, by variable. `forms` tells in words what a pattern asks for, by field."""
    lines = []
    for fault in error.errors():
        # A default that is made of another field was not made, because that other field is at fault.
        if fault["type"] == "default_factory_not_called":
            continue
        problem = fault["msg"].removeprefix("Value error, ")
        if not fault["loc"]:  # of several settings together: the text names them itself
            lines.append(problem)
            continue
        name = str(fault["loc"][0])
        if fault["type"] == "string_pattern_mismatch" and name in forms:
            problem = f"it is not {forms[name]}"
        lines.append(f"{PREFIX}{name.upper()}: {problem}")
    return "; ".join(lines)
