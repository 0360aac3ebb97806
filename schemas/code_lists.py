"""Dated code lists: municipalities, ICS municipalities and routes, countries, target groups, SED types.

What others own and change is data (`codes/*.csv`), each row with its dates and source. A code that is not
known on a day is a warning (`UNKNOWN_CODE`), never a reason to refuse a message. End reasons have no list:
no public source names them, so every one is accepted. Of the institutions only those are listed that were
closed, merged or renumbered: every other number is valid.
"""

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain

from schemas.code_list_files import CodeListFile, CodeTable, DatedCode, fault, read_code_list
from schemas.identifiers import InstitutionNumber, MunicipalityCode
from schemas.succession import check_succession, ending, heir, line, turns

_MUNICIPALITIES = CodeListFile("municipalities.csv", "code", "[0-9]{3}", "successor", "([0-9]{3})?")
_ICS_MUNICIPALITIES = CodeListFile("ics_municipalities.csv", "code", "[0-9]{3}")
_ICS_ROUTES = CodeListFile("ics_routes.csv", "municipality", "[0-9]{3}", "ics_municipality", "[0-9]{3}")
_COUNTRIES = CodeListFile("eea_countries.csv", "code", "[A-Z]{2}", "agreement", "EU|EEA|CH|UK")
_TARGET_GROUPS = CodeListFile("target_groups.csv", "code", "[A-Z0-9_]{1,40}")
_SED_TYPES = CodeListFile("sed_types.csv", "code", "[A-Z0-9_]{1,40}")
_INSTITUTIONS = CodeListFile("institutions.csv", "number", "[0-9]{6}", "successor", "([0-9]{6})?")
_FILES = (
    _MUNICIPALITIES,
    _ICS_MUNICIPALITIES,
    _ICS_ROUTES,
    _COUNTRIES,
    _TARGET_GROUPS,
    _SED_TYPES,
    _INSTITUTIONS,
)


@dataclass(frozen=True, slots=True)
class CodeLists:
    """All lists together. Every question names the day it is asked for."""

    municipalities: CodeTable
    ics_municipalities: CodeTable
    ics_routes: CodeTable
    countries: CodeTable
    target_groups: CodeTable
    sed_types: CodeTable
    institutions: CodeTable
    digest: str
    """SHA-256 (hex) of the files: cases decided under another digest are decided anew."""
    ending_municipalities: frozenset[str] = field(init=False, repr=False)
    """Those that end on some day; in the rules every other one stands for itself without a look."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ending_municipalities", ending(self.municipalities))

    def is_municipality(self, code: str, on: date) -> bool:
        return _row(self.municipalities, code, on) is not None

    def successor_of(self, code: str, on: date) -> MunicipalityCode | None:
        """The listed municipality that has `code`'s tasks on that day: itself, or what it was merged into."""
        acting = self.acting_municipality(code, on)
        return acting if acting and self.is_municipality(acting, on) else None

    def acting_municipality(self, code: str, on: date) -> MunicipalityCode | None:
        """As `successor_of`; a code that is not listed, or not yet, stands for itself. None: closed."""
        if code not in self.ending_municipalities:
            return MunicipalityCode(code)
        acting = heir(self.municipalities, code, on)
        return MunicipalityCode(acting) if acting else None

    def municipality_turns(self, code: str) -> set[date]:
        """The days from which another municipality may act for this one."""
        return turns(self.municipalities, code) if code in self.ending_municipalities else set()

    def municipality_line(self, code: str) -> set[str]:
        """The municipality and all that may come to act for it."""
        return line(self.municipalities, code) if code in self.ending_municipalities else {code}

    def institution_successor_of(self, number: str, on: date) -> InstitutionNumber | None:
        """The institution that has `number`'s tasks on that day; None where it closed without a successor.

        A number that is not listed is valid and its own.
        """
        if number not in self.institutions:
            return InstitutionNumber(number)
        acting = heir(self.institutions, number, on)
        return InstitutionNumber(acting) if acting else None

    def institution_turns(self, number: str) -> set[date]:
        """The days from which another institution may act for this one."""
        return turns(self.institutions, number)

    def is_one_institution(self, one: str, other: str, on: date) -> bool:
        """Whether two numbers mean the same institution on that day."""
        if not self.institutions:
            return one == other
        acting = self.institution_successor_of(one, on)
        return acting is not None and acting == self.institution_successor_of(other, on)

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
    municipalities, ics, routes, countries, groups, seds, institutions = (
        read_code_list(directory, file) for file in _FILES
    )
    _check_references(municipalities, _MUNICIPALITIES, municipalities)
    check_succession(municipalities, _MUNICIPALITIES)
    check_succession(institutions, _INSTITUTIONS)
    _check_references(routes, _ICS_ROUTES, ics)
    _check_codes_exist(ics, _ICS_MUNICIPALITIES, municipalities)
    _check_codes_exist(routes, _ICS_ROUTES, municipalities)
    digest = _digest(directory)
    return CodeLists(municipalities, ics, routes, countries, groups, seds, institutions, digest)


def _check_references(table: CodeTable, file: CodeListFile, target: CodeTable) -> None:
    for row in chain.from_iterable(table.values()):
        if row.refers_to and row.refers_to not in target:
            raise fault(
                file.name, row.line, f"{file.refers_column} {row.refers_to} is not listed; add it first"
            )


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
