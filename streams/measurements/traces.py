"""What every process tells of its traces."""

from typing import Final

from streams.measurements.model import Kind, Measurement, Where

SPANS_DROPPED: Final = Measurement(
    "overgang_spans_dropped_total",
    Kind.COUNTER,
    "spans",
    (Where.WORKER, Where.API, Where.DELIVERER),
    "Spans that no collector took: it is away, refuses them or is too slow. Grows: traces have holes, nothing"
    " else does. Always 0 without OVERGANG_TRACES_ENDPOINT.",
)
