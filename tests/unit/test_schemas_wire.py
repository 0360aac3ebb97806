"""What Kafka carries: every valid message survives it, and no bytes whatever break the reader."""

import struct
import tracemalloc
from datetime import date
from typing import Any

import orjson
import pytest
from fastavro import parse_schema
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.flows import FLOWS
from schemas.flows.records import Data
from schemas.identifiers import Flow, PartyAddress
from schemas.outbound import OUTBOUND, outbound_schema, outbound_topic
from schemas.problems import ErrorClass, InvalidMessage
from tests import strategies

UNIQUE_FLOWS: list[Flow] = list(FLOWS)
ID = "3f0c1a52-5d0e-5b1c-9b0a-1d2e3f4a5b6c"

VISIBLE = strategies.record(
    {**strategies.NAMES, "birth_date": strategies.BORN, "cpr": strategies.replacement_cprs() | st.none()}
)
SENT: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "dk.overgang.task.v1": strategies.record(
        {
            "legal_basis": st.just("LAB § 30, stk. 9"),
            "warnings": st.lists(strategies.codes(), max_size=3),
            "caused_by": st.lists(strategies.uuids(), max_size=3),
            "closed_by": strategies.uuids(),
            "citizen": VISIBLE,
            "enrolment_id": strategies.sender_ids(),
            "eu_case_id": strategies.sender_ids(),
        },
        task_id=strategies.uuids(),
        revision=st.integers(1, 2**31 - 1),
        kind=strategies.one_of("CONTACT_YOUNG_PERSON SEND_U009"),
        state=strategies.one_of("PLANNED OPEN OVERDUE DONE CANCELLED EXPIRED WITHDRAWN"),
        mandatory=st.booleans(),
        opens_on=strategies.DAY,
        due_on=strategies.DAY,
        rule=st.just("dropout-contact"),
        rule_set=st.just("2025-07-01"),
        explanation=strategies.free_text(2000),
    ),
    "dk.overgang.receipt.v1": strategies.record(
        {
            "warnings": st.lists(strategies.codes(), max_size=3),
            "reasons": st.lists(strategies.free_text(200), max_size=3),
            "recipients": st.lists(strategies.one_of("/institution/280051 /municipality/751"), max_size=2),
        },
        message_id=strategies.uuids(),
        outcome=strategies.one_of("ACCEPTED DUPLICATE QUARANTINED"),
    ),
    "dk.overgang.delivery-receipt.v1": strategies.record(
        {"reason": strategies.free_text(200)},
        message_id=strategies.uuids(),
        recipient=strategies.one_of("/institution/280051 /municipality/751"),
        outcome=strategies.one_of("ACKNOWLEDGED REFUSED EXPIRED"),
    ),
    "dk.overgang.task-receipt.v1": strategies.record(
        {"recipient": strategies.one_of("/institution/280051 /municipality/751")},
        message_id=strategies.uuids(),
        task_id=strategies.uuids(),
        state=strategies.one_of("OPEN OVERDUE DONE ENDED"),
    ),
}


def survives(model: type[Data], schema_name: str, data: dict[str, Any]) -> None:
    received = model.model_validate(orjson.loads(orjson.dumps(data)))
    record = received.model_dump()
    assert list(record) == list(model.model_fields)
    assert wire.decode(wire.encode(schema_name, record)) == (schema_name, record)
    assert model.model_validate(record) == received
    for name, value in data.items():
        if isinstance(value, bool | int):
            assert record[name] == value


@pytest.mark.parametrize("flow", UNIQUE_FLOWS)
@given(data=st.data())
def test_a_valid_message_is_the_same_after_json_pydantic_avro_and_back(
    flow: Flow, data: st.DataObject
) -> None:
    event = data.draw(strategies.events(flow))
    survives(FLOWS[flow].model, FLOWS[flow].schema_name, event["data"])


@pytest.mark.parametrize("type_", SENT)
@given(data=st.data())
def test_what_the_gateway_sends_is_the_same_after_avro_and_back(type_: str, data: st.DataObject) -> None:
    survives(OUTBOUND[type_], outbound_schema(type_), data.draw(SENT[type_]))


def example() -> tuple[str, dict[str, Any]]:
    model = FLOWS["dropout-risk"].model
    data = {
        "citizen": {"cpr": "740503-4123", "birth_date": "1990-05-14"},
        "enrolment_id": "E1",
        "event": "WITHDRAWN",
        "observed_on": "2026-08-10",
        "reasons": ["ABSENCE"],
        "notice_id": ID.upper(),
    }
    return FLOWS["dropout-risk"].schema_name, model.model_validate(data).model_dump()


def test_a_value_begins_with_zero_and_the_id_of_its_schema() -> None:
    name, record = example()
    assert wire.encode(name, record)[:5] == b"\x00" + struct.pack(">I", wire.schema_id(name))


def test_a_record_is_what_avro_carries_not_what_the_sender_wrote() -> None:
    _, record = example()
    assert record["citizen"]["cpr"] == "7405034123"
    assert record["citizen"]["birth_date"] == date(1990, 5, 14)
    assert record["citizen"]["forename"] is None
    assert record["notice_id"] == ID
    assert record["reasons"] == ["ABSENCE"]


def test_a_forward_may_leave_out_all_of_the_citizen_and_the_kind_of_mentor() -> None:
    nobody = dict.fromkeys(
        ["cpr", "foreign_id", "family_name", "forename", "birth_date", "residence_municipality"]
    )
    contact = {"name": "Riis", "title": None, "unit": None, "email": None, "phone": "12"}
    record = dict.fromkeys(FLOWS["mentor"].model.model_fields)
    record |= {"citizen": nobody, "event": "ENDED", "on": date(2026, 8, 10)}
    record |= {"mentor": {"contact": contact, "kind": None}}
    assert wire.decode(wire.encode("dk.overgang.v1.Mentor", record)) == ("dk.overgang.v1.Mentor", record)


def test_a_record_with_a_field_too_many_or_too_few_is_never_written() -> None:
    name, record = example()
    with pytest.raises(ValueError, match="surplus"):
        wire.encode(name, record | {"surplus": 1})
    del record["observed_on"]
    with pytest.raises(ValueError, match="observed_on"):
        wire.encode(name, record)


def read(value: bytes) -> tuple[str, Any] | ErrorClass:
    """What the bytes hold, or the class of their fault; any other exception is a fault of ours."""
    try:
        return wire.decode(value)
    except InvalidMessage as fault:
        return fault.error_class


REFUSED = (ErrorClass.NOT_DECODABLE, ErrorClass.UNKNOWN_SCHEMA)


@given(value=st.binary(max_size=200), schema_id=st.integers(1, 14))
def test_bytes_that_are_no_message_never_raise_anything_but_invalid_message(
    value: bytes, schema_id: int
) -> None:
    for attempt in (value, b"\x00" + struct.pack(">I", schema_id) + value):
        outcome = read(attempt)
        assert outcome in REFUSED or read(wire.encode(*outcome)) == outcome


@given(cut=st.integers(0, 200), place=st.integers(0, 200), byte=st.integers(0, 255))
def test_a_damaged_message_is_read_or_refused_never_anything_else(cut: int, place: int, byte: int) -> None:
    value = bytearray(wire.encode(*example()))
    whole = len(value)
    value[5 + place % (whole - 5)] = byte
    outcome = read(bytes(value))
    assert outcome in REFUSED or outcome[0] == "dk.overgang.v1.DropoutRisk"
    assert read(wire.encode(*example())[: cut % whole]) is ErrorClass.NOT_DECODABLE


def zigzag(number: int) -> bytes:
    rest, written = (number << 1) ^ (number >> 63), bytearray()
    while rest > 0x7F:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*written, rest])


BOMBS = {
    "a text that claims to be enormous": zigzag(2**62),
    "a text of negative length": zigzag(-(2**40)),
    "a text that claims 2 GB": zigzag(2**31 - 1),
    "a number without end": b"\xff" * 60_000,
    "a union branch that is not there": zigzag(7),
    "a union branch counted from the end": zigzag(-1),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_an_absurd_length_is_refused_without_allocating_it(bomb: str) -> None:
    receipt, enrolment = wire.schema_id("dk.overgang.v1.Receipt"), wire.schema_id("dk.overgang.v1.Enrolment")
    tracemalloc.start()
    try:
        for schema_id in (receipt, enrolment):
            value = b"\x00" + struct.pack(">I", schema_id) + BOMBS[bomb] + b"x" * 1_000
            with pytest.raises(InvalidMessage) as refused:
                wire.decode(value)
            assert refused.value.error_class is ErrorClass.NOT_DECODABLE
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_list_that_claims_to_be_endless_is_refused_without_allocating_it() -> None:
    head = b"\x00" + struct.pack(">I", wire.schema_id("dk.overgang.v1.Receipt")) + zigzag(0) + zigzag(0)
    for count in (zigzag(2**62), zigzag(-(2**62)) + zigzag(2**62)):
        with pytest.raises(InvalidMessage):
            wire.decode(head + count + b"\x00" * 60_000)


def test_bytes_after_the_value_are_refused() -> None:
    with pytest.raises(InvalidMessage, match="goes on after"):
        wire.decode(wire.encode(*example()) + b"\x00")


def test_an_unknown_schema_id_is_told_apart_from_bytes_that_are_no_avro() -> None:
    with pytest.raises(InvalidMessage) as unknown:
        wire.decode(b"\x00" + struct.pack(">I", 9_999) + b"x")
    assert unknown.value.error_class is ErrorClass.UNKNOWN_SCHEMA
    for value in (b"", b"\x00", b"\x00\x00\x00\x00", b"\x01\x00\x00\x00\x01x", b'{"specversion": "1.0"}'):
        with pytest.raises(InvalidMessage) as fault:
            wire.decode(value)
        assert fault.value.error_class is ErrorClass.NOT_DECODABLE


def test_no_refusal_repeats_the_bytes() -> None:
    value = wire.encode(*example())
    with pytest.raises(InvalidMessage) as fault:
        wire.decode(value[:-4] + b"\x7f" + value[-4:])
    assert "7405034123" not in str(fault.value)


def test_each_id_has_the_text_of_its_schema() -> None:
    for contract in FLOWS.values():
        text = wire.schema_json(wire.schema_id(contract.schema_name))
        assert parse_schema(orjson.loads(text))["name"] == contract.schema_name
    with pytest.raises(KeyError):
        wire.schema_json(9_999)


def test_a_recipient_has_one_topic() -> None:
    assert outbound_topic(PartyAddress("/institution/280051")) == "outbound.institution.280051.v1"
    assert outbound_topic(PartyAddress("/municipality/751")) == "outbound.municipality.751.v1"
