"""A change that would break a party that has not changed yet is caught before it is released."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas import compatibility, wire
from schemas.wire import ids_by_name, released_file

NAME = "dk.overgang.v1.DropoutRisk"
RELEASED = released_file(NAME, 1)


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    schema = json.loads(RELEASED)
    change({field["name"]: field for field in schema["fields"]} | {"*": schema})
    return json.dumps(schema)


def released_too(schema: str) -> list[str]:
    return compatibility.faults_of_release(schema, [RELEASED, schema])


def without(name: str) -> str:
    return changed(lambda at: at["*"]["fields"].remove(at[name]))


def test_the_shipped_schemas_stand_beside_all_their_releases(capsys: pytest.CaptureFixture[str]) -> None:
    assert compatibility.main() == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 15
    assert printed.err == ""


def test_an_optional_field_may_be_added_and_removed() -> None:
    wider = changed(
        lambda at: at["*"]["fields"].append({"name": "later", "type": ["null", "string"], "default": None})
    )
    assert released_too(wider) == []
    assert released_too(without("note")) == []


def test_removing_a_field_without_default_is_caught() -> None:
    assert released_too(without("observed_on")) == [
        "cannot be read by release 1: field observed_on: has no default and is not always there"
    ]


def test_adding_a_field_without_default_is_caught() -> None:
    wider = changed(lambda at: at["*"]["fields"].append({"name": "later", "type": "string"}))
    assert released_too(wider) == [
        "cannot read release 1: field later: has no default and is not always there"
    ]


@pytest.mark.parametrize("kind", ["long", "boolean", ["null", "long"], ["null", "int", "string"]])
def test_changing_a_type_is_caught_in_one_direction_at_least(kind: Any) -> None:
    faults = released_too(changed(lambda at: at["absence_percent"].update(type=kind)))
    assert faults
    assert all("field absence_percent: " in fault for fault in faults)


def test_making_an_optional_field_required_is_caught() -> None:
    faults = released_too(changed(lambda at: at["note"].update(type="string", default="")))
    assert faults
    assert all(fault.startswith("cannot read release 1: field note: ") for fault in faults)


def test_a_fault_inside_a_shared_record_is_named_by_its_whole_path() -> None:
    def rename_the_number(at: dict[str, Any]) -> None:
        foreign_id = at["citizen"]["type"]["fields"][1]["type"][1]
        foreign_id["fields"][1]["name"] = "no"

    assert released_too(changed(rename_the_number)) == [
        "cannot read release 1: field citizen.foreign_id.no: has no default and is not always there",
        "cannot be read by release 1: "
        "field citizen.foreign_id.number: has no default and is not always there",
    ]


def test_a_date_that_becomes_a_plain_number_is_caught() -> None:
    assert released_too(changed(lambda at: at["observed_on"].update(type="int"))) == [
        "differs from release 1: field observed_on: logical type was date, is None"
    ]


def test_a_break_with_any_release_is_caught_not_only_with_the_last() -> None:
    wider = changed(
        lambda at: at["*"]["fields"].append({"name": "later", "type": ["null", "string"], "default": None})
    )
    other = changed(
        lambda at: at["*"]["fields"].append({"name": "later", "type": ["null", "int"], "default": None})
    )
    assert compatibility.faults_of_release(other, [RELEASED, other]) == []
    faults = compatibility.faults_of_release(other, [RELEASED, wider, other])
    assert [fault.split(":")[0] for fault in faults] == [
        "cannot read release 2",
        "cannot be read by release 2",
    ]


def test_a_changed_schema_must_be_released() -> None:
    schema = changed(lambda at: at["note"].update(doc="Other words."))
    assert compatibility.faults_of_release(schema, [RELEASED]) == [
        "is not its latest release; add it as release 2 with an id in ids.json"
    ]
    assert compatibility.faults_of_release(schema, []) == [
        "is not its latest release; add it as release 1 with an id in ids.json"
    ]


def test_a_wheel_takes_the_releases_along() -> None:
    # setuptools passes over directories with a dot in their name.
    directories = [entry.name for entry in (wire.AVRO / "released").iterdir()]
    assert len(directories) == 15
    assert not any("." in name for name in directories)


def test_ids_stand_once_and_for_each_schema() -> None:
    assert compatibility.faults_of_ids(ids_by_name(), compatibility.current_names()) == []
    assert compatibility.faults_of_ids({"a": [1], "b": [1, 2], "d": []}, ["a", "b", "c"]) == [
        "c: has no id in ids.json; add the next free one",
        "d: stands in ids.json but has no model",
        "ids.json: the id 1 stands twice",
    ]
