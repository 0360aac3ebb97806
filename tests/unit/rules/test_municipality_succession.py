"""A municipality that merges: Fanø (563) becomes part of Esbjerg (561) with the end of 2026."""

from pathlib import Path

import pytest
from eu_story import EuStory
from own_lists import merged
from rule_story import AARHUS, SCHOOL, Story, instant

from schemas.code_lists import CodeLists

KIND = "SEND_CONTACT"
FANO, ESBJERG, VARDE = "/municipality/563", "/municipality/561", "/municipality/573"
HORSENS = "/municipality/615"
EVE, MERGER = "2026-12-31T23:59:59+01:00", "2027-01-01T00:00:00+01:00"


@pytest.fixture
def lists(tmp_path: Path) -> CodeLists:
    return merged(tmp_path, municipalities={"563": ("2026-12-31", "561")})


def in_fano(lists: CodeLists) -> Story:
    """Living on Fanø, admitted on Monday 21 December 2026."""
    story = Story(residence="563")
    story.lists = lists
    story.enrolment("2026-12-21")
    return story


def recipient(story: Story, as_of: str) -> str | None:
    return story.task(KIND, as_of).recipient


def test_an_unfinished_task_moves_on_the_first_day_of_the_merger_and_the_case_knows_when(
    lists: CodeLists,
) -> None:
    story = in_fano(lists)
    assert recipient(story, EVE) == FANO
    assert recipient(story, MERGER) == ESBJERG
    # Five working days after 21 December, not counting 24, 25, 26 and 31 December nor 1 January: the 30th.
    assert story.at("2026-12-30").next_change == instant("2026-12-31T00:00:00+01:00")
    assert story.at("2026-12-31").next_change == instant(MERGER)


def test_a_finished_task_keeps_who_had_it_when_it_was_finished(lists: CodeLists) -> None:
    story = in_fano(lists)
    story.contact("2026-12-22", FANO)
    assert recipient(story, "2027-02-01") == FANO
    late = in_fano(lists)
    late.contact("2027-01-04", FANO)
    assert recipient(late, "2027-02-01") == ESBJERG


def test_a_due_date_stays_when_the_task_moves(lists: CodeLists) -> None:
    story = in_fano(lists)
    assert story.task(KIND, EVE).due_on == story.task(KIND, MERGER).due_on
    assert story.task(KIND, EVE).task_id == story.task(KIND, MERGER).task_id


def test_a_status_of_the_closed_one_counts_for_its_successor(lists: CodeLists) -> None:
    story = in_fano(lists)
    story.residence = "751"
    story.status("2026-12-22", source=FANO)
    assert recipient(story, MERGER) == ESBJERG


def test_the_successor_lets_go_of_whom_the_closed_one_had(lists: CodeLists) -> None:
    for said in (True, False):
        story = in_fano(lists)
        if said:
            story.status("2026-12-22", source=FANO)
        story.status("2027-01-05", source=ESBJERG, responsible=False)
        assert recipient(story, "2027-01-04") == ESBJERG
        assert recipient(story, "2027-01-06") is None


def test_the_successor_may_let_go_from_a_day_before_the_merger(lists: CodeLists) -> None:
    story = in_fano(lists)
    story.status("2026-12-22", source=FANO)
    story.status("2027-01-05", source=ESBJERG, responsible=False, valid_from="2026-12-28")
    assert recipient(story, "2027-01-04") == ESBJERG
    assert recipient(story, "2027-01-06") is None


def test_what_the_successor_said_of_itself_before_stays_its_own(lists: CodeLists) -> None:
    story = in_fano(lists)
    story.status("2026-12-22", source=FANO)
    story.status("2026-12-23", source=ESBJERG, responsible=False)
    assert recipient(story, MERGER) == ESBJERG
    resident = in_fano(lists)
    resident.status("2026-12-23", source=ESBJERG, responsible=False)
    resident.residence = "561"
    resident.notice("2027-01-04")
    assert recipient(resident, "2027-01-05") == ESBJERG


def test_a_no_under_the_old_code_is_the_successors_too(lists: CodeLists) -> None:
    story = in_fano(lists)
    story.status("2026-12-22", source=ESBJERG)
    story.status("2027-01-05", source=FANO, responsible=False)
    assert recipient(story, "2027-01-06") is None


def test_a_residence_under_the_old_code_is_one_in_the_successor(lists: CodeLists) -> None:
    story = Story(residence="563")
    story.lists = lists
    story.enrolment("2027-01-11")
    assert recipient(story, "2027-01-12") == ESBJERG
    story.residence = "751"
    story.notice("2027-01-12")
    assert recipient(story, "2027-01-13") == AARHUS


def test_an_assignment_holds_for_the_successor_until_that_lets_go(lists: CodeLists) -> None:
    story = in_fano(lists)
    story.residence = None
    story.correction("2026-12-22", assigned="citizen-a", municipality="563")
    assert recipient(story, EVE) == FANO
    assert recipient(story, MERGER) == ESBJERG
    story.status("2027-01-05", source=ESBJERG, responsible=False)
    assert recipient(story, "2027-01-06") is None


def test_succession_goes_on_and_one_who_moved_away_is_left_alone(tmp_path: Path) -> None:
    ends = {"563": ("2026-12-31", "561"), "561": ("2027-12-31", "573")}
    story = in_fano(merged(tmp_path, municipalities=ends))
    assert recipient(story, "2027-12-31") == ESBJERG
    assert recipient(story, "2028-01-01") == VARDE
    assert story.at("2027-06-01").next_change == instant("2028-01-01T00:00:00+01:00")
    story.residence = "751"
    story.notice("2027-02-01")
    assert recipient(story, "2028-01-01") == AARHUS


def test_one_that_is_closed_without_a_successor_waits_for_the_operator(tmp_path: Path) -> None:
    story = in_fano(merged(tmp_path, municipalities={"563": ("2026-12-31", "")}))
    assert recipient(story, EVE) == FANO
    assert recipient(story, MERGER) is None


def test_messages_go_to_who_acts_on_their_date_and_those_behind_a_task_to_who_has_it_now(
    lists: CodeLists,
) -> None:
    story = in_fano(lists)
    done = story.enrolment("2026-12-21", enrolment_id="E2", qualifies="PREPARATORY")
    new = story.notice("2027-01-04")
    sent = {(f.message.id, f.recipient) for f in story.at("2027-01-05").forwards}
    assert sent == {("m01", FANO), ("m01", ESBJERG), (done, FANO), (new, ESBJERG)}


def test_an_unlisted_code_stays_as_it_is(lists: CodeLists) -> None:
    story = Story(residence=None)
    story.lists = lists
    story.status("2026-12-01", source="/municipality/999")
    story.enrolment("2026-12-21")
    assert recipient(story, EVE) == recipient(story, MERGER) == "/municipality/999"


def eu_case(lists: CodeLists, residence: str | None, source: str) -> EuStory:
    story = EuStory()
    story.lists = lists
    story.residence = residence
    story.registration("2026-12-21", source=source, until="2027-03-01", ceased="2026-12-18")
    return story


def test_an_eu_case_follows_the_route_of_the_successor(tmp_path: Path) -> None:
    """Morsø (773) belongs to Aalborg (851); it becomes part of Holstebro (661), which belongs to Aarhus."""
    lists = merged(tmp_path, municipalities={"773": ("2026-12-31", "661")}, ics_routes={"773": "2026-12-31"})
    story = eu_case(lists, "773", FANO)
    assert story.task("SEND_U014", EVE).recipient == "/municipality/851"
    assert story.task("SEND_U014", MERGER).recipient == AARHUS
    assert story.at("2026-12-30").next_change == instant(MERGER)


def test_an_ics_municipality_that_merges_hands_its_cases_on(tmp_path: Path) -> None:
    lists = merged(tmp_path, municipalities={"851": ("2026-12-31", "751")})
    for residence, source in (("773", FANO), (None, "/municipality/851")):
        story = eu_case(lists, residence, source)
        assert story.task("SEND_U014", EVE).recipient == "/municipality/851"
        assert story.task("SEND_U014", MERGER).recipient == AARHUS
        assert story.at("2026-12-30").next_change == instant(MERGER)
    assigned = eu_case(lists, None, FANO)
    assigned.correction("2026-12-22", assigned="eu-case-a", municipality="851")
    assert assigned.task("SEND_U014", EVE).recipient == "/municipality/851"
    assert assigned.task("SEND_U014", MERGER).recipient == AARHUS


def test_a_sender_that_becomes_part_of_an_ics_municipality_has_its_cases_handled_there(
    tmp_path: Path,
) -> None:
    story = eu_case(merged(tmp_path, municipalities={"615": ("2026-12-31", "751")}), None, HORSENS)
    assert story.task("SEND_U014", EVE).recipient is None
    assert story.task("SEND_U014", MERGER).recipient == AARHUS
    assert story.at("2026-12-30").next_change == instant(MERGER)


def test_a_merger_elsewhere_leaves_the_next_change_alone(lists: CodeLists) -> None:
    story = Story()
    story.enrolment("2026-12-21", source=SCHOOL)
    with_shipped = story.at("2026-12-31")
    story.lists = lists
    assert story.at("2026-12-31") == with_shipped
    # GUIDE_MENTOR_RIGHT is due on the tenth working day after 21 December: Friday 8 January.
    assert with_shipped.next_change == instant("2027-01-09T00:00:00+01:00")
