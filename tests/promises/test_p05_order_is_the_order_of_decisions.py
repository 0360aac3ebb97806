"""P5: per citizen and recipient the order of first occurrences is that of decisions, through retries too."""

from itertools import chain
from typing import Any

from schemas.identifiers import PartyAddress
from schemas.outbound import TASK_TYPE, outbound_topic
from streams.topics import TopicShape, ensure_topics
from tests.integration.ledger_room import event
from tests.integration.stream_room import StreamRoom, replacement_cpr, room
from tests.promises.aftermath import Record, first_occurrences, on_topics

__all__ = ["room"]
SCHOOL = "/institution/280051"
AARHUS, ODENSE = PartyAddress("/municipality/751"), PartyAddress("/municipality/461")
STEPS = [
    ["enrolment", "GUIDE_MENTOR_RIGHT 1", "SEND_CONTACT 1"],
    ["dropout-risk", "CONTACT_YOUNG_PERSON 1"],
    ["enrolment", "GUIDE_MENTOR_RIGHT 2", "SEND_CONTACT 2", "FOLLOW_UP_DROPOUT 1"],
    ["CONTACT_YOUNG_PERSON 2", "FOLLOW_UP_DROPOUT 2"],
]
"""What a municipality hears of each step of a course: the message, then the tasks it changes, with their
revision. Dropping out cancels what the admission opened and opens a follow-up; contact finishes two tasks."""
PEOPLE = 6


class Person:
    """The four messages of a course: admission, notice, dropping out, contact."""

    def __init__(self, number: int, municipality: PartyAddress) -> None:
        self._citizen = {"cpr": replacement_cpr(number), "residence_municipality": municipality[-3:]}
        self._enrolment = {"enrolment_id": f"E{number}"}
        self._municipality = municipality

    def step(self, number: int) -> dict[str, Any]:
        time = f"2026-09-0{number + 1}T10:00:00+02:00"
        day = time[:10]
        education = {"education": {"code": "3017", "qualifies": "VOCATIONAL"}}
        dates = {"admitted_on": "2026-09-01", "study_start_on": "2026-09-01"}
        match number:
            case 0:
                return self._of_school("enrolment", time, event="ADMITTED", **education, **dates)
            case 1:
                return self._of_school("dropout-risk", time, event="RAISED", observed_on=day)
            case 2:
                return self._of_school("enrolment", time, event="DROPPED_OUT", **education, **dates)
            case _:
                contacted = {"citizen": self._citizen, "event": "CONTACTED", "on": day, **self._enrolment}
                return event("follow-up", self._municipality, time, contacted)

    def _of_school(self, flow: str, time: str, **data: Any) -> dict[str, Any]:
        return event(flow, SCHOOL, time, {"citizen": self._citizen, **self._enrolment, **data})


def test_what_a_recipient_hears_of_a_citizen_comes_in_the_order_of_decisions_through_retries_too(
    room: StreamRoom,
) -> None:
    refused = room.prefix + outbound_topic(AARHUS)
    ensure_topics(room.admin, [refused], TopicShape(3))
    people = [Person(n, (AARHUS, ODENSE)[n % 2]) for n in range(PEOPLE)]
    with room.worker():
        take(room, people, 0, 1)
        room.wait_until(lambda: waiting(room) == {AARHUS}, what="one recipient is refused, the others go on")
    with room.worker():
        take(room, people, 2, 3)
        room.wait_until(lambda: waiting(room) == {AARHUS})
        room.admin.delete_topics([refused], operation_timeout=20)[refused].result(20)
        room.wait_until(lambda: waiting(room) == set(), 60, "the mended recipient gets all that waited")
    heard = on_topics(room)
    for municipality in (AARHUS, ODENSE):
        records = first_occurrences(heard[municipality])
        assert [record.sequence for record in records] == list(range(1, len(records) + 1))
        of_citizen: dict[str | None, list[str]] = {}
        for record in records:
            of_citizen.setdefault(record.subject, []).append(label(record))
        assert list(of_citizen.values()) == [list(chain(*STEPS))] * (PEOPLE // 2)


def test_a_citizen_whose_messages_come_in_one_batch_is_heard_of_in_order(room: StreamRoom) -> None:
    person = Person(1, AARHUS)
    room.send([person.step(1), person.step(3), person.step(0), person.step(2)])
    with room.worker():
        room.wait_until(lambda: done(room) == 4)
        room.wait_until(lambda: waiting(room) == set())
    records = first_occurrences(on_topics(room)[AARHUS])
    revisions: dict[str, list[int]] = {}
    for record in records:
        if record.type == TASK_TYPE:
            revisions.setdefault(record.data["task_id"], []).append(record.data["revision"])
            caused = set(record.data["caused_by"])
            before = {earlier.id for earlier in records[: record.sequence - 1]}
            assert caused <= before, "a task came before the message that it names"
    assert all(found == sorted(set(found)) for found in revisions.values())
    last = {record.data["kind"]: record.data["state"] for record in records if record.type == TASK_TYPE}
    assert last["CONTACT_YOUNG_PERSON"] == "DONE"


def take(room: StreamRoom, people: list[Person], *steps: int) -> None:
    """Each person's steps one after the other, all people's at once."""
    for number in steps:
        before = done(room)
        room.send([person.step(number) for person in people])
        room.wait_until(lambda before=before: done(room) == before + len(people))  # type: ignore[misc]


def done(room: StreamRoom) -> int:
    return int(room.rows("SELECT count(*) FROM inbox")[0][0])


def waiting(room: StreamRoom) -> set[str]:
    """Municipalities that do not have all their messages yet."""
    rows = room.rows(
        "SELECT DISTINCT recipient FROM outbound WHERE published_at IS NULL"
        " AND starts_with(recipient, '/municipality/')"
    )
    return {recipient for (recipient,) in rows}


def label(record: Record) -> str:
    if record.type == TASK_TYPE:
        return f"{record.data['kind']} {record.data['revision']}"
    return record.type.split(".")[2]
