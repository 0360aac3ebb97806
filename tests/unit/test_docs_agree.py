"""The tables of docs/contracts.md and docs/rules.md against the models and rule sets that they describe."""

import re
from pathlib import Path

import pytest

from schemas.flows import FLOWS
from schemas.outbound import OUTBOUND
from streams.rules import rule_files, ruleset
from streams.topics import DAY_MS, inbound_shape, outbound_shape

DOCS = Path(__file__).parents[2] / "docs"
CONTRACTS = (DOCS / "contracts.md").read_text(encoding="utf-8")
RULES = (DOCS / "rules.md").read_text(encoding="utf-8")


INBOUND, OUTBOUND_TYPES = CONTRACTS.split("## Inbound flows")[1].split("## Outbound")


def row(text: str, name: str) -> str:
    """The table row whose first cell is the name."""
    [found] = re.findall(rf"^\| `{re.escape(name)}`.*$", text, re.MULTILINE)
    return str(found)


@pytest.mark.parametrize("flow", FLOWS)
def test_every_field_and_sender_of_a_flow_is_in_its_row(flow: str) -> None:
    contract = FLOWS[flow]  # type: ignore[index]
    told = row(INBOUND, flow)
    assert [name for name in contract.model.model_fields if name not in told] == []
    senders = told.split("|")[2]
    if flow != "correction":  # Whoever sent the message; the row says so in words.
        assert all(role in senders for role in contract.senders)


@pytest.mark.parametrize("type_", OUTBOUND)
def test_every_outbound_type_has_a_row(type_: str) -> None:
    told = row(OUTBOUND_TYPES, type_.removeprefix("dk.overgang.").removesuffix(".v1"))
    if "sends none" not in told:
        assert [name for name in OUTBOUND[type_].model_fields if name not in told] == []


@pytest.mark.parametrize("rule_set", rule_files.shipped().sets, ids=lambda rule_set: rule_set.id)
def test_every_rule_has_a_row_with_its_kind_duty_and_deadline(rule_set: ruleset.RuleSet) -> None:
    rules = [getattr(rule_set.rules, name) for name in type(rule_set.rules).model_fields]
    assert len(rules) >= 17
    for rule in rules:
        told = row(RULES, rule.id)
        assert f"`{rule.kind}`" in told
        assert ("not mandatory" in told) != rule.mandatory
        if rule.legal_basis and rule.legal_basis.startswith("LAB"):
            paragraph, *parts = re.findall(r"\d+", rule.legal_basis)
            assert f"LAB § {paragraph}" in told
            assert all(f"({part})" in told for part in parts)
        if isinstance(rule, ruleset.WorkingDaysRule):
            assert f"+ {rule.working_days} wd" in told.replace("+", "+ ").replace("+  ", "+ ")
            assert ("wd*" in told) == rule.service_target


def test_the_rule_sets_and_their_first_days_are_told() -> None:
    domain = (DOCS / "domain.md").read_text(encoding="utf-8")
    for rule_set in rule_files.shipped().sets:
        assert f"| `{rule_set.id}` | {rule_set.valid_from} |" in domain


def test_limits_and_retentions_that_pages_name_are_those_of_the_topics() -> None:
    undeliverable = (DOCS.parent / "runbooks" / "undeliverable-message.md").read_text(encoding="utf-8")
    assert f"({outbound_shape().settings['max.message.bytes']} is ours)" in undeliverable
    kept = {
        shape: int(shape().settings["retention.ms"]) // DAY_MS for shape in (inbound_shape, outbound_shape)
    }
    operator = (DOCS / "operator.md").read_text(encoding="utf-8")
    assert f"kept {kept[inbound_shape]} days,\noutbound ones {kept[outbound_shape]}" in operator
    stopped = (DOCS.parent / "runbooks" / "flow-stopped.md").read_text(encoding="utf-8")
    assert f"keeps messages {kept[inbound_shape]} days" in stopped
