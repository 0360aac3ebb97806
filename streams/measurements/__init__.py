"""Every number that a process of the gateway tells, in one typed list. docs/metrics.md is written from it."""

from typing import Final

from prometheus_client import disable_created_metrics

from streams.measurements.connectors import API, DELIVERER
from streams.measurements.ledger import LEDGER
from streams.measurements.model import Measurement
from streams.measurements.worker import WORKER

_EACH: Final = (*WORKER, *API, *DELIVERER, *LEDGER)
ALL: Final[tuple[Measurement, ...]] = tuple({told.name: told for told in _EACH}.values())

# A line more for each counter and histogram, which says what Prometheus knows by itself.
disable_created_metrics()  # type: ignore[no-untyped-call]
