"""The labels that several numbers share, each with its bound. None holds anything about a person."""

from typing import Final

from schemas.flows import FLOWS
from schemas.problems import ErrorClass
from streams.measurements.model import Domain

FLOW: Final = Domain(tuple(FLOWS))
OUTCOME: Final = Domain(("accepted", "duplicate", "quarantined"))
ERROR_CLASS: Final = Domain(tuple(ErrorClass))
SYSTEM: Final = Domain(most=200)
PARTY: Final = Domain(most=700)
"""98 municipalities, 500 institutions and some that have ended."""
MUNICIPALITY: Final = Domain(most=102)
"""Codes of the shipped list, `institutions` for all of those together, `none` where nobody is responsible."""
TASK_KIND: Final = Domain(most=30)
CHANNEL: Final = Domain(("topic", "mailbox", "webhook"))
DIGEST: Final = Domain(most=1)

SHORT: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds, of what a request or a batch takes."""
WAITING: Final = (0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 60.0, 300.0, 3600.0, 86400.0)
"""Seconds, of what messages wait: the service levels 30 and 60 are bounds."""
