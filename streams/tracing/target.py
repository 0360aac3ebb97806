"""Where traces go, if anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from streams.tracing.tracing import Tracing

_PATH: Final = "/v1/traces"


@dataclass(frozen=True, slots=True)
class TraceTarget:
    """A collector that speaks OTLP over HTTP, and the share of traces, 0 to 1, that it gets."""

    url: str
    share: float = 1.0

    @classmethod
    def of(cls, endpoint: str | None, share: float) -> TraceTarget | None:
        """None where there is no endpoint. One without a path gets the usual `/v1/traces`."""
        if endpoint is None:
            return None
        bare = urlsplit(endpoint).path in ("", "/")
        return cls(endpoint.rstrip("/") + _PATH if bare else endpoint, share)


def tracing_to(target: TraceTarget | None, part: str, dropped: Callable[[int], object]) -> Tracing | None:
    """Tracing of one process, None where it is off. `part` is what the process is called in traces; `dropped`
    is told how many spans were lost."""
    if target is None:
        return None
    from streams.tracing.outlet import Outlet
    from streams.tracing.tracing import Tracing

    return Tracing(Outlet(target.url, dropped), target.share, part)
