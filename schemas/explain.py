"""Faults that pydantic found, told so that the sender can mend them, and never with the value itself."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from types import UnionType
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.flows.forms import MENDS
from schemas.problems import Problem

MOST_PROBLEMS: Final = 50
"""Problems told of one message: enough to mend it, few enough for a receipt."""
_FIELD_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_DIGITS_IN_A_NAME: Final = 3

_WORDS: Final = {
    "string_type": ("must be text", "send text in quotation marks"),
    "string_unicode": ("is not Unicode text", "send it in UTF-8, without lone surrogates"),
    "string_too_short": ("is empty", "send a text, or leave the field out where it is optional"),
    "string_too_long": ("is longer than {max_length} characters", "shorten it"),
    "too_long": ("has more than {max_length} entries", "send fewer"),
    "list_type": ("must be a list", "send a list in square brackets"),
    "literal_error": ("is none of the known values", "send {expected}"),
    "bool_type": ("must be true or false", "send true or false without quotation marks"),
    "int_type": ("must be a whole number", "send a whole number without quotation marks"),
    "greater_than_equal": ("is too small", "send a number not below {ge}"),
    "less_than_equal": ("is too large", "send a number not above {le}"),
    "model_type": ("must be an object", "send an object with fields"),
}
"""Problem and mend by pydantic's type of error; names in braces are of its context, which holds no values."""


def problems_of(error: ValidationError, model: type[BaseModel], at: str = "data") -> tuple[Problem, ...]:
    """What a sender must mend, in the order of the model's fields; `at` is the path of the model's object.

    At most MOST_PROBLEMS; the last then says how many more there are. Raise what you make of them
    `from None`: pydantic's own text repeats the names of unknown fields, which can be personal numbers.
    """
    faults = error.errors(include_url=False, include_input=False)
    problems = [_problem(fault, model, at) for fault in faults[:MOST_PROBLEMS]]
    if len(faults) > MOST_PROBLEMS:
        more = len(faults) - MOST_PROBLEMS + 1
        problems[-1] = Problem(at, f"has {more} more faults", "mend these first and send it again")
    return tuple(problems)


def _problem(fault: ErrorDetails, model: type[BaseModel], at: str) -> Problem:
    kind, where, context = fault["type"], fault["loc"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_field(str(where[-1]), _path(at, where[:-1]), _model_at(model, where[:-1]))
    path = _path(at, where)
    if kind == "missing":
        return Problem(path, "is missing", f"send it: {_meaning(model, where)}")
    if kind == "string_pattern_mismatch":
        return Problem(path, "does not have the form it should", MENDS[context["pattern"]])
    if "mend" in context:
        field = context.get("field", "")
        return Problem(f"{path}.{field}" if field else path, fault["msg"], context["mend"])
    problem, mend = _WORDS.get(
        kind, ("is not what the contract asks for", "compare it with the flow's schema")
    )
    return Problem(path, problem.format(**context), mend.format(**context))


def _unknown_field(name: str, parent: str, model: type[BaseModel]) -> Problem:
    known = list(model.model_fields)
    fields = "one of " + ", ".join(known)
    if not _FIELD_NAME.fullmatch(name) or sum(map(str.isdigit, name)) > _DIGITS_IN_A_NAME:
        return Problem(parent, "has an unknown field, whose name is not repeated here", f"send {fields}")
    close = get_close_matches(name, known, n=1)
    mend = f"did you mean {close[0]}?" if close else f"leave it out, or send {fields}"
    return Problem(f"{parent}.{name}", "is not a known field", mend)


def _path(at: str, where: Iterable[str | int]) -> str:
    return at + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where)


def _meaning(model: type[BaseModel], where: tuple[str | int, ...]) -> str:
    text = _model_at(model, where[:-1]).model_fields[str(where[-1])].description or str(where[-1])
    return text.rstrip(".")


def _model_at(model: type[BaseModel], where: Iterable[str | int]) -> type[BaseModel]:
    for step in where:
        if isinstance(step, str):
            model = _record_in(model.model_fields[step].annotation)
    return model


def _record_in(annotation: Any) -> type[BaseModel]:
    if get_origin(annotation) is UnionType or not isinstance(annotation, type):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    record: type[BaseModel] = annotation
    return record
