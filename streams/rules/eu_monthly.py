"""`SEND_U013`: the institution abroad asked for monthly follow-up (Reg. 987/2009 art. 55(4)).

One task a month, from the month asked for to the month of the case's end.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import partial

from streams.rules.eu_case import EuCase, eu_case, open_for_case, sed_sent
from streams.rules.facts import EuEventFact, Fact
from streams.rules.history import History
from streams.rules.replay import Desk
from streams.rules.working_days import add_months, last_of_month


def eu_monthly(fact: Fact, history: History, desk: Desk) -> None:
    case = eu_case(history)
    if case is None:
        return
    # An event brings no more months than it asks for; a registration may, by its end.
    for request in _requests([fact] if isinstance(fact, EuEventFact) else history.eu_events):
        for last_day in _months(request, case, history):
            _ask(request, last_day, history, desk)
    for draft in desk.unsettled():
        if draft.opens_on > last_of_month(case.end):
            draft.fall(fact)
            continue
        draft.hold()
        if sent := next((s for s in sed_sent(history, "U013") if s.month == draft.anchor), None):
            draft.done(sent)


def _requests(events: Iterable[EuEventFact]) -> Iterator[EuEventFact]:
    return (e for e in events if e.event == "SED_RECEIVED" and e.sed_type == "U012")


def _months(request: EuEventFact, case: EuCase, history: History) -> Iterator[date]:
    """Last days of the months from the one asked for; of one before the case there is nothing to tell."""
    rules = history.book.at(request.day)
    if rules is None:
        return
    asked = date.fromisoformat(f"{request.month}-01") if request.month else request.on
    registration = case.registration
    begins = min(registration.ceased_available_on, registration.registered_on)
    last_day = last_of_month(max(asked, begins))
    for _ in range(rules.rules.eu_monthly.longest_months):
        if last_day > last_of_month(case.end):
            return
        yield last_day
        last_day = last_of_month(add_months(last_day, 1))


def _ask(request: EuEventFact, last_day: date, history: History, desk: Desk) -> None:
    month = last_day.isoformat()[:7]
    if draft := desk.drafts.get(month):
        if draft.unfinished:
            draft.join(request)
        return
    rule_set = history.book.at(request.day)
    assert rule_set is not None, "a request before the first rule set asks for no month"
    draft = open_for_case(desk, rule_set.rules.eu_monthly, rule_set, request, anchor=month)
    draft.opens_on = draft.counts_from = last_day
    draft.explain = partial(_explanation, request, month)


def _explanation(request: EuEventFact, month: str) -> str:
    return (
        f"The competent institution asked on {request.on} for monthly follow-up; that of {month} must be sent"
    )
