"""F9: the citizen's choice of conversation form, and its override. LAB § 33."""

from typing import Literal

from schemas.flows.forms import Date, Text
from schemas.flows.records import Citizen, ConversationFormat, Data

ConversationFormEvent = Literal["CHOSEN", "OVERRIDDEN"]


class ConversationForm(Data):
    """A citizen chose how conversations are held, or the municipality decided otherwise."""

    citizen: Citizen
    """The citizen."""
    event: ConversationFormEvent
    """Whether the citizen chose or the municipality overrode."""
    form: ConversationFormat
    """The form of conversation."""
    on: Date
    """Day of the choice or override."""
    unemployed_since: Date | None = None
    """First day of unemployment."""
    reason: Text | None = None
    """Why the choice was overridden."""
