"""Every number that a process of the gateway tells, in one typed list. docs/metrics.md is written from it."""

from typing import Final

from streams.measurements.connectors import API, DELIVERER
from streams.measurements.ledger import LEDGER
from streams.measurements.model import Measurement
from streams.measurements.worker import WORKER

_EACH: Final = (*WORKER, *API, *DELIVERER, *LEDGER)
ALL: Final[tuple[Measurement, ...]] = tuple({told.name: told for told in _EACH}.values())
