"""`SEND_U010` and `GIVE_PD_U3`: something that may affect the benefit is told abroad and to the person.

Reg. 987/2009 art. 55(4). Each opens with the circumstance; another one joins until the first was sent, and
opens a task of its own after that.
"""

from collections.abc import Callable
from functools import partial

from streams.rules.eu_case import EuCase, eu_case, open_for_case, sed_sent
from streams.rules.facts import EuEventFact, Fact
from streams.rules.history import History
from streams.rules.replay import Desk, Draft
from streams.rules.ruleset import Rules, WorkingDaysRule


def eu_circumstance(fact: Fact, history: History, desk: Desk) -> None:
    _tell(fact, history, desk, lambda rules: rules.eu_circumstance, "U010")


def eu_person_notice(fact: Fact, history: History, desk: Desk) -> None:
    _tell(fact, history, desk, lambda rules: rules.eu_person_notice, "PD_U3")


def _tell(
    fact: Fact, history: History, desk: Desk, rule: Callable[[Rules], WorkingDaysRule], document: str
) -> None:
    case = eu_case(history)
    if case is None:
        return
    # A registration lets those in that waited for it, or that its new end makes matter.
    for event in [fact] if isinstance(fact, EuEventFact) else history.eu_events:
        if _matters(event, case) and not any(event in draft.caused_by for draft in desk.drafts.values()):
            _open(event, history, desk, rule, document)
    for draft in desk.unsettled():
        if not any(_matters(event, case) for event in draft.caused_by):
            draft.fall(fact)
            continue
        draft.hold()
        if sent := _sent(history, document, draft):
            draft.done(sent)


def _matters(event: Fact, case: EuCase) -> bool:
    """Known to have happened before the end; of the events that end a case only the first."""
    if not isinstance(event, EuEventFact):
        return False
    if event.event == "CIRCUMSTANCE":
        return event.on < case.end
    ends = event.event in ("TOOK_WORK", "DEREGISTERED") and event is case.ended_by
    return ends and event.on < case.period_end


def _open(
    event: EuEventFact,
    history: History,
    desk: Desk,
    rule: Callable[[Rules], WorkingDaysRule],
    document: str,
) -> None:
    rule_set = history.book.at(event.day)
    if rule_set is None:
        return
    for draft in desk.drafts.values():
        sent = _sent(history, document, draft)
        if draft.unfinished and (sent is None or sent.order > event.order):
            draft.join(event)
            return
    draft = open_for_case(desk, rule(rule_set.rules), rule_set, event)
    draft.explain = partial(_explanation, draft, document)


def _sent(history: History, document: str, draft: Draft) -> EuEventFact | None:
    return next((sent for sent in sed_sent(history, document) if sent.order > draft.first.order), None)


def _explanation(draft: Draft, document: str) -> str:
    told = [f"{e.event.lower()} on {e.on}" for e in draft.caused_by if isinstance(e, EuEventFact)]
    whom = "the person" if document == "PD_U3" else "the competent institution"
    return f"Something happened that may affect the benefit ({', '.join(told)}); {whom} must be told"
