"""The form of conversations (LAB § 33): no task, only what is unusual about the message.

The day of a choice is that of its message.
"""

from collections.abc import Iterator

from streams.rules.facts import ConversationFormFact, Fact
from streams.rules.history import History
from streams.rules.replay import Desk
from streams.rules.ruleset import ConversationFormRule
from streams.rules.working_days import add_months


def conversation_form(fact: Fact, history: History, desk: Desk) -> None:
    if not isinstance(fact, ConversationFormFact):
        return
    rule_set = history.book.at(fact.day)
    if rule_set and (said := tuple(_warnings(fact, rule_set.conversation_form))):
        desk.warnings[fact.ref] = said


def _warnings(fact: ConversationFormFact, rule: ConversationFormRule) -> Iterator[str]:
    since = fact.unemployed_since if fact.event == "CHOSEN" else None
    if since is not None and fact.day < add_months(since, rule.choice_after_months):
        yield "BEFORE_SIX_MONTHS"
    if fact.form in rule.forbidden_forms:
        yield "LETTER_NOT_ALLOWED"
    if fact.event == "OVERRIDDEN" and not fact.reasoned:
        yield "OVERRIDE_NEEDS_REASON"
