"""From a message to its fact: the danish day, the birth date, what a correction means."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from schemas.cloudevent import from_structured
from schemas.code_lists import shipped
from schemas.flows import FLOWS
from schemas.pseudonym import PseudonymKey, case_key_of_eu
from streams.facts import Fact, fact_of
from streams.rules.facts import CorrectionFact, EuRegistrationFact
from tests.strategies import events

KEY = PseudonymKey(b"k" * 32)
FUTURE = datetime(2999, 1, 1, tzinfo=UTC)
REPLACEMENT = {"cpr": "740503-4123"}
FOREIGN = {"foreign_id": {"country": "DE", "number": "65 170839 J 003"}}


def fact(flow: str, data: dict[str, Any], source: str, time: str = "2026-06-22T10:00:00+02:00") -> Fact:
    body = {
        "specversion": "1.0",
        "id": "d7b12fbd-10af-5538-8f81-74a2ebd2241a",
        "source": source,
        "type": f"dk.overgang.{flow}.v1",
        "time": time,
        "data": data,
    }
    return fact_of(from_structured(json.dumps(body).encode(), KEY, shipped(), FUTURE))


def form(citizen: dict[str, Any], time: str = "2026-06-22T10:00:00+02:00") -> Fact:
    data = {"citizen": citizen, "event": "CHOSEN", "form": "VIDEO", "on": "2026-06-22"}
    return fact("conversation-form", data, "/municipality/751", time)


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ("2026-10-01T22:30:00Z", date(2026, 10, 2)),
        ("2026-11-01T22:30:00Z", date(2026, 11, 1)),
        ("2026-11-01T23:00:00Z", date(2026, 11, 2)),
        ("2026-06-22T00:30:00+14:00", date(2026, 6, 21)),
        ("2026-03-28T23:30:00Z", date(2026, 3, 29)),
    ],
)
def test_the_day_is_that_of_denmark(time: str, day: date) -> None:
    told = form(REPLACEMENT, time)
    assert told.day == day
    assert told.time.tzinfo is UTC


def test_the_birth_date_is_that_of_the_personal_number_before_a_given_one() -> None:
    # 740503: day 74 - 60 = 14, May; year 03 with the 7th digit 4 is 2003.
    assert form({**REPLACEMENT, "birth_date": "2001-01-01"}).birth_date == date(2003, 5, 14)
    assert form({**FOREIGN, "birth_date": "2001-01-01"}).birth_date == date(2001, 1, 1)
    assert form(FOREIGN).birth_date is None


def test_a_citizen_is_known_by_the_pseudonym_alone() -> None:
    told = form(REPLACEMENT)
    assert told.subject == told.case_key
    assert "7405034123" not in repr(told)


def test_only_the_operator_can_take_back_what_another_sent() -> None:
    data = {
        "retracts": "99824523-c29d-5533-852c-21fb133fab16",
        "of": "/institution/280051",
        "reason": "wrong",
    }
    by_operator = fact("correction", data, "/gateway")
    by_another = fact("correction", data, "/municipality/751")
    assert isinstance(by_operator, CorrectionFact)
    assert isinstance(by_another, CorrectionFact)
    assert by_operator.retracts == ("/institution/280051", data["retracts"])
    assert by_another.retracts == ("/municipality/751", data["retracts"])


def test_a_merge_names_both_pseudonyms_and_an_assignment_its_case() -> None:
    merges = {"merges": {"citizen": FOREIGN, "into": REPLACEMENT}, "reason": "cpr given"}
    told = fact("correction", merges, "/gateway")
    assert isinstance(told, CorrectionFact)
    assert told.merged == (form(FOREIGN).subject, form(REPLACEMENT).subject)
    assigns = {"assigns": {"eu_case_id": "EU-1", "municipality": "751"}, "reason": "nobody known"}
    told = fact("correction", assigns, "/gateway")
    assert isinstance(told, CorrectionFact)
    assert (told.assigned, told.municipality) == (case_key_of_eu(KEY, "EU-1"), "751")


def test_an_eu_registration_is_grouped_by_its_case() -> None:
    data = {
        "citizen": {**FOREIGN, "residence_municipality": "615"},
        "eu_case_id": "EU-1",
        "registered_on": "2026-03-06",
        "document_presented": True,
        "competent_institution": {"id": "DE:0411"},
        "ceased_available_on": "2026-03-02",
        "legal_basis": "ART_64",
    }
    told = fact("eu-registration", data, "/municipality/751")
    assert isinstance(told, EuRegistrationFact)
    assert (told.case_key, told.competent_country, told.residence) == (
        case_key_of_eu(KEY, "EU-1"),
        "DE",
        "615",
    )


@pytest.mark.parametrize("flow", list(FLOWS))
def test_every_valid_message_has_a_fact_of_its_flow(flow: Any) -> None:
    @settings(max_examples=30)
    @given(events(flow))
    def check(event: dict[str, Any]) -> None:
        message = from_structured(json.dumps(event).encode(), KEY, shipped(), FUTURE)
        told = fact_of(message)
        assert (told.flow, told.source, told.id) == (flow, message.envelope.source, message.envelope.id)
        assert (told.time, told.case_key) == (message.envelope.time, message.case_key)

    check()
