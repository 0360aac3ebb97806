"""Who may see what of a message; expectations from the table "Who gets what"."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.flows.registry import FLOWS
from schemas.identifiers import PartyAddress
from schemas.wire import encode
from streams.forwarding import citizen_as_seen, visible_record
from tests.strategies import DATA

SCHOOL = PartyAddress("/institution/280051")
TOWN = PartyAddress("/municipality/751")
TO_SCHOOLS = ("contact-details", "education-order", "mentor", "follow-up")
NOBODY = dict.fromkeys(
    ("cpr", "foreign_id", "family_name", "forename", "birth_date", "residence_municipality")
)


def as_sent(flow: str, data: dict[str, object]) -> dict[str, object]:
    return FLOWS[flow].model.model_validate(data).model_dump()  # type: ignore[index]


@given(st.sampled_from(TO_SCHOOLS).flatmap(lambda f: st.tuples(st.just(f), DATA[f])))
def test_an_institution_never_sees_a_number_or_a_residence(sent: tuple[str, dict[str, object]]) -> None:
    flow, data = sent
    seen = visible_record(flow, as_sent(flow, data), SCHOOL)  # type: ignore[arg-type]
    citizen = seen["citizen"]
    assert citizen["cpr"] is citizen["foreign_id"] is citizen["residence_municipality"] is None
    assert encode(FLOWS[flow].schema_name, seen)  # type: ignore[index]


@given(st.sampled_from(TO_SCHOOLS).flatmap(lambda f: st.tuples(st.just(f), DATA[f])))
def test_a_municipality_sees_all_of_it(sent: tuple[str, dict[str, object]]) -> None:
    flow, data = sent
    record = as_sent(flow, data)
    assert visible_record(flow, record, TOWN) is record  # type: ignore[arg-type]


@given(DATA["follow-up"])
def test_of_a_follow_up_an_institution_sees_only_that_somebody_reacted(data: dict[str, object]) -> None:
    record = as_sent("follow-up", data)
    seen = visible_record("follow-up", record, SCHOOL)
    kept = {name for name in ("event", "on", "enrolment_id", "notice_id") if record[name] is not None}
    assert {name for name, value in seen.items() if value and name != "citizen"} == kept
    assert seen["citizen"] == NOBODY


@given(DATA["education-order"])
def test_a_support_note_stays_with_the_municipality_unless_it_is_marked_for_the_school(
    data: dict[str, object],
) -> None:
    record = as_sent("education-order", data)
    marked = {**record, "support_note": "reads slowly", "support_note_for_institution": True}
    unmarked = {**marked, "support_note_for_institution": None}
    assert visible_record("education-order", marked, SCHOOL)["support_note"] == "reads slowly"
    assert visible_record("education-order", unmarked, SCHOOL)["support_note"] is None


def test_the_birth_date_is_read_out_of_the_number_where_it_was_not_given() -> None:
    seen = citizen_as_seen({**NOBODY, "cpr": "7405034123", "forename": "Alma"}, SCHOOL)
    # day 74 - 60 = 14, month 05, year 03, seventh digit 4 and year up to 36: 2003
    assert seen == {**NOBODY, "forename": "Alma", "birth_date": date(2003, 5, 14)}


@pytest.mark.parametrize("flow", sorted(set(FLOWS) - set(TO_SCHOOLS)))
def test_what_is_not_for_institutions_cannot_be_shown_to_one(flow: str) -> None:
    with pytest.raises(LookupError):
        visible_record(flow, {}, SCHOOL)  # type: ignore[arg-type]
