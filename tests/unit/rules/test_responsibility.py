"""Who is responsible for a citizen on a day, and whose task it therefore is."""

from rule_story import AARHUS, ODENSE, SCHOOL, Story

KIND = "SEND_CONTACT"


def recipient(story: Story, as_of: str) -> str | None:
    return story.task(KIND, as_of).recipient


def test_residence_counts_while_no_municipality_says_anything() -> None:
    story = Story(residence="461")
    story.enrolment("2026-06-22")
    assert recipient(story, "2026-06-23") == ODENSE
    story.residence = None
    story.notice("2026-06-24")
    assert recipient(story, "2026-06-25") == ODENSE
    story.residence = "751"
    story.notice("2026-06-25")
    assert recipient(story, "2026-06-26") == AARHUS


def test_nobody_is_responsible_where_nothing_is_known() -> None:
    story = Story(residence=None)
    story.enrolment("2026-06-22")
    assert recipient(story, "2026-06-23") is None


def test_a_residence_that_no_list_knows_is_as_none() -> None:
    story = Story(residence="999")
    story.enrolment("2026-06-22")
    assert recipient(story, "2026-06-23") is None


def test_a_municipality_that_says_it_is_responsible_outweighs_residence() -> None:
    story = Story(residence="751")
    story.status("2026-06-01", source=ODENSE)
    story.enrolment("2026-06-22")
    assert recipient(story, "2026-06-23") == ODENSE


def test_residence_does_not_count_where_that_municipality_says_no() -> None:
    story = Story(residence="751")
    story.status("2026-06-01", responsible=False)
    story.enrolment("2026-06-22")
    assert recipient(story, "2026-06-23") is None


def test_the_one_that_said_so_last_is_responsible_and_a_no_gives_it_back() -> None:
    story = Story()
    story.status("2026-06-01", source=ODENSE)
    story.enrolment("2026-06-22")
    story.status("2026-06-23", source=AARHUS)
    assert recipient(story, "2026-06-24") == AARHUS
    story.status("2026-06-25", source=AARHUS, responsible=False)
    assert recipient(story, "2026-06-26") == ODENSE


def test_the_day_it_holds_from_ranks_before_the_time_of_sending() -> None:
    story = Story()
    story.status("2026-06-20", source=ODENSE)
    story.status("2026-06-21", source=AARHUS, valid_from="2026-06-10")
    story.enrolment("2026-06-22")
    assert recipient(story, "2026-06-23") == ODENSE


def test_a_status_of_the_future_counts_from_its_day() -> None:
    story = Story()
    story.status("2026-06-01", source=ODENSE)
    story.status("2026-06-02", source=AARHUS, valid_from="2026-07-01")
    story.enrolment("2026-06-22")
    assert recipient(story, "2026-06-30T23:59:59+02:00") == ODENSE
    assert recipient(story, "2026-07-01T00:00:00+02:00") == AARHUS


def test_an_unfinished_task_follows_the_citizen_a_finished_one_stays() -> None:
    story = Story()
    story.status("2026-06-01", source=ODENSE)
    story.enrolment("2026-06-22")
    story.enrolment("2026-06-22", enrolment_id="E2")
    story.contact("2026-06-23", ODENSE)
    story.status("2026-06-25", source=AARHUS)
    found = {task.enrolment_id: task.recipient for task in story.tasks(KIND, "2026-06-26")}
    assert found == {"E1": ODENSE, "E2": AARHUS}


def test_an_assignment_holds_from_its_day_until_a_later_status_says_otherwise() -> None:
    story = Story(residence=None)
    story.enrolment("2026-06-22")
    story.correction("2026-06-24", assigned="citizen-a", municipality="461")
    assert recipient(story, "2026-06-23") is None
    assert recipient(story, "2026-06-24T10:00:00+02:00") == ODENSE
    story.status("2026-06-25", source="/municipality/101", responsible=False)
    assert recipient(story, "2026-06-26") == ODENSE
    story.status("2026-06-26", source=AARHUS, valid_from="2026-06-20")
    assert recipient(story, "2026-06-27") == AARHUS


def test_the_assigned_municipality_may_let_go() -> None:
    story = Story(residence=None)
    story.enrolment("2026-06-22")
    story.correction("2026-06-24", assigned="citizen-a", municipality="461")
    story.status("2026-06-25", source=ODENSE, responsible=False)
    assert recipient(story, "2026-06-26") is None


def test_an_assignment_of_another_citizen_changes_nothing() -> None:
    story = Story()
    story.enrolment("2026-06-22")
    story.correction("2026-06-24", assigned="citizen-b", municipality="461")
    assert recipient(story, "2026-06-25") == AARHUS


def test_a_task_of_an_institution_stays_with_it() -> None:
    story = Story()
    story.contact("2026-06-24", AARHUS)
    assert story.task("ACKNOWLEDGE_CONTACT", "2026-06-25").recipient == SCHOOL
