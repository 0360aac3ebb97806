"""Who gets which message."""

from rule_story import AARHUS, ODENSE, OTHER_SCHOOL, SCHOOL, Story


def recipients(story: Story, message: str, as_of: str) -> set[str]:
    return {forward.recipient for forward in story.at(as_of).forwards if forward.message.id == message}


def test_an_institutions_messages_go_to_the_municipality_responsible_on_their_date() -> None:
    story = Story()
    story.status("2026-06-01", source=ODENSE)
    told = [
        story.enrolment("2026-06-22", "COMPLETED"),
        story.contact("2026-06-22", SCHOOL),
        story.notice("2026-06-22", withdraws="unknown"),
    ]
    story.status("2026-06-24", source=AARHUS)
    assert [recipients(story, message, "2026-06-25") for message in told] == [{ODENSE}] * 3


def test_who_becomes_responsible_gets_the_messages_behind_unfinished_tasks() -> None:
    story = Story()
    story.status("2026-06-01", source=ODENSE)
    admission = story.enrolment("2026-06-22")
    story.status("2026-06-24", source=AARHUS)
    assert recipients(story, admission, "2026-06-23") == {ODENSE}
    assert recipients(story, admission, "2026-06-25") == {ODENSE, AARHUS}


def test_without_anybody_responsible_a_message_waits_until_there_is_one() -> None:
    story = Story(residence=None)
    message = story.enrolment("2026-06-22", "CHANGED")
    story.status("2026-06-24", source=AARHUS)
    assert [ref.id for ref in story.at("2026-06-23").unrouted] == [message]
    assert recipients(story, message, "2026-06-25") == {AARHUS}
    assert story.at("2026-06-25").unrouted == ()


def test_a_message_of_the_future_is_forwarded_at_once_and_decided_at_its_time() -> None:
    story = Story()
    message = story.notice("2026-10-02")
    decision = story.at("2026-10-01T23:00:00+02:00")
    assert [tuple(forward) for forward in decision.forwards] == [((SCHOOL, message), AARHUS)]
    assert decision.tasks == ()


def test_contact_and_order_of_a_municipality_go_to_the_named_institution() -> None:
    story = Story()
    contact = story.contact("2026-06-22", AARHUS)
    order = story.order("2026-06-22", institution="101582")
    assert recipients(story, contact, "2026-06-23") == {SCHOOL}
    assert recipients(story, order, "2026-06-23") == {OTHER_SCHOOL}


def test_of_a_mentor_the_enrolments_institution_learns_assignment_extension_and_end() -> None:
    story = Story()
    story.enrolment("2026-06-22", admitted_on="2026-06-22")
    told = [story.mentor("2026-06-23", event) for event in ("ASSIGNED", "EXTENDED", "ENDED")]
    kept = [story.mentor("2026-06-23", event) for event in ("GUIDED", "REQUESTED", "DECLINED")]
    assert [recipients(story, message, "2026-06-24") for message in told] == [{SCHOOL}] * 3
    assert [recipients(story, message, "2026-06-24") for message in kept] == [set()] * 3
    assert story.at("2026-06-24").unrouted == ()


def test_a_mentor_message_without_any_enrolment_waits() -> None:
    story = Story()
    message = story.mentor("2026-06-23", "ASSIGNED")
    assert [ref.id for ref in story.at("2026-06-24").unrouted] == [message]


def test_a_follow_up_goes_to_the_institution_of_its_notice_or_enrolment() -> None:
    story = Story()
    notice = story.notice("2026-10-01")
    story.enrolment("2026-06-22", source=OTHER_SCHOOL, enrolment_id="F1")
    by_notice = story.follow_up("2026-10-02", "ATTEMPTED", notice_id=notice)
    by_enrolment = story.follow_up("2026-10-02", "ATTEMPTED", enrolment_id="F1")
    assert recipients(story, by_notice, "2026-10-03") == {SCHOOL}
    assert recipients(story, by_enrolment, "2026-10-03") == {OTHER_SCHOOL}


def test_a_follow_up_that_names_nothing_goes_to_each_school_whose_notice_was_unfinished_then() -> None:
    story = Story()
    story.notice("2026-09-01", source="/institution/461413", enrolment_id="G1")
    story.follow_up("2026-09-02")
    story.notice("2026-10-01")
    story.notice("2026-10-01", source=OTHER_SCHOOL, enrolment_id="F1")
    message = story.follow_up("2026-10-02")
    assert recipients(story, message, "2026-10-03") == {SCHOOL, OTHER_SCHOOL}


def test_facts_of_a_municipality_go_to_nobody() -> None:
    story = Story()
    status = story.status("2026-06-01")
    decision = story.at("2026-06-02")
    assert recipients(story, status, "2026-06-02") == set()
    assert decision.unrouted == ()


def test_a_retracted_message_is_not_forwarded_any_more() -> None:
    story = Story()
    notice = story.notice("2026-10-01")
    story.correction("2026-10-02", source=SCHOOL, retracts=(SCHOOL, notice))
    assert recipients(story, notice, "2026-10-03") == set()
