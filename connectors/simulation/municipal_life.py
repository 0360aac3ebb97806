"""What the municipality records of a young person: status, conversations, moves, and the operator's mends."""

from typing import Any

from connectors.simulation.calendar import DAY
from connectors.simulation.people import Person, Population
from connectors.simulation.stage import Process, Stage

_OPERATOR = "/gateway"
_TARGET_GROUPS = {
    "OBVIOUSLY_EDUCATION_READY": "LAB_6_4",
    "EDUCATION_READY": "LAB_6_4",
    "ACTIVITY_READY": "LAB_6_5",
    "JOB_READY": "LAB_6_2",
}
_FORMS = ("IN_PERSON", "PHONE", "VIDEO")


def status_and_moves(stage: Stage, person: Person, at: int) -> Process:
    """A first status, then changes of readiness; a few persons move to another municipality."""
    _status(stage, person, at)
    while True:
        at = stage.days(40, 120, at)
        yield at
        if stage.chance(0.05):
            _move(stage, person, at)
            at = stage.working_days(0, 5, at)
            yield at
        elif stage.chance(0.3):
            person.readiness = stage.random.choice(("EDUCATION_READY", "ACTIVITY_READY"))
        _status(stage, person, at)


def conversations(stage: Stage, person: Person, at: int) -> Process:
    """The young person chooses how to meet; the municipality sometimes decides otherwise."""
    unemployed_since = stage.calendar.iso_date(at // DAY - stage.random.randint(20, 500))
    while True:
        at = stage.days(25, 80, at)
        yield at
        if person.known:
            _conversation(stage, person, at, unemployed_since)


def unknown_to_municipalities(stage: Stage, person: Person, at: int) -> Process:
    """Nobody is responsible until the operator assigns the person, if that happens at all."""
    if stage.chance(0.4):
        return
    at = stage.working_days(1, 7, at)
    yield at
    data = {
        "assigns": {"citizen": person.citizen, "municipality": person.municipality},
        "reason": "Ikke fordelt: bopæl fundet i folkeregistret.",
    }
    stage.send(at, _OPERATOR, "correction", data)
    person.known = True
    if stage.chance(0.8):
        at = stage.working_days(0, 3, at)
        yield at
        _status(stage, person, at)


def another_number(stage: Stage, population: Population, person: Person, at: int) -> Process:
    """The person was reported under a replacement number and gets another; the operator merges them."""
    at = stage.days(5, 40, at)
    yield at
    before = person.citizen
    person.cpr = population.replacement_number(person.born)
    person.write_citizen()
    at = stage.working_days(0, 3, at)
    yield at
    data = {
        "merges": {"citizen": before, "into": person.citizen},
        "reason": "Samme borger under to erstatningsnumre.",
    }
    stage.send(at, _OPERATOR, "correction", data)


def _status(stage: Stage, person: Person, at: int, *, responsible: bool = True) -> None:
    random = stage.random
    day = at // DAY
    data: dict[str, Any] = {
        "citizen": person.citizen,
        "responsible": responsible,
        "contact_persons": random.choice(([], [], ["UNDER_25"], ["AFTERCARE"])),
        "valid_from": stage.calendar.iso_date(day - random.choice((0, 0, 0, 2, 10))),
    }
    if responsible:
        # A code that the shipped lists do not hold: it goes on, with a warning.
        data["target_group"] = "LAB_6_99" if stage.chance(0.004) else _TARGET_GROUPS[person.readiness]
        if stage.chance(0.95):
            data["readiness"] = person.readiness
        if stage.chance(0.9):
            data["vocational_qualification"] = person.vocational
        if stage.chance(0.01):
            data["mentor_exempt"] = True
    stage.send(at, person.address, "citizen-status", data)


def _move(stage: Stage, person: Person, at: int) -> None:
    """The old municipality lets go; the new one's own status follows some days later."""
    if stage.chance(0.7):
        _status(stage, person, at, responsible=False)
    person.municipality = stage.parties.municipality(stage.random)
    person.write_citizen()


def _conversation(stage: Stage, person: Person, at: int, unemployed_since: str) -> None:
    overridden = stage.chance(0.12)
    data: dict[str, Any] = {
        "citizen": person.citizen,
        "event": "OVERRIDDEN" if overridden else "CHOSEN",
        "form": "LETTER" if stage.chance(0.01) else stage.random.choice(_FORMS),
        "on": stage.calendar.iso_date(at // DAY),
    }
    if stage.chance(0.7):
        data["unemployed_since"] = unemployed_since
    if overridden and stage.chance(0.9):
        data["reason"] = "Samtalen kræver fremmøde (syntetisk)."
    stage.send(at, person.address, "conversation-form", data)
