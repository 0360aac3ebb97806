"""`REMIND_RETURN` and `SEND_U014`: the benefit runs out, or the case ended before (Reg. 883/2004 art. 64(2),
Reg. 987/2009 art. 55).
"""

from datetime import date, timedelta
from functools import partial

from streams.rules.eu_case import EuCase, draft_of_case, eu_case, open_for_case, sed_sent
from streams.rules.facts import EuEventFact, EuRegistrationFact, Fact
from streams.rules.history import History
from streams.rules.model import TaskState
from streams.rules.replay import Desk, Draft
from streams.rules.ruleset import EuReturnRule

_ONE_DAY = timedelta(days=1)


def eu_return(fact: Fact, history: History, desk: Desk) -> None:
    case = eu_case(history)
    if case is None:
        return
    draft = draft_of_case(desk)
    rule_set = history.book.at(fact.day)
    if isinstance(fact, EuRegistrationFact) and rule_set:
        if draft is None:
            draft = open_for_case(desk, rule_set.rules.eu_return, rule_set, fact)
            _remind_before(case.period_end, draft)
        elif case.ended_by is None and draft.outcome is not TaskState.DONE:
            # What ran out under the old end has not run out under the new one.
            draft.hold()
            draft.join(fact)
            _remind_before(case.period_end, draft)
    ended = case.ended_by
    if draft and draft.unfinished and ended and draft.due_on and ended.day <= draft.due_on:
        draft.done(ended)


def _remind_before(end: date, draft: Draft) -> None:
    assert isinstance(draft.rule, EuReturnRule)
    draft.due_on = draft.expires_on = end
    draft.opens_on = end - timedelta(days=draft.rule.opens_days_before)
    draft.explain = partial(
        str.format, "The benefit ends on {}; the job-seeker who stays longer may lose the right at home", end
    )


def eu_final(fact: Fact, history: History, desk: Desk) -> None:
    case = eu_case(history)
    if case is None:
        return
    rule_set = history.book.at(fact.day)
    draft = draft_of_case(desk)
    opens = fact is case.ended_by or isinstance(fact, EuRegistrationFact)
    if draft is None and rule_set and opens:
        assert isinstance(fact, EuEventFact | EuRegistrationFact)
        draft = open_for_case(desk, rule_set.rules.eu_final, rule_set, fact)
    if draft is None or not draft.unfinished:
        return
    if opens:
        draft.join(fact)
    _open_at_the_end(case, draft)
    if sent := next(sed_sent(history, "U014"), None):
        draft.done(sent)


def _open_at_the_end(case: EuCase, draft: Draft) -> None:
    """The day after the end, or the day on which an earlier one became known."""
    draft.opens_on = case.period_end + _ONE_DAY
    if case.ended_by:
        draft.join(case.ended_by)
        draft.opens_on = min(draft.opens_on, case.ended_by.day)
    draft.counts_from = draft.opens_on
    draft.explain = partial(_explain_final, case)


def _explain_final(case: EuCase) -> str:
    because = f"{case.ended_by.event.lower()} on {case.ended_by.on}" if case.ended_by else "the benefit's end"
    return f"The case ends on {case.end} ({because}); final information must be sent abroad after that"
