"""Dated code lists: municipalities, ICS municipalities and routes, countries, target groups, SED types.

What others own and change is data (`codes/*.csv`), each row with its dates and source. A code that is not
known on a day is a warning (`UNKNOWN_CODE`), never a reason to refuse a message. End reasons have no list:
no public source names them, so every one is accepted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain

from schemas.code_list_files import CodeListFile, CodeTable, DatedCode, fault, read_code_list
from schemas.identifiers import MunicipalityCode

_MUNICIPALITIES = CodeListFile("municipalities.csv", "code", "[0-9]{3}", "successor", "([0-9]{3})?")
_ICS_MUNICIPALITIES = CodeListFile("ics_municipalities.csv", "code", "[0-9]{3}")
_ICS_ROUTES = CodeListFile("ics_routes.csv", "municipality", "[0-9]{3}", "ics_municipality", "[0-9]{3}")
_COUNTRIES = CodeListFile("eea_countries.csv", "code", "[A-Z]{2}", "agreement", "EU|EEA|CH|UK")
_TARGET_GROUPS = CodeListFile("target_groups.csv", "code", "[A-Z0-9_]{1,40}")
_SED_TYPES = CodeListFile("sed_types.csv", "code", "[A-Z0-9_]{1,40}")
_FILES = (_MUNICIPALITIES, _ICS_MUNICIPALITIES, _ICS_ROUTES, _COUNTRIES, _TARGET_GROUPS, _SED_TYPES)


@dataclass(frozen=True, slots=True)
class CodeLists:
    """All lists together. Every question names the day it is asked for."""

    municipalities: CodeTable
    ics_municipalities: CodeTable
    ics_routes: CodeTable
    countries: CodeTable
    target_groups: CodeTable
    sed_types: CodeTable
    digest: str
    """SHA-256 (hex) of the files: cases decided under another digest are decided anew."""

    def is_municipality(self, code: str, on: date) -> bool:
        return _row(self.municipalities, code, on) is not None

    def successor_of(self, code: str, on: date) -> MunicipalityCode | None:
        """The municipality that has `code`'s tasks on that day: itself, or what it was merged into."""
        for step in self._line_of_succession(code):
            if self.is_municipality(step, on):
                return MunicipalityCode(step)
        return None

    def _line_of_succession(self, code: str) -> Iterator[str]:
        while code:
            yield code
            rows = self.municipalities.get(code)
            code = rows[-1].refers_to if rows else ""

    def is_ics(self, code: str, on: date) -> bool:
        """Whether the municipality is an International Citizen Service municipality."""
        return _row(self.ics_municipalities, code, on) is not None

    def ics_route(self, code: str, on: date) -> MunicipalityCode | None:
        """The ICS municipality that handles the EU cases of a residence municipality; None if unknown."""
        row = _row(self.ics_routes, code, on)
        return MunicipalityCode(row.refers_to) if row else None

    def is_eea(self, country: str, on: date) -> bool:
        """Whether Reg. 883/2004 applies as such: EU, EEA or Switzerland. EESSI codes: `EL`, not `GR`."""
        row = _row(self.countries, country, on)
        return row is not None and row.refers_to != "UK"

    def knows_country(self, country: str, on: date) -> bool:
        """As `is_eea`, and the United Kingdom (`UK`), which takes part under the Withdrawal Agreement."""
        return _row(self.countries, country, on) is not None

    def knows_target_group(self, code: str, on: date) -> bool:
        return _row(self.target_groups, code, on) is not None

    def knows_sed_type(self, code: str, on: date) -> bool:
        """Whether an SED of this type is known (`U009`); `PD_U3` counts as one."""
        return _row(self.sed_types, code, on) is not None


def _row(table: CodeTable, code: str, on: date) -> DatedCode | None:
    for row in table.get(code, ()):
        if row.holds(on):
            return row
    return None


@cache
def shipped() -> CodeLists:
    """The lists that come with this package. Raises CodeListError where a file is wrong."""
    return read_code_lists(files("schemas") / "codes")


def read_code_lists(directory: Traversable) -> CodeLists:
    """The lists in a directory, checked one by one and against each other.

    Raises CodeListError with file and line for the first fault.
    """
    municipalities, ics, routes, countries, groups, seds = (read_code_list(directory, f) for f in _FILES)
    _check_references(municipalities, _MUNICIPALITIES, municipalities)
    _check_succession(municipalities)
    _check_references(routes, _ICS_ROUTES, ics)
    _check_codes_exist(ics, _ICS_MUNICIPALITIES, municipalities)
    _check_codes_exist(routes, _ICS_ROUTES, municipalities)
    return CodeLists(municipalities, ics, routes, countries, groups, seds, _digest(directory))


def _check_references(table: CodeTable, file: CodeListFile, target: CodeTable) -> None:
    for row in chain.from_iterable(table.values()):
        if row.refers_to and row.refers_to not in target:
            raise fault(
                file.name, row.line, f"{file.refers_column} {row.refers_to} is not listed; add it first"
            )


def _check_succession(municipalities: CodeTable) -> None:
    for row in chain.from_iterable(municipalities.values()):
        if row.refers_to and row.valid_to is None:
            raise fault(_MUNICIPALITIES.name, row.line, "has a successor and no end; set valid_to")
        seen, code = {row.code}, row.refers_to
        while code:
            if code in seen:
                raise fault(
                    _MUNICIPALITIES.name, row.line, "is its own successor in the end; break the circle"
                )
            seen.add(code)
            code = municipalities[code][-1].refers_to


def _check_codes_exist(table: CodeTable, file: CodeListFile, municipalities: CodeTable) -> None:
    for row in chain.from_iterable(table.values()):
        if row.code not in municipalities:
            raise fault(
                file.name, row.line, f"{row.code} is no municipality; add it to {_MUNICIPALITIES.name}"
            )


def _digest(directory: Traversable) -> str:
    whole = sha256()
    for file in sorted(_FILES, key=lambda file: file.name):
        content = directory.joinpath(file.name).read_bytes()
        whole.update(f"{file.name}:{len(content)}\n".encode() + content)
    return whole.hexdigest()
