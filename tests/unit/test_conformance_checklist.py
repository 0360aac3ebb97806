"""The conformance kit without a network: checklists, judged messages, synthetic deliveries, the record."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest

from connectors.api_documents.kafka_messages import to_role
from connectors.cli.checked_lines import CheckedLine
from connectors.conformance.checklist import Checklist, Item, Outcome
from connectors.conformance.deliveries import Deliveries
from connectors.conformance.kind import Kind, flows_sent, kind_of, types_received
from connectors.conformance.messages import Judged, judge_messages
from connectors.conformance.record import record_of
from connectors.conformance.requirements import endpoint_requirements, message_requirements
from schemas.cloudevent import DATA_LIMIT, from_structured
from schemas.code_lists import shipped
from schemas.identifiers import PartyAddress
from schemas.problems import InvalidMessage
from schemas.pseudonym import PseudonymKey

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SCHOOL, AARHUS, HORSENS = map(PartyAddress, ("/institution/280051", "/municipality/751", "/municipality/615"))
KEY = PseudonymKey(bytes(range(32)))
PARTIES = {Kind.INSTITUTION: SCHOOL, Kind.MUNICIPALITY: HORSENS, Kind.ICS: AARHUS}


def item(id_: str, *, mandatory: bool = True) -> Item:
    return Item(id_, "a requirement", "a mend", mandatory)


def event(flow: str = "dropout-risk", source: str = SCHOOL, **attributes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"citizen": {"cpr": "7405034123"}, "enrolment_id": "E-1"}
    if flow == "dropout-risk":
        data |= {"event": "RAISED", "observed_on": "2026-10-02"}
    else:
        data |= {"event": "CANCELLED", "education": {"code": "3017", "qualifies": "STUDY"}}
    envelope = {"specversion": "1.0", "id": str(uuid4()), "source": source, "type": f"dk.overgang.{flow}.v1"}
    return {**envelope, "time": "2026-10-05T10:00:00+02:00", "data": data, **attributes}


def lines(*events: dict[str, Any]) -> list[CheckedLine]:
    found = []
    for number, given in enumerate(events, 1):
        content = orjson.dumps(given)
        try:
            found.append(CheckedLine(number, content, from_structured(content, KEY, shipped(), NOW)))
        except InvalidMessage as invalid:
            found.append(CheckedLine(number, content, None, invalid.problems))
    return found


def judged(*events: dict[str, Any]) -> tuple[Judged, Checklist]:
    checklist = Checklist(message_requirements(("enrolment", "dropout-risk")))
    found = judge_messages(lines(*events), SCHOOL, ("enrolment", "dropout-risk"), checklist, NOW)
    return found, checklist


def failed(checklist: Checklist) -> set[str]:
    return {found.id for found in checklist.items if found.outcome is Outcome.FAILED}


def well() -> list[dict[str, Any]]:
    withdrawn = event()
    withdrawn["data"] |= {"event": "WITHDRAWN", "notice_id": str(uuid4())}
    return [event("enrolment"), event(), withdrawn]


def test_a_checklist_is_complete_when_every_mandatory_item_passed() -> None:
    checklist = Checklist([item("one"), item("two"), item("advice", mandatory=False)])
    checklist.passed("one", "seen")
    assert not checklist.complete
    checklist.failed("advice", "seen")
    checklist.passed("two", "seen")
    assert checklist.complete


def test_what_was_not_tried_did_not_pass_and_says_why() -> None:
    checklist = Checklist([item("one"), item("two")])
    checklist.passed("one", "seen")
    checklist.rest_not_tried("it was away")
    assert [(i.outcome, i.seen) for i in checklist.items] == [
        (Outcome.PASSED, "seen"),
        (Outcome.NOT_TRIED, "it was away"),
    ]
    assert not checklist.complete


def test_the_first_word_about_an_item_counts() -> None:
    checklist = Checklist([item("one")])
    checklist.failed("one", "first", "mend this")
    checklist.passed("one", "second")
    [only] = checklist.items
    assert (only.outcome, only.seen, only.mend) == (Outcome.FAILED, "first", "mend this")


def test_messages_of_every_claimed_flow_pass() -> None:
    found, checklist = judged(*well())
    assert [(i.id, i.outcome.value, i.seen) for i in checklist.items if i.outcome is not Outcome.PASSED] == []
    assert len(found.lines) == 3
    assert [orjson.loads(line.content)["id"] for line in found.lines] == found.ids


def test_a_repeat_to_the_letter_is_no_reuse_of_its_id() -> None:
    messages = well()
    assert failed(judged(*messages, messages[0])[1]) == set()


@pytest.mark.parametrize(
    ("further", "item_"),
    [
        (event(time="2026-10-05T10:00:00"), "messages.valid"),
        (event(source="/institution/280052"), "messages.own"),
        (event(time="2026-11-21T13:30:00Z"), "messages.clock"),
    ],
)
def test_what_is_wrong_with_a_message_fails_its_own_item_and_keeps_it_from_being_sent(
    further: dict[str, Any], item_: str
) -> None:
    found, checklist = judged(*well(), further)
    assert failed(checklist) == {item_}
    assert (further["id"] in found.ids) == (item_ == "messages.clock")


def test_an_id_with_two_contents_fails() -> None:
    first, *others = well()
    changed = first | {"time": "2026-10-06T10:00:00+02:00"}
    assert failed(judged(first, *others, changed)[1]) == {"messages.ids"}


def test_a_claimed_flow_without_a_message_fails_and_one_that_is_not_claimed_is_not_asked_for() -> None:
    assert failed(judged(*well()[1:])[1]) == {"messages.flow-enrolment"}


def test_a_number_that_may_be_somebodys_is_told_without_being_repeated() -> None:
    real = event()
    real["data"]["citizen"]["cpr"] = "0405034123"
    _, checklist = judged(*well(), real)
    assert failed(checklist) == {"messages.synthetic"}
    assert "0405034123" not in "".join(i.seen + i.mend for i in checklist.items)


def test_of_a_file_without_a_valid_message_only_that_is_told() -> None:
    _, checklist = judged(event(time="yesterday"))
    assert failed(checklist) == {"messages.valid", "messages.flow-enrolment", "messages.flow-dropout-risk"}
    assert {i.outcome for i in checklist.items if i.id not in failed(checklist)} == {Outcome.NOT_TRIED}


@pytest.mark.parametrize("kind", Kind)
def test_what_a_kind_of_party_receives_is_what_its_topic_carries(kind: Kind) -> None:
    carried = {f"dk.overgang.{name.removeprefix('forwarded-')}.v1" for name in to_role(role_of(kind))}
    received = set(types_received(kind))
    of_ics = {"dk.overgang.eu-registration.v1", "dk.overgang.eu-event.v1"}
    assert received == (carried - of_ics if kind is Kind.MUNICIPALITY else carried)


def role_of(kind: Kind) -> Any:
    return "institution" if kind is Kind.INSTITUTION else "municipality"


@pytest.mark.parametrize(("kind", "party"), PARTIES.items())
def test_a_party_is_of_the_kind_that_the_code_lists_say(kind: Kind, party: PartyAddress) -> None:
    assert kind_of(party, shipped(), date(2026, 11, 21)) is kind
    assert "correction" not in flows_sent(party)


@pytest.mark.parametrize(("kind", "party"), PARTIES.items())
def test_deliveries_are_numbered_and_show_an_institution_no_personal_number(
    kind: Kind, party: PartyAddress
) -> None:
    made = Deliveries(party, kind, shipped(), NOW)
    events = [made.of_type(type_) for type_ in types_received(kind)]
    assert [e["sequence"] for e in events] == [str(n) for n in range(1, len(events) + 1)]
    assert len({e["id"] for e in events}) == len(events)
    assert {e["type"] for e in events} == set(types_received(kind))
    assert ("7405034123" in orjson.dumps(events).decode()) == (kind is not Kind.INSTITUTION)


def test_the_large_delivery_is_as_large_as_a_task_can_be_and_within_the_limit() -> None:
    event_ = Deliveries(AARHUS, Kind.ICS, shipped(), NOW).large_task()
    assert 38_000 < len(orjson.dumps(event_["data"])) < DATA_LIMIT


def test_the_record_tells_party_contracts_and_each_item_with_its_mend() -> None:
    checklist = Checklist(endpoint_requirements(Kind.INSTITUTION))
    checklist.failed("endpoint.agrees", "answered 405 | nothing")
    checklist.rest_not_tried("it does not agree")
    record = record_of(
        SCHOOL,
        Kind.INSTITUTION,
        (),
        ("endpoint",),
        NOW,
        checklist.items,
        passed=checklist.complete,
        url="https://vendor.example:8443/hook/4711",
    )
    told = orjson.loads(record.as_json())
    assert (told["party"], told["kind"], told["passed"]) == (SCHOOL, "institution", False)
    assert len(told["contracts"]["dk.overgang.v1.Task"]) == 64
    assert told["endpoint"] == "https://vendor.example:8443"
    markdown = record.as_markdown()
    assert "4711" not in markdown
    assert "| `endpoint.agrees` |" in markdown
    assert "answered 405 \\| nothing" in markdown
    assert "WebHook-Allowed-Origin" in markdown
    assert told["contracts"]["dk.overgang.v1.Enrolment"] in markdown
