"""Corrections: a message taken back, a case given to a municipality, two identifiers of one citizen."""

from typing import Self

from pydantic import model_validator

from schemas.flows.forms import Address, EuCaseReference, MessageReference, Municipality, Reason
from schemas.flows.records import Citizen, Data, refuse


class Assignment(Data):
    """A case that nobody was responsible for, and the municipality that takes it."""

    citizen: Citizen | None = None
    """The citizen whose case it is; this or eu_case_id, not both."""
    eu_case_id: EuCaseReference | None = None
    """The EU case; this or citizen, not both."""
    municipality: Municipality
    """Code of the municipality that becomes responsible, 3 digits."""

    @model_validator(mode="after")
    def _names_one_case(self) -> Self:
        if (self.citizen is None) == (self.eu_case_id is None):
            raise refuse("", "does not name one case", "send one of citizen and eu_case_id")
        return self


class Merge(Data):
    """Two identifiers of one citizen."""

    citizen: Citizen
    """The citizen under the identifier used so far."""
    into: Citizen
    """The same citizen under the identifier to use."""


class Correction(Data):
    """The sender, or the operator, puts right what was sent."""

    retracts: MessageReference | None = None
    """Id of the message that decisions no longer see."""
    of: Address | None = None
    """Source of the retracted message, where the operator retracts it."""
    assigns: Assignment | None = None
    """A case without recipient, and who takes it."""
    merges: Merge | None = None
    """Two identifiers of one citizen, for example a replacement number and the number that came later."""
    reason: Reason
    """Why, in plain words."""

    @model_validator(mode="after")
    def _corrects_something(self) -> Self:
        if self.retracts is None and self.assigns is None and self.merges is None:
            raise refuse("", "corrects nothing", "send retracts, assigns or merges")
        return self
