"""What Faust's sensors know truly here: which agent has a batch, and for how long.

Those about topics, commits, tables and messages are never called, since Faust's Kafka transport is off: they
would show 0 for ever, and are not told.
"""

import time
from typing import Any

from faust.sensors import Sensor

from streams.batch import Batch
from streams.metrics import Metrics


class AgentSensor(Sensor):  # type: ignore[misc] # faust has no types
    """Add it to `app.sensors`. Faust tells of an event when its agent takes it and when it is through."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self._metrics = metrics

    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> dict[str, float] | None:
        """An agent took a batch."""
        if not isinstance(event.value, Batch):
            return None
        self._metrics.batches_in_hand.labels(event.value.flow).inc()
        return {"began": time.perf_counter()}

    def on_stream_event_out(
        self, tp: Any, offset: int, stream: Any, event: Any, state: dict[str, float] | None = None
    ) -> None:
        """It is through with it, whatever came of it."""
        if state is None or "began" not in state:
            return
        flow = event.value.flow
        self._metrics.batches_in_hand.labels(flow).dec()
        self._metrics.agent_seconds.labels(flow).observe(time.perf_counter() - state["began"])
