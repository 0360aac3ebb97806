"""Who takes part in a simulation: the real municipalities, and synthetic institutions near them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from random import Random
from typing import Any

from schemas.code_lists import CodeLists
from schemas.identifiers import institution_address

Contact = Mapping[str, str]
Education = Mapping[str, str]

_INSTITUTIONS = 48
_UNIVERSITY_CITY_WEIGHT = 7
_EDUCATIONS: Mapping[str, tuple[Education, ...]] = {
    kind: tuple({"code": code, "title": title, "qualifies": kind} for code, title in courses)
    for kind, courses in {
        "VOCATIONAL": (
            ("3017", "Social- og sundhedshjælper"),
            ("1530", "Elektriker"),
            ("1790", "Tømrer"),
            ("1905", "Kontoruddannelse"),
        ),
        "STUDY": (
            ("5058", "Pædagog"),
            ("5166", "Sygeplejerske"),
            ("5411", "Markedsføringsøkonom"),
            ("6420", "Bachelor i datalogi"),
        ),
        "PREPARATORY": (("0012", "Forberedende grunduddannelse"), ("0108", "Almen voksenuddannelse")),
    }.items()
}
_KINDS = ("VOCATIONAL", "STUDY", "VOCATIONAL", "STUDY", "VOCATIONAL", "PREPARATORY")
_COLLEAGUES = (
    "Asta Attrap",
    "Bo Prøvesen",
    "Carla Eksempel",
    "Dan Modelsen",
    "Ea Skabelon",
    "Finn Forsøgsen",
)


@dataclass(frozen=True, slots=True)
class Institution:
    number: str
    address: str
    educations: tuple[Education, ...]
    contacts: tuple[Contact, ...]


class Parties:
    """Draws municipalities, institutions and contact persons.

    Institution numbers begin with 0 or 9: no municipality's number does, so they are nobody's.
    """

    def __init__(self, lists: CodeLists, on: date) -> None:
        codes = (f"{number:03}" for number in range(1_000))
        routes = {code: lists.ics_route(code, on) for code in codes if lists.is_municipality(code, on)}
        self.ics: dict[str, str] = {code: str(route) for code, route in routes.items() if route is not None}
        self.municipalities: tuple[str, ...] = tuple(routes)
        cities = set(self.ics.values())
        self._weights = list(
            accumulate(_UNIVERSITY_CITY_WEIGHT if code in cities else 1 for code in self.municipalities)
        )
        self.institutions = tuple(_institution(number) for number in range(_INSTITUTIONS))
        regions = sorted(cities)
        self._near = {
            region: tuple(self.institutions[place :: len(regions)]) for place, region in enumerate(regions)
        }
        self._contacts = {code: _municipal_contacts(code) for code in self.municipalities}

    def municipality(self, random: Random) -> str:
        """A municipality's code; the university cities are drawn more often."""
        return random.choices(self.municipalities, cum_weights=self._weights)[0]

    def institution(self, municipality: str, random: Random) -> Institution:
        """A place of study: most often one in the same part of the country."""
        if random.random() < 0.8 and municipality in self.ics:
            return random.choice(self._near[self.ics[municipality]])
        return random.choice(self.institutions)

    def caseworker(self, municipality: str, random: Random) -> dict[str, Any]:
        return dict(random.choice(self._contacts[municipality]))


def _institution(place: int) -> Institution:
    number = f"{'0' if place % 3 == 0 else '9'}{10_007 + place * 1_733:05}"
    contacts = tuple(
        {
            "name": name,
            "title": "Studievejleder",
            "unit": "Studievejledningen",
            "email": f"vejleder{turn}@i{number}.example.dk",
        }
        for turn, name in enumerate(_COLLEAGUES[place % 4 : place % 4 + 3], start=1)
    )
    kind = _KINDS[place % len(_KINDS)]
    return Institution(number, institution_address(number), _EDUCATIONS[kind], contacts)


def _municipal_contacts(code: str) -> tuple[Contact, ...]:
    return tuple(
        {
            "name": name,
            "title": "Ungerådgiver",
            "email": f"ungeenhed{turn}@k{code}.example.dk",
            "phone": f"+45 0000 {code}{turn}",
        }
        for turn, name in enumerate(_COLLEAGUES[int(code) % 3 : int(code) % 3 + 4], start=1)
    )
