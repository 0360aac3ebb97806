"""What is taken back is not seen; two identifiers of one citizen are one case from the beginning."""

from rule_story import AARHUS, ODENSE, SCHOOL, Story

from streams.cases import group

KIND = "CONTACT_YOUNG_PERSON"


def test_a_retracted_message_is_not_seen_from_the_corrections_time_on() -> None:
    story = Story()
    notice = story.notice("2026-10-01")
    story.correction("2026-10-02", source=SCHOOL, retracts=(SCHOOL, notice))
    assert story.task(KIND, "2026-10-02T09:59:59+02:00").state == "OPEN"
    assert not story.tasks(KIND, "2026-10-02T10:00:00+02:00")


def test_a_retracted_reaction_leaves_the_task_open() -> None:
    story = Story()
    story.notice("2026-10-01")
    contact = story.follow_up("2026-10-02")
    story.correction("2026-10-03", source=AARHUS, retracts=(AARHUS, contact))
    assert story.task(KIND, "2026-10-04").state == "OPEN"


def test_the_same_id_of_another_sender_is_left_alone() -> None:
    story = Story()
    notice = story.notice("2026-10-01")
    story.correction("2026-10-02", source=ODENSE, retracts=(ODENSE, notice))
    assert story.task(KIND, "2026-10-03").state == "OPEN"


def test_a_retraction_that_is_itself_retracted_has_no_effect() -> None:
    story = Story()
    notice = story.notice("2026-10-01")
    wrong = story.correction("2026-10-02", source=SCHOOL, retracts=(SCHOOL, notice))
    story.correction("2026-10-03", source=SCHOOL, retracts=(SCHOOL, wrong))
    assert not story.tasks(KIND, "2026-10-02")
    assert story.task(KIND, "2026-10-04").state == "OPEN"


def test_a_merge_makes_one_case_from_the_beginning_and_keeps_the_tasks_id() -> None:
    story = Story()
    story.notice("2026-10-01")
    before = story.task(KIND, "2026-10-02")
    story.subject = "citizen-b"
    story.follow_up("2026-10-03")
    story.correction("2026-10-04", merged=("citizen-a", "citizen-b"))
    apart = story.task(KIND, "2026-10-03")
    merged = story.task(KIND, "2026-10-05")
    assert (apart.state, apart.subject) == ("OPEN", "citizen-a")
    assert (merged.state, merged.subject, merged.task_id) == ("DONE", "citizen-b", before.task_id)


def test_facts_are_grouped_by_citizen_with_the_corrections_that_concern_them() -> None:
    story = Story()
    notice = story.notice("2026-10-01")
    story.subject = "citizen-b"
    story.notice("2026-10-01")
    story.subject = "citizen-c"
    story.notice("2026-10-01")
    retraction = story.correction("2026-10-02", source=SCHOOL, retracts=(SCHOOL, notice))
    undone = story.correction("2026-10-03", source=SCHOOL, retracts=(SCHOOL, retraction))
    merge = story.correction("2026-10-04", merged=("citizen-b", "citizen-c"))
    story.correction("2026-10-05", source=SCHOOL, retracts=(SCHOOL, "never sent"))
    cases = {key: [fact.id for fact in facts] for key, facts in group(story.facts).items()}
    assert cases == {
        "citizen-a": [notice, retraction, undone],
        "citizen-c": ["m02", "m03", merge],
    }
