"""F7: the life of an EU/EEA registration until its end. Reg. 987/2009 art. 55(2)-(6)."""

from typing import Literal

from schemas.flows.forms import Code, Date, EuCaseReference, Month, Text
from schemas.flows.records import Data, EuCitizen

EuEventKind = Literal[
    "SED_SENT", "SED_RECEIVED", "CIRCUMSTANCE", "DEREGISTERED", "RETURNED", "TOOK_WORK", "DIED"
]


class EuEvent(Data):
    """Something happened in an EU case: a document was exchanged, or the person's situation changed."""

    eu_case_id: EuCaseReference
    """EESSI case number where there is one, unique for the country; never a personal number."""
    citizen: EuCitizen | None = None
    """The job-seeker."""
    event: EuEventKind
    """What happened."""
    on: Date
    """Day on which it happened."""
    sed_type: Code | None = None
    """Document exchanged, for example U009 or PD_U3; the list is EESSI's."""
    cdm_version: Code | None = None
    """Version of EESSI's common data model."""
    month: Month | None = None
    """Month that the document is about, YYYY-MM."""
    detail: Text | None = None
    """What else the recipient needs to know."""
