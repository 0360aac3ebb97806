"""Every rule of this house, and the flows that each must read.

A rule is one function `(fact, history, desk)`: called for every fact of its flows in the order of time,
after the history has read it; it opens, changes and finishes the drafts on its own desk.
"""

from collections.abc import Callable, Mapping

from schemas.identifiers import Flow
from streams.rules.contact_exchange import contact_acknowledgement, contact_exchange
from streams.rules.dropout import dropout_notice
from streams.rules.dropout_follow_up import dropout_follow_up
from streams.rules.facts import Fact
from streams.rules.history import History
from streams.rules.mentor_guidance import mentor_guidance
from streams.rules.replay import Desk

Rule = Callable[[Fact, History, Desk], None]

RULES: Mapping[Rule, frozenset[Flow]] = {
    mentor_guidance: frozenset({"enrolment", "citizen-status", "mentor"}),
    contact_exchange: frozenset({"enrolment", "contact-details", "education-order"}),
    contact_acknowledgement: frozenset({"contact-details"}),
    dropout_notice: frozenset({"dropout-risk", "enrolment", "follow-up"}),
    dropout_follow_up: frozenset({"enrolment", "follow-up"}),
}
