"""What the simulated parties send: valid, plausible, the same for the same arguments."""

import re
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from connectors.simulation import DEFAULT_START, simulate
from schemas.cloudevent import from_structured
from schemas.code_lists import shipped
from schemas.flows import FLOWS
from schemas.identifiers import parse_cpr
from schemas.pseudonym import PseudonymKey

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
KEY = PseudonymKey(bytes(range(32)))
MUNICIPALITIES_IN_DENMARK = 98


@pytest.fixture(scope="module")
def year() -> list[dict[str, Any]]:
    return list(simulate(1_500, 52, 7))


@pytest.fixture(scope="module")
def fortnight() -> list[dict[str, Any]]:
    return list(simulate(300, 2, 7))


def flow_of(event: dict[str, Any]) -> str:
    return event["type"].removeprefix("dk.overgang.").removesuffix(".v1")


def events_of(events: list[dict[str, Any]], flow: str, *kinds: str) -> list[dict[str, Any]]:
    return [e for e in events if flow_of(e) == flow and (not kinds or e["data"]["event"] in kinds)]


def test_the_same_arguments_give_the_same_bytes() -> None:
    once, again = ([orjson.dumps(e) for e in simulate(40, 4, 3)] for _ in range(2))
    assert once == again
    assert len(once) > 100


@pytest.mark.parametrize("other", [(41, 4, 3), (40, 5, 3), (40, 4, 4)])
def test_other_arguments_give_other_message_ids(other: tuple[int, int, int]) -> None:
    ids = {e["id"] for e in simulate(40, 4, 3)}
    assert ids.isdisjoint(e["id"] for e in simulate(*other))
    assert ids.isdisjoint(e["id"] for e in simulate(40, 4, 3, date(2025, 8, 4)))


@pytest.mark.parametrize("window", ["year", "fortnight"])
def test_every_message_is_valid(window: str, request: pytest.FixtureRequest) -> None:
    lists = shipped()
    now = datetime(2025, 8, 6, tzinfo=UTC)
    warnings: Counter[str] = Counter()
    for event in request.getfixturevalue(window):
        warnings.update(from_structured(orjson.dumps(event), KEY, lists, now).warnings)
    assert warnings.keys() <= {"REPLACEMENT_CPR", "UNKNOWN_CODE"}
    assert warnings["UNKNOWN_CODE"] > 0


@pytest.mark.parametrize("window", ["year", "fortnight"])
def test_all_inbound_flows_are_there(window: str, request: pytest.FixtureRequest) -> None:
    assert {flow_of(e) for e in request.getfixturevalue(window)} == set(FLOWS)


def test_every_kind_of_event_occurs_in_a_year(year: list[dict[str, Any]]) -> None:
    kinds = Counter((flow_of(e), e["data"].get("event")) for e in year)
    for flow, expected in {
        "enrolment": "ADMITTED STARTED CHANGED CANCELLED DROPPED_OUT COMPLETED",
        "dropout-risk": "RAISED WITHDRAWN",
        "mentor": "GUIDED REQUESTED DECLINED ASSIGNED EXTENDED ENDED",
        "follow-up": "ATTEMPTED CONTACTED DECIDED",
        "conversation-form": "CHOSEN OVERRIDDEN",
        "eu-event": "SED_SENT SED_RECEIVED CIRCUMSTANCE DEREGISTERED RETURNED TOOK_WORK",
    }.items():
        for kind in expected.split():
            assert kinds[flow, kind] > 0, (flow, kind)
    seds = {e["data"].get("sed_type") for e in events_of(year, "eu-event")}
    assert seds - {None} == {"U007", "U008", "U009", "U010", "U012", "U013", "U014", "PD_U3"}


def test_a_year_corrects_in_each_way(year: list[dict[str, Any]]) -> None:
    ways = {(e["source"].split("/")[1], *e["data"].keys()) for e in events_of(year, "correction")}
    assert ("municipality", "retracts", "reason") in ways
    assert ("gateway", "assigns", "reason") in ways
    assert ("gateway", "merges", "reason") in ways


def test_a_retraction_names_a_contact_of_the_same_municipality(year: list[dict[str, Any]]) -> None:
    contacts = {(e["source"], e["id"]) for e in events_of(year, "follow-up", "CONTACTED")}
    retracted = [
        (e["source"], e["data"]["retracts"]) for e in events_of(year, "correction") if "retracts" in e["data"]
    ]
    assert retracted
    assert set(retracted) <= contacts


def test_a_merge_joins_two_replacement_numbers(year: list[dict[str, Any]]) -> None:
    merges = [e["data"]["merges"] for e in events_of(year, "correction") if "merges" in e["data"]]
    for merge in merges:
        before, into = parse_cpr(merge["citizen"]["cpr"]), parse_cpr(merge["into"]["cpr"])
        assert before.replacement
        assert into.replacement
        assert before.number != into.number
        assert before.birth_date == into.birth_date


def test_admissions_and_study_starts_peak_in_august(year: list[dict[str, Any]]) -> None:
    for kind in ("ADMITTED", "STARTED"):
        months = Counter(e["time"][5:7] for e in events_of(year, "enrolment", kind))
        assert months.most_common(1)[0][0] in ("08", "09"), kind
        assert months["08"] + months["09"] > 0.3 * months.total(), kind
        assert months["01"] + months["02"] > months["04"] + months["05"], kind


def test_seventy_thousand_people_would_send_about_1_4_million_messages(year: list[dict[str, Any]]) -> None:
    assert 18 * 1_500 < len(year) < 22 * 1_500
    cases = {e["data"]["eu_case_id"] for e in events_of(year, "eu-registration")}
    assert 0.10 * 1_500 < len(cases) < 0.16 * 1_500


def test_municipalities_are_real_and_institutions_are_nobodys(year: list[dict[str, Any]]) -> None:
    lists = shipped()
    codes = {e["source"][-3:] for e in year if e["source"].startswith("/municipality/")}
    numbers = {e["source"][-6:] for e in year if e["source"].startswith("/institution/")}
    assert len(codes) == MUNICIPALITIES_IN_DENMARK
    assert all(lists.is_municipality(code, DEFAULT_START) for code in codes)
    assert any(number.startswith("0") for number in numbers)
    assert not any(lists.is_municipality(number[:3], DEFAULT_START) for number in numbers)


def test_no_text_holds_a_number_that_somebody_could_bear(year: list[dict[str, Any]]) -> None:
    uuids = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    for event in year:
        text = uuids.sub(b"", orjson.dumps(event))
        for found in re.finditer(rb"(?<!\d)(\d\d)\d{4}[- ]?\d{4}(?!\d)", text):
            assert 60 < int(found[1]) <= 60 + 31, flow_of(event)


def test_birth_date_and_number_of_a_person_agree(fortnight: list[dict[str, Any]]) -> None:
    citizens = [e["data"]["citizen"] for e in fortnight if "citizen" in e["data"]]
    numbered = [c for c in citizens if "cpr" in c]
    assert len(numbered) > 1_000
    for citizen in numbered:
        assert parse_cpr(citizen["cpr"]).birth_date.isoformat() == citizen["birth_date"]


def test_persons_are_young_and_some_stand_at_a_boundary(year: list[dict[str, Any]]) -> None:
    ages = []
    for event in events_of(year, "enrolment", "ADMITTED"):
        if admitted := event["data"].get("admitted_on"):
            born = date.fromisoformat(event["data"]["citizen"]["birth_date"])
            on = date.fromisoformat(admitted)
            ages.append(on.year - born.year - ((on.month, on.day) < (born.month, born.day)))
    assert min(ages) >= 17
    assert max(ages) <= 36
    assert sum(age < 30 for age in ages) > 0.85 * len(ages)
    assert any(age >= 30 for age in ages)


def test_every_time_is_in_the_window_in_working_hours_with_copenhagens_offset(
    year: list[dict[str, Any]],
) -> None:
    begins = datetime.combine(DEFAULT_START, time(), COPENHAGEN)
    ends = datetime.combine(DEFAULT_START + timedelta(weeks=52), time(), COPENHAGEN)
    at_work = 0
    for event in year:
        told = datetime.fromisoformat(event["time"])
        local = told.astimezone(COPENHAGEN)
        assert begins <= told < ends
        assert told.utcoffset() == local.utcoffset()
        at_work += local.weekday() < 5 and time(7, 30) <= local.time() <= time(16, 30)
    assert at_work > 0.97 * len(year)


def test_a_fortnight_that_ends_today_holds_nothing_of_the_future() -> None:
    today = date(2026, 11, 21)
    times = [datetime.fromisoformat(e["time"]) for e in simulate(300, 2, 7, today - timedelta(days=14))]
    assert max(times) < datetime.combine(today, time(), COPENHAGEN)


def test_a_fortnight_holds_whole_courses_in_several_municipalities(
    fortnight: list[dict[str, Any]],
) -> None:
    for kind in ("ADMITTED", "STARTED"):
        assert len(events_of(fortnight, "enrolment", kind)) > 100
    assert len(events_of(fortnight, "dropout-risk", "RAISED")) > 50
    reacting = Counter(e["source"] for e in events_of(fortnight, "follow-up", "CONTACTED"))
    assert len(reacting) > 10


@pytest.mark.parametrize(("people", "weeks"), [(0, 2), (10, 0)])
def test_nobody_or_no_time_is_refused(people: int, weeks: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        next(simulate(people, weeks, 1))
