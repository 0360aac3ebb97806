"""Messages to measure with: courses of young people over the five flows of the main job."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from confluent_kafka import Producer

from schemas.cloudevent import from_structured, to_kafka
from schemas.code_lists import shipped
from schemas.message import Message
from schemas.pseudonym import PseudonymKey

FLOWS = ("citizen-status", "enrolment", "dropout-risk", "contact-details", "follow-up")
LISTS = shipped()


def replacement_cpr(n: int) -> str:
    """A replacement number (day + 60) for person `n`; 28 x 12 x 37 x 1,000 of them differ."""
    day, month = 61 + n % 28, 1 + n // 28 % 12
    return f"{day:02}{month:02}{n // 336 % 37:02}{4000 + n // 12_432 % 1_000:04}"


def events(people: int, at: datetime, first: int = 0) -> Iterator[dict[str, Any]]:
    """Five messages a person, person by person: status, admission, contact, notice, reaction."""
    for n in range(first, first + people):
        yield from (_event(n, flow, at + timedelta(seconds=step)) for step, flow in enumerate(FLOWS))


def messages(people: int, key: PseudonymKey) -> list[Message]:
    """The same, checked as the API checks them."""
    at = datetime.now(UTC) - timedelta(days=2)
    return [
        from_structured(json.dumps(e).encode(), key, LISTS, datetime.now(UTC)) for e in events(people, at)
    ]


def produce(bootstrap: str, prefix: str, given: list[Message]) -> None:
    """Put the messages on their inbound topics; return when the broker has all of them."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "enable.idempotence": True})
    for message in given:
        key, headers, value = to_kafka(message)
        topic = f"{prefix}inbound.{message.envelope.flow}.v1"
        producer.produce(topic, value=value, key=key, headers=headers)
        producer.poll(0)
    if left := producer.flush(60):
        raise RuntimeError(f"{left} messages were not taken by the broker")


def _event(n: int, flow: str, at: datetime) -> dict[str, Any]:
    day = at.date().isoformat()
    municipality = ("751", "101", "461", "851")[n % 4]
    citizen = {"cpr": replacement_cpr(n), "family_name": "Testesen", "forename": "Alma"}
    contact = {"name": "Vejleder Testesen", "email": "vejleder@example.dk"}
    institution = f"{280_000 + n % 40:06}"
    enrolment = {"citizen": citizen, "enrolment_id": f"E{n}"}
    data: dict[str, dict[str, Any]] = {
        "citizen-status": {
            "citizen": {**citizen, "residence_municipality": municipality},
            "responsible": True,
            "readiness": "EDUCATION_READY",
            "vocational_qualification": False,
            "valid_from": day,
        },
        "enrolment": {
            **enrolment,
            "event": "ADMITTED",
            "education": {"code": "3017", "qualifies": "VOCATIONAL"},
            "admitted_on": day,
            "study_start_on": day,
        },
        "contact-details": {**enrolment, "institution": institution, "contact": contact},
        "dropout-risk": {**enrolment, "event": "RAISED", "observed_on": day, "reasons": ["ABSENCE"]},
        "follow-up": {**enrolment, "institution": institution, "event": "CONTACTED", "on": day},
    }
    from_school = flow in ("enrolment", "dropout-risk")
    return {
        "specversion": "1.0",
        "id": str(uuid5(NAMESPACE_URL, f"bench/{n}/{flow}")),
        "source": f"/institution/{institution}" if from_school else f"/municipality/{municipality}",
        "type": f"dk.overgang.{flow}.v1",
        "time": at.isoformat(),
        "data": data[flow],
    }
