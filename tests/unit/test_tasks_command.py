"""`overgang tasks` refuses a kind that no rule opens: an empty list would read as "nothing to do"."""

import pytest

from connectors.cli.main import run
from streams.rules.rule_files import shipped


def test_a_kind_that_no_rule_opens_is_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "--kind", "SEND_U090"]) == 2
    told = capsys.readouterr().err
    assert "SEND_U009" in told
    assert len(told.splitlines()) == 1


def test_kinds_are_those_of_every_set_of_rules() -> None:
    kinds = shipped().kinds()
    assert {"GUIDE_MENTOR_RIGHT", "CONTACT_YOUNG_PERSON", "SEND_U009"} <= kinds
    assert len(kinds) == 17
