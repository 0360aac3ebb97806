"""What is refused, in which words; and what is let through, because data is reported, not business."""

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.explain import MOST_PROBLEMS, problems_of
from schemas.flows import FLOWS
from schemas.identifiers import Flow
from tests import strategies

CPR = "7405034123"
CITIZEN = {"cpr": CPR}
CONTACT = {"name": "Vejleder Vest", "phone": "12"}
ID = "3f0c1a52-5d0e-5b1c-9b0a-1d2e3f4a5b6c"
DAY = "2026-08-10"
EDUCATION = {"code": "0017", "qualifies": "STUDY"}
VALID: dict[Flow, dict[str, Any]] = {
    "enrolment": {"citizen": CITIZEN, "enrolment_id": "E1", "event": "ADMITTED", "education": EDUCATION},
    "dropout-risk": {"citizen": CITIZEN, "enrolment_id": "E1", "event": "RAISED", "observed_on": DAY},
    "contact-details": {
        "citizen": CITIZEN,
        "enrolment_id": "E1",
        "institution": "012345",
        "contact": CONTACT,
    },
    "citizen-status": {"citizen": CITIZEN, "responsible": True, "valid_from": DAY},
    "education-order": {
        "citizen": CITIZEN,
        "institution": "012345",
        "education": EDUCATION,
        "ordered_on": DAY,
        "support_need": "SOME",
        "contact": CONTACT,
    },
    "mentor": {"citizen": CITIZEN, "event": "ASSIGNED", "on": DAY},
    "follow-up": {"citizen": CITIZEN, "event": "CONTACTED", "on": DAY},
    "conversation-form": {"citizen": CITIZEN, "event": "OVERRIDDEN", "form": "LETTER", "on": DAY},
    "eu-registration": {
        "citizen": {"family_name": "Muster", "forename": "Erika", "birth_date": "1990-03-04"},
        "eu_case_id": "EU-1",
        "registered_on": DAY,
        "document_presented": False,
        "competent_institution": {"id": "DE:0411"},
        "ceased_available_on": DAY,
        "legal_basis": "ART_64",
    },
    "correction": {"retracts": ID, "reason": "Sent by mistake"},
    "eu-event": {"eu_case_id": "EU-1", "event": "DIED", "on": DAY},
}


def refusals(flow: Flow, **changes: Any) -> list[str]:
    """What is told about a valid message of the flow after the changes; nothing if it is let through."""
    model = FLOWS[flow].model
    try:
        model.model_validate(VALID[flow] | changes)
    except ValidationError as error:
        return [str(problem) for problem in problems_of(error, model)]
    return []


@pytest.mark.parametrize("flow", VALID)
def test_the_least_a_message_must_hold_is_enough(flow: Flow) -> None:
    assert refusals(flow) == []


@pytest.mark.parametrize(
    ("flow", "changes"),
    [
        ("enrolment", {"event": "DROPPED_OUT", "ended_on": "1999-01-01", "end_reason": "never heard of"}),
        ("citizen-status", {"target_group": "LAB_6_99"}),
        ("mentor", {"used_from": "2026-08-10", "planned_end": "2020-01-01"}),
        ("eu-registration", {"registered_on": "2022-01-01", "ceased_available_on": "2026-01-01"}),
        ("eu-registration", {"competent_institution": {"id": "US:1"}}),
        ("eu-event", {"event": "SED_SENT", "sed_type": "U999"}),
        ("enrolment", {"citizen": CITIZEN | {"residence_municipality": "999"}}),
        ("dropout-risk", {"absence_percent": 0, "note": "", "notice_id": ID}),
    ],
)
def test_unusual_content_is_never_refused(flow: Flow, changes: dict[str, Any]) -> None:
    assert refusals(flow, **changes) == []


@pytest.mark.parametrize("cpr", ["740503-4123", "7405034123"])
def test_a_personal_number_is_read_with_and_without_hyphen(cpr: str) -> None:
    message = FLOWS["mentor"].model.model_validate(VALID["mentor"] | {"citizen": {"cpr": cpr}})
    assert message.model_dump()["citizen"]["cpr"] == "7405034123"


def test_only_a_withdrawn_notice_must_name_the_notice() -> None:
    assert refusals("dropout-risk", event="WITHDRAWN") == [
        "data.notice_id: is missing from a WITHDRAWN; send the id of the RAISED message it withdraws"
    ]
    assert refusals("dropout-risk", event="WITHDRAWN", notice_id=ID) == []


def test_the_end_of_an_eu_right_is_said_in_one_way_at_most() -> None:
    assert refusals("eu-registration", entitled_until=DAY) == []
    assert refusals("eu-registration", max_days=92) == []
    assert refusals("eu-registration", entitled_until=DAY, max_days=92) == [
        "data.entitled_until: stands beside max_days; send one of entitled_until and max_days"
    ]


def test_only_an_eu_flow_may_come_without_a_personal_number() -> None:
    named = VALID["eu-registration"]["citizen"]
    assert refusals("eu-event", citizen=named) == []
    assert refusals("mentor", citizen=named) == [
        "data.citizen: does not identify anyone; send cpr or foreign_id"
    ]
    assert refusals("mentor", citizen={"foreign_id": {"country": "DE", "number": "65 170839 J 003"}}) == []
    assert refusals("eu-event", citizen={"family_name": "Muster", "forename": "Erika"}) == [
        "data.citizen: does not identify anyone;"
        " send cpr, foreign_id, or family_name with forename and birth_date"
    ]


def test_a_contact_can_be_reached() -> None:
    for contact in ({"name": "Vest"}, {"name": "Vest", "phone": "  "}, {"name": "Vest", "email": None}):
        assert refusals("contact-details", contact=contact) == [
            "data.contact: cannot be reached; send email or phone"
        ]


def test_a_correction_corrects_something_in_one_case() -> None:
    assert refusals("correction", retracts=None) == [
        "data: corrects nothing; send retracts, assigns or merges"
    ]
    unclear = ["data.assigns: does not name one case; send one of citizen and eu_case_id"]
    assert refusals("correction", assigns={"municipality": "751"}) == unclear
    both = {"municipality": "751", "citizen": CITIZEN, "eu_case_id": "EU-1"}
    assert refusals("correction", assigns=both) == unclear


@pytest.mark.parametrize("shape", ["7405034123", "740503-4123", "740503 4123", " 7405034123 "])
@pytest.mark.parametrize(
    ("flow", "field"),
    [
        ("enrolment", "enrolment_id"),
        ("follow-up", "enrolment_id"),
        ("mentor", "min_plan_reference"),
        ("eu-registration", "eu_case_id"),
        ("eu-event", "eu_case_id"),
        ("enrolment", "end_reason"),
    ],
)
def test_an_id_in_the_shape_of_a_personal_number_is_refused_unrepeated(
    flow: Flow, field: str, shape: str
) -> None:
    assert refusals(flow, **{field: shape}) == [
        f"data.{field}: has the shape of a personal number; send an id that says nothing about the person"
    ]


def test_ten_digits_that_are_no_date_are_an_id_like_any_other() -> None:
    assert refusals("enrolment", enrolment_id="9913991234") == []


@pytest.mark.parametrize(
    "wrong",
    [
        *(20260810, 1786312800, True, None, datetime(2026, 8, 10)),  # noqa: DTZ001
        *("10-08-2026", "2026-02-30", "2026-8-1", "20260810", "2026-08-10T00:00:00", "2026-08-10\n", ""),
        *("1899-12-31", "2201-01-01"),
    ],
)
def test_a_date_is_iso_text_or_an_avro_date_and_nothing_else(wrong: Any) -> None:
    assert refusals("mentor", on=wrong) == [
        "data.on: is not a date of the calendar between 1900 and 2200; send an ISO date such as 2026-08-10"
    ]
    assert refusals("mentor", on=date(2026, 8, 10)) == []


@pytest.mark.parametrize(
    ("flow", "changes", "told"),
    [
        ("contact-details", {"institution": 12345}, "data.institution: must be text"),
        ("contact-details", {"institution": "12345"}, "text of 6 digits, leading zeros kept"),
        ("contact-details", {"institution": "०१२३४५"}, "text of 6 digits, leading zeros kept"),
        ("citizen-status", {"responsible": "true"}, "must be true or false"),
        ("citizen-status", {"responsible": 1}, "must be true or false"),
        ("citizen-status", {"citizen": {"cpr": 1}}, "data.citizen.cpr: must be text"),
        ("citizen-status", {"citizen": {"cpr": "740503412"}}, "data.citizen.cpr: is not a personal number"),
        ("citizen-status", {"citizen": [CPR]}, "data.citizen: must be an object"),
        ("citizen-status", {"contact_persons": "UNDER_25"}, "data.contact_persons: must be a list"),
        ("dropout-risk", {"absence_percent": 101}, "is too large; send a number not above 100"),
        ("dropout-risk", {"absence_percent": -1}, "is too small; send a number not below 0"),
        ("dropout-risk", {"absence_percent": 12.0}, "must be a whole number"),
        ("dropout-risk", {"absence_percent": True}, "must be a whole number"),
        ("dropout-risk", {"note": "x" * 501}, "data.note: is longer than 500 characters"),
        ("dropout-risk", {"note": "a\0b"}, "without NUL characters"),
        ("dropout-risk", {"note": "\ud800"}, "is not Unicode text"),
        ("dropout-risk", {"reasons": ["OTHER"] * 51}, "data.reasons: has more than 50 entries"),
        ("dropout-risk", {"reasons": ["OTHER", "Other"]}, "data.reasons[1]: is none of the known values"),
        ("dropout-risk", {"notice_id": "17"}, "data.notice_id: does not have the form it should"),
        ("enrolment", {"enrolment_id": " "}, "data.enrolment_id: is empty"),
        ("enrolment", {"enrolment_id": "a\nb"}, "without control characters"),
        ("enrolment", {"education": {"code": "17", "qualifies": "STUDY"}}, "text of 4 digits"),
        ("eu-event", {"month": "2026-13"}, "send a month between 1900 and 2200 such as 2026-08"),
        ("eu-registration", {"competent_institution": {"id": "de:1"}}, "send the EESSI id"),
        ("eu-registration", {"nationality": ["Germany"]}, "data.nationality[0]: does not have the form"),
        ("correction", {"of": "/school/1"}, "send /institution/ and 6 digits"),
        ("contact-details", {"contact": {"name": "V", "email": "v"}}, "send one e-mail address"),
    ],
)
def test_a_wrong_form_is_told_with_its_field_and_mend(flow: Flow, changes: dict[str, Any], told: str) -> None:
    (refusal,) = refusals(flow, **changes)
    assert told in refusal


def test_a_missing_field_is_told_with_what_it_means() -> None:
    model = FLOWS["follow-up"].model
    with pytest.raises(ValidationError) as error:
        model.model_validate({"citizen": CITIZEN, "event": "CONTACTED"})
    assert [str(problem) for problem in problems_of(error.value, model)] == [
        "data.on: is missing; send it: Day on which it was done"
    ]


def test_a_misspelt_field_is_told_with_the_name_that_was_meant() -> None:
    assert refusals("dropout-risk", reason=["OTHER"]) == [
        "data.reason: is not a known field; did you mean reasons?"
    ]
    assert refusals("mentor", citizen=CITIZEN | {"family-name": "Testesen"}) == [
        "data.citizen.family-name: is not a known field; did you mean family_name?"
    ]
    (told,) = refusals("eu-event", zebra=1)
    assert told.startswith(
        "data.zebra: is not a known field; leave it out, or send one of eu_case_id, citizen,"
    )


@pytest.mark.parametrize("name", [CPR, "740503-4123", "cpr7405034123", "Alma Testesen", "x" * 41, "", "a\nb"])
def test_the_name_of_an_unknown_field_is_not_repeated_where_it_may_be_personal(name: str) -> None:
    (told,) = refusals("eu-event", **{name: 1})
    assert told.startswith(
        "data: has an unknown field, whose name is not repeated here; send one of eu_case_id"
    )


def test_all_faults_are_told_at_once_up_to_a_bound() -> None:
    many = refusals("eu-event", event="BORN", on="x", month="x")
    assert [told.split(":")[0] for told in many] == ["data.event", "data.on", "data.month"]
    told = refusals(
        "eu-event", **{f"z{'y' * number}": 1 for number in range(39)}, on="x", month="x", sed_type=1
    )
    assert len(told) == 42
    told = refusals("follow-up", initiatives=[1] * (MOST_PROBLEMS), on="x")
    assert len(told) == MOST_PROBLEMS
    assert told[-1] == "data: has 2 more faults; mend these first and send it again"


@pytest.mark.parametrize("flow", VALID)
@given(data=st.data())
def test_no_refusal_repeats_a_personal_number(flow: Flow, data: st.DataObject) -> None:
    message: dict[str, Any] = data.draw(strategies.DATA[flow])
    field = data.draw(st.sampled_from(sorted(message)))
    broken = message | {field: data.draw(st.sampled_from([CPR, [CPR], {CPR: CPR}, {"cpr": "7499994123"}]))}
    model = FLOWS[flow].model
    try:
        model.model_validate(broken)
    except ValidationError as error:
        told = "".join(map(str, problems_of(error, model)))
        assert CPR not in told.replace("-", "")
        assert "7499994123" not in told
