"""Synthetic persons: invented names, and personal numbers that nobody can bear."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from connectors.simulation.stage import Stage
from schemas.identifiers import municipality_address

_FORENAMES = [
    "Alma",
    "Bertil",
    "Clara",
    "Ditlev",
    "Ella",
    "Folmer",
    "Gerda",
    "Holger",
    "Ingrid",
    "Jeppe",
    "Karla",
    "Laust",
    "Mynte",
    "Noah",
    "Olga",
    "Palle",
]
_FAMILY_NAMES = [
    "Testesen",
    "Prøvesen",
    "Eksempelsen",
    "Demosen",
    "Attrapsen",
    "Modelsen",
    "Forsøgsen",
    "Skabelonsen",
    "Øvesen",
    "Fiktivsen",
]
_REPLACEMENT_DAYS = 60


@dataclass(slots=True, eq=False)
class Person:
    """One young person. `known` says that a municipality handles the person; `citizen` is the record that
    messages share (treat as read-only), made anew when the person moves or gets another number.
    """

    forename: str
    family_name: str
    born: date
    cpr: str
    municipality: str
    known: bool
    names_residence: bool
    vocational: bool
    readiness: str
    enrolments: int = 0
    citizen: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.write_citizen()

    @property
    def address(self) -> str:
        return municipality_address(self.municipality)

    def write_citizen(self) -> None:
        self.citizen = {
            "cpr": self.cpr,
            "family_name": self.family_name,
            "forename": self.forename,
            "birth_date": self.born.isoformat(),
        }
        if self.names_residence:
            self.citizen["residence_municipality"] = self.municipality


class Population:
    """Makes persons whose numbers differ."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._issued: set[int] = set()

    def person(self, admitted_day: int) -> Person:
        """A person for a course that begins on that day; few are 30 or older, and some turn 30 about then."""
        stage, random = self._stage, self._stage.random
        born = self._birth_date(admitted_day)
        nowhere = stage.chance(0.015)
        number = self.replacement_number(born)
        return Person(
            forename=random.choice(_FORENAMES),
            family_name=random.choice(_FAMILY_NAMES),
            born=born,
            cpr=f"{number[:6]}-{number[6:]}" if stage.chance(0.02) else number,
            municipality=stage.parties.municipality(random),
            known=not nowhere and not stage.chance(0.03),
            names_residence=not nowhere and not stage.chance(0.1),
            vocational=stage.chance(0.08),
            readiness=random.choices(
                ("EDUCATION_READY", "OBVIOUSLY_EDUCATION_READY", "ACTIVITY_READY", "JOB_READY"),
                (55, 20, 20, 5),
            )[0],
        )

    def replacement_number(self, born: date) -> str:
        """A replacement number (day + 60) that was not given before; its 7th digit tells the century."""
        centuries = "456789" if born.year >= 2000 else "0123"
        prefix = f"{born.day + _REPLACEMENT_DAYS:02}{born:%m%y}"
        while True:
            number = f"{prefix}{self._stage.random.choice(centuries)}{self._stage.random.randrange(1_000):03}"
            if int(number) not in self._issued:
                self._issued.add(int(number))
                return number

    def _birth_date(self, admitted_day: int) -> date:
        stage, random = self._stage, self._stage.random
        if stage.chance(0.01):
            boundary = stage.calendar.age_turning_day(admitted_day, random.choice((18, 25, 30)))
            return boundary + timedelta(days=random.choice((-1, 0, 1)))
        youngest, oldest = (30, 34) if stage.chance(0.06) else (18, 29)
        birthday = stage.calendar.age_turning_day(admitted_day, random.randint(youngest, oldest))
        return birthday - timedelta(days=random.randrange(365))
