"""A simulated population and the messages that its parties send about it."""

from collections.abc import Iterator
from datetime import date
from random import Random
from uuid import UUID, uuid5

from connectors.simulation.calendar import DAY, Calendar
from connectors.simulation.education_course import earlier_student, education_course
from connectors.simulation.eu_course import EuCase, eu_course
from connectors.simulation.municipal_life import (
    another_number,
    conversations,
    status_and_moves,
    unknown_to_municipalities,
)
from connectors.simulation.parties import Parties
from connectors.simulation.people import Population
from connectors.simulation.stage import Event, Process, Stage
from schemas.code_lists import shipped

DEFAULT_START = date(2024, 8, 5)
"""A Monday before the summer intake; a year from here crosses the rule set of 2025-07-01."""
_NAMESPACE = UUID("5d0c1f5e-8a40-5c0e-9d5e-3f6a0e6f2b11")
_EU_SHARE = 9_000 / 70_000
"""Domain description, Volumes: 9,000 EU cases a year beside 70,000 people in the group."""


def simulate(people: int, weeks: int, seed: int, start: date = DEFAULT_START) -> Iterator[Event]:
    """Structured CloudEvents of all inbound flows, in the order in which they reach the gateway.

    The same arguments give the same messages; others give other message ids. Every `time` lies in the
    `weeks` weeks from midnight of `start` (Copenhagen), so `start = today - 14 days` and two weeks end with
    yesterday; what would arrive later is not there. From 26 weeks on, courses take their real time and
    follow the season (a summer intake in August, a small one after the new year); in a shorter window they
    are compressed: everybody is admitted in its first third, studies begin some days later and notices
    follow, while reactions still take real working days, so that tasks are done, open and overdue at its end.
    About 20 messages a person and year; a fortnight gives about 10 a person.

    Among them are late, repeated and swapped messages, ids used twice, unknown codes, and persons for whom
    nobody is responsible; each single message is valid. Messages share parts (a citizen's record): do not
    change them. Memory grows with the people under way, not with the messages. Raises ValueError if
    `people` or `weeks` is below 1.
    """
    if people < 1 or weeks < 1:
        raise ValueError("people and weeks: give at least 1 of each")
    random = Random(seed)
    calendar = Calendar(start, weeks)
    parties = Parties(shipped(), start)
    namespace = uuid5(_NAMESPACE, f"{people} {weeks} {seed} {start.isoformat()}")
    stage = Stage(calendar, parties, random, namespace)
    stage.spawn(_arrivals(stage, people), 0)
    yield from stage.play()


def _arrivals(stage: Stage, people: int) -> Process:
    """Lets each person's life begin on the day on which the parties first hear of the person."""
    random, calendar = stage.random, stage.calendar
    population = Population(stage)
    first_heard: list[list[int]] = [[] for _ in range(calendar.days)]
    for _ in range(people):
        admitted = calendar.intake_day(random)
        known_for = round(random.uniform(2, 280) * calendar.pace)
        first_heard[max(0, admitted - known_for)].append(admitted)
    number = 0
    for day, admissions in enumerate(first_heard):
        yield day * DAY
        for admitted in admissions:
            number += 1
            if random.random() < _EU_SHARE:
                at = calendar.moment(day, random)
                stage.spawn(_eu_life(stage, population, number, at), at)
            else:
                _begin_life(stage, population, day, admitted)


def _eu_life(stage: Stage, population: Population, number: int, at: int) -> Process:
    yield from eu_course(stage, EuCase(stage, population, number, at), at)


def _begin_life(stage: Stage, population: Population, day: int, admitted: int) -> None:
    calendar, random = stage.calendar, stage.random
    person = population.person(admitted)
    heard_at = calendar.moment(day, random)
    admitted_at = calendar.moment(admitted, random)
    if person.known:
        # Some statuses come after the admission that they matter for.
        status_at = stage.working_days(1, 6, admitted_at) if stage.chance(0.08) else heard_at
        stage.spawn(status_and_moves(stage, person, status_at), status_at)
        stage.spawn(conversations(stage, person, heard_at), heard_at)
    else:
        stage.spawn(unknown_to_municipalities(stage, person, admitted_at), admitted_at)
    if stage.chance(0.003):
        stage.spawn(another_number(stage, population, person, admitted_at), admitted_at)
    life = earlier_student if stage.chance(0.05) else education_course
    stage.spawn(life(stage, person, admitted_at), admitted_at)
