"""Which flows there are, what each carries and who may send it (contracts: Inbound flows)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from schemas.flows.citizen_status import CitizenStatus
from schemas.flows.contact_details import ContactDetails
from schemas.flows.conversation_form import ConversationForm
from schemas.flows.correction import Correction
from schemas.flows.dropout_risk import DropoutRisk
from schemas.flows.education_order import EducationOrder
from schemas.flows.enrolment import Enrolment
from schemas.flows.eu_event import EuEvent
from schemas.flows.eu_registration import EuRegistration
from schemas.flows.follow_up import FollowUp
from schemas.flows.mentor import Mentor
from schemas.flows.records import Data
from schemas.identifiers import Flow, Role

NAMESPACE: Final = "dk.overgang.v1"


@dataclass(frozen=True, slots=True)
class FlowContract:
    """One flow: `model` checks its data, `senders` are the roles that may send it."""

    flow: Flow
    model: type[Data]
    senders: frozenset[Role]

    @property
    def schema_name(self) -> str:
        """Full name of the Avro record, `dk.overgang.v1.DropoutRisk`."""
        return f"{NAMESPACE}.{self.model.__name__}"

    @property
    def topic(self) -> str:
        """Kafka topic without a prefix, `inbound.dropout-risk.v1`."""
        return f"inbound.{self.flow}.v1"

    @property
    def type(self) -> str:
        """CloudEvents type, `dk.overgang.dropout-risk.v1`."""
        return f"dk.overgang.{self.flow}.v1"


def _contract(flow: Flow, model: type[Data], *senders: Role) -> FlowContract:
    return FlowContract(flow, model, frozenset(senders))


_CONTRACTS = (
    _contract("enrolment", Enrolment, "institution"),
    _contract("dropout-risk", DropoutRisk, "institution"),
    _contract("contact-details", ContactDetails, "institution", "municipality"),
    _contract("citizen-status", CitizenStatus, "municipality"),
    _contract("education-order", EducationOrder, "municipality"),
    _contract("mentor", Mentor, "municipality"),
    _contract("follow-up", FollowUp, "municipality"),
    _contract("conversation-form", ConversationForm, "municipality"),
    _contract("eu-registration", EuRegistration, "municipality"),
    _contract("correction", Correction, "institution", "municipality", "gateway"),
    _contract("eu-event", EuEvent, "municipality", "gateway"),
)
FLOWS: Final[Mapping[Flow, FlowContract]] = MappingProxyType({c.flow: c for c in _CONTRACTS})
