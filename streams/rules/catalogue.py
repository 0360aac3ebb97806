"""Every rule of this house, and the flows that each must read.

A rule is one function `(fact, history, desk)`: called for every fact of its flows in the order of time,
after the history has read it; it opens, changes and finishes the drafts on its own desk.
"""

from collections.abc import Callable, Mapping

from schemas.identifiers import Flow
from streams.rules.contact_exchange import contact_acknowledgement, contact_exchange
from streams.rules.conversation_form import conversation_form
from streams.rules.dropout import dropout_notice
from streams.rules.dropout_follow_up import dropout_follow_up
from streams.rules.eu_circumstance import eu_circumstance, eu_person_notice
from streams.rules.eu_end import eu_final, eu_return
from streams.rules.eu_monthly import eu_monthly
from streams.rules.eu_registration import eu_document_request, eu_registration_notice
from streams.rules.facts import Fact
from streams.rules.history import History
from streams.rules.mentor_guidance import mentor_guidance
from streams.rules.mentor_plan import mentor_plan
from streams.rules.mentor_request import mentor_request
from streams.rules.mentor_review import mentor_review
from streams.rules.replay import Desk

Rule = Callable[[Fact, History, Desk], None]

RULES_OF_CITIZENS: Mapping[Rule, frozenset[Flow]] = {
    mentor_guidance: frozenset({"enrolment", "citizen-status", "mentor"}),
    contact_exchange: frozenset({"enrolment", "contact-details", "education-order"}),
    contact_acknowledgement: frozenset({"contact-details"}),
    dropout_notice: frozenset({"dropout-risk", "enrolment", "follow-up"}),
    dropout_follow_up: frozenset({"enrolment", "follow-up"}),
    mentor_request: frozenset({"enrolment", "citizen-status", "mentor"}),
    mentor_plan: frozenset({"mentor"}),
    mentor_review: frozenset({"mentor"}),
    conversation_form: frozenset({"conversation-form"}),
}

REST_ON_BIRTH_DATE: frozenset[Rule] = frozenset({mentor_guidance, mentor_request})
"""These also read a message of any flow that makes the birth date known or another."""

RULES_OF_EU_CASES: Mapping[Rule, frozenset[Flow]] = dict.fromkeys(
    (
        eu_registration_notice,
        eu_document_request,
        eu_circumstance,
        eu_person_notice,
        eu_monthly,
        eu_return,
        eu_final,
    ),
    frozenset({"eu-registration", "eu-event"}),
)
