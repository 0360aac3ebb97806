"""`SEND_U010` and `GIVE_PD_U3`: something that may affect the benefit is told abroad and to the person.

Reg. 987/2009 art. 55(4). One task of each a case: it opens with the first circumstance; another one joins
until the document was sent, and changes nothing after that.
"""

from collections.abc import Callable
from functools import partial

from streams.rules.eu_case import EuCase, draft_of_case, eu_case, open_for_case, sed_sent
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
            _open(event, history, case, desk, rule, document)
    for draft in desk.unsettled():
        if not any(_matters(event, case) for event in draft.caused_by):
            draft.fall(fact)
            continue
        draft.hold()
        if sent := _sent(history, case, document, draft):
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
    case: EuCase,
    desk: Desk,
    rule: Callable[[Rules], WorkingDaysRule],
    document: str,
) -> None:
    rule_set = history.book.at(event.day)
    if rule_set is None:
        return
    draft = draft_of_case(desk)
    if draft is None:
        draft = open_for_case(desk, rule(rule_set.rules), rule_set, event)
        draft.explain = partial(_explanation, draft, document)
        return
    sent = _sent(history, case, document, draft)
    if draft.final or (sent and sent.order < event.order):
        return
    if not draft.unfinished:
        # What opened it does not matter any more: it counts from what matters now.
        draft.opens_on = draft.counts_from = event.day
    draft.join(event)


def _sent(history: History, case: EuCase, document: str, draft: Draft) -> EuEventFact | None:
    """The document that tells of everything that has joined: the first one after that."""
    told = max((event.order for event in draft.caused_by if _matters(event, case)), default=None)
    return next((sent for sent in sed_sent(history, document) if told and sent.order > told), None)


def _explanation(draft: Draft, document: str) -> str:
    told = [f"{e.event.lower()} on {e.on}" for e in draft.caused_by if isinstance(e, EuEventFact)]
    whom = "the person" if document == "PD_U3" else "the competent institution"
    return f"Something happened that may affect the benefit ({', '.join(told)}); {whom} must be told"
