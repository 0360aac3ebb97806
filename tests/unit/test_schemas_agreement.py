"""The contract in three hands - the written one, Avro, pydantic - says the same."""

import json
from collections.abc import Iterator
from datetime import date
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from schemas import wire
from schemas.flows import FLOWS
from schemas.flows.records import VisibleCitizen
from schemas.outbound import OUTBOUND, outbound_schema

MODELS = {c.schema_name: c.model for c in FLOWS.values()} | {
    outbound_schema(t): m for t, m in OUTBOUND.items()
}

WRITTEN = {
    "Enrolment": "citizen enrolment_id event education admitted_on? study_start_on? ended_on?"
    " end_reason? contact?",
    "DropoutRisk": "citizen enrolment_id event observed_on study_start_on? reasons[]"
    " absence_percent? note? contact? notice_id?",
    "ContactDetails": "citizen enrolment_id institution contact acknowledges? valid_from?",
    "CitizenStatus": "citizen responsible target_group? readiness? vocational_qualification?"
    " mentor_exempt? contact_persons[] valid_from",
    # support_note_for_institution is the mark that "unless marked for the school" speaks of.
    "EducationOrder": "citizen institution education ordered_on support_need support_note?"
    " support_note_for_institution? contact",
    "Mentor": "citizen enrolment_id? institution? event on mentor? used_from? planned_end?"
    " min_plan_reference? end_reason?",
    "FollowUp": "citizen enrolment_id? institution? notice_id? event on form? initiatives[]",
    "ConversationForm": "citizen event form on unemployed_since? reason?",
    "EuRegistration": "citizen eu_case_id registered_on document_presented competent_institution"
    " ceased_available_on entitled_from? entitled_until? max_days? register_by?"
    " circumstances[] address? nationality[] legal_basis",
    "Correction": "retracts? of? assigns? merges? reason",
    "EuEvent": "eu_case_id citizen? event on sed_type? cdm_version? month? detail?",
    "Task": "task_id revision kind state mandatory opens_on due_on rule rule_set legal_basis?"
    " warnings[] caused_by[] closed_by? explanation citizen? enrolment_id? eu_case_id?",
    "Receipt": "message_id outcome warnings[] reasons[] recipients[]",
    "DeliveryReceipt": "message_id recipient outcome reason?",
    "TaskReceipt": "message_id task_id recipient? state",
    "Citizen": "cpr? foreign_id? family_name? forename? birth_date? residence_municipality?",
    "ForeignId": "country number",
    "Contact": "name title? unit? email? phone?",
    "Education": "code title? qualifies",
    # An institution gets the mentor's contact only, so a forward leaves the kind out.
    "MentorPerson": "contact kind?",
    "CompetentInstitution": "id name?",
    "Assignment": "citizen? eu_case_id? municipality",
    "Merge": "citizen into",
}
"""Fields of every record, `?` where one may be missing, `[]` for lists: by hand from the contracts."""

OPTIONAL_IN_AVRO_ONLY = {("MentorPerson", "kind")}


def schema_of(name: str) -> dict[str, Any]:
    text = (wire.AVRO / f"{wire.stem_of(name)}.avsc").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def records_in(schema: Any) -> Iterator[dict[str, Any]]:
    """All records of a schema, the innermost last."""
    if isinstance(schema, list):
        for branch in schema:
            yield from records_in(branch)
    elif isinstance(schema, dict) and schema["type"] == "record":
        yield schema
        for field in schema["fields"]:
            yield from records_in(field["type"])
    elif isinstance(schema, dict) and schema["type"] == "array":
        yield from records_in(schema["items"])


def avro_type(annotation: Any) -> tuple[Any, list[str] | None]:
    """The Avro type that a pydantic annotation asks for, records by name, and the values of a Literal."""
    origin = get_origin(annotation)
    if hasattr(annotation, "__supertype__"):
        return avro_type(annotation.__supertype__)
    if origin is Annotated:
        return avro_type(get_args(annotation)[0])
    if origin in (UnionType, Union):
        (inner,) = (part for part in get_args(annotation) if part is not type(None))
        kind, values = avro_type(inner)
        return ["null", kind], values
    if origin is Literal:
        return "string", list(get_args(annotation))
    if origin is list:
        kind, values = avro_type(get_args(annotation)[0])
        return {"type": "array", "items": kind}, values
    if issubclass(annotation, BaseModel):
        return "Citizen" if issubclass(annotation, VisibleCitizen) else annotation.__name__, None
    plain = {str: "string", bool: "boolean", int: "int", date: {"type": "int", "logicalType": "date"}}
    return plain[annotation], None


def models_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        annotation = field.annotation
        for part in (annotation, *get_args(annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from models_in(part)


def without_nested_definitions(kind: Any) -> Any:
    if isinstance(kind, list):
        return [without_nested_definitions(branch) for branch in kind]
    return kind["name"] if isinstance(kind, dict) and kind["type"] == "record" else kind


def test_there_is_one_schema_for_each_flow_and_each_outbound_type() -> None:
    files = sorted(entry.name for entry in wire.AVRO.iterdir() if entry.name.endswith(".avsc"))
    flows = (
        "citizen-status contact-details conversation-form correction dropout-risk education-order enrolment"
    )
    flows += " eu-event eu-registration follow-up mentor"
    own = "task receipt delivery-receipt task-receipt"
    assert files == sorted(f"{name}.v1.avsc" for name in f"{flows} {own}".split())
    assert sorted(flows.split()) == sorted(FLOWS)


@pytest.mark.parametrize("name", MODELS)
def test_a_schema_has_the_fields_of_the_written_contract(name: str) -> None:
    for record in records_in(schema_of(name)):
        fields = []
        for field in record["fields"]:
            is_list = isinstance(field["type"], dict) and field["type"]["type"] == "array"
            mark = "[]" if is_list else "?" if isinstance(field["type"], list) else ""
            fields.append(field["name"] + mark)
        assert " ".join(fields) == WRITTEN[record["name"]]


@pytest.mark.parametrize("name", MODELS)
def test_a_missing_field_reads_as_null_or_as_an_empty_list(name: str) -> None:
    for record in records_in(schema_of(name)):
        for field in record["fields"]:
            if isinstance(field["type"], list):
                assert field["default"] is None, field["name"]
            elif isinstance(field["type"], dict) and field["type"]["type"] == "array":
                assert field["default"] == [], field["name"]
            else:
                assert "default" not in field, field["name"]


@pytest.mark.parametrize("name", MODELS)
def test_avro_and_pydantic_agree_field_by_field(name: str) -> None:
    schemas = {record["name"]: record for record in records_in(schema_of(name))}
    for model in models_in(MODELS[name]):
        record = schemas["Citizen" if issubclass(model, VisibleCitizen) else model.__name__]
        assert [field["name"] for field in record["fields"]] == list(model.model_fields)
        for field in record["fields"]:
            place = (record["name"], field["name"])
            info = model.model_fields[field["name"]]
            kind, values = avro_type(info.annotation)
            in_avro = without_nested_definitions(field["type"])
            if place in OPTIONAL_IN_AVRO_ONLY:
                assert (in_avro, field["default"], info.is_required()) == (["null", kind], None, True), place
            else:
                assert in_avro == kind, place
                assert info.is_required() == ("default" not in field), place
            assert field.get("values") == values, place
            assert field["doc"] == info.description, place


def test_a_record_that_several_schemas_share_is_the_same_in_all_of_them() -> None:
    definitions: dict[str, set[str]] = {}
    for name in MODELS:
        for record in records_in(schema_of(name)):
            definitions.setdefault(record["name"], set()).add(
                json.dumps(_in_full(record, name), sort_keys=True)
            )
    assert {name for name, texts in definitions.items() if len(texts) > 1} == set()
    assert set(definitions) == set(WRITTEN)


def _in_full(record: dict[str, Any], schema_name: str) -> dict[str, Any]:
    """A record with its nested records by name, so that it reads alike wherever it is first used."""
    fields = [field | {"type": without_nested_definitions(field["type"])} for field in record["fields"]]
    return {"name": record["name"], "doc": record["doc"], "fields": fields}


@pytest.mark.parametrize("name", MODELS)
def test_every_field_and_record_says_what_it_means_under_one_namespace(name: str) -> None:
    schema = schema_of(name)
    assert f"{schema['namespace']}.{schema['name']}" == name
    for record in records_in(schema):
        assert record["doc"]
        assert record is schema or "namespace" not in record
        assert all(field["doc"].endswith(".") for field in record["fields"])


def test_who_may_send_a_flow_is_as_the_contract_says() -> None:
    senders = {flow: " ".join(sorted(contract.senders)) for flow, contract in FLOWS.items()}
    assert senders == {
        "enrolment": "institution",
        "dropout-risk": "institution",
        "contact-details": "institution municipality",
        "citizen-status": "municipality",
        "education-order": "municipality",
        "mentor": "municipality",
        "follow-up": "municipality",
        "conversation-form": "municipality",
        "eu-registration": "municipality",
        "correction": "gateway institution municipality",
        "eu-event": "gateway municipality",
    }


def test_names_of_topics_types_and_schemas_follow_from_the_flow() -> None:
    contract = FLOWS["dropout-risk"]
    assert contract.topic == "inbound.dropout-risk.v1"
    assert contract.type == "dk.overgang.dropout-risk.v1"
    assert contract.schema_name == "dk.overgang.v1.DropoutRisk"
