"""Logs as one JSON object a line on standard error, those of libraries too."""

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


def log_as_json() -> None:
    """To be called once, before anything logs."""
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _kind_of_exception,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[lines], force=True)


def _kind_of_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An exception is named, never told: its text may hold what somebody sent."""
    if error := event.pop("exc_info", None):
        kind = error[0] if isinstance(error, tuple) else type(error)
        event["exception"] = getattr(kind, "__name__", str(kind))
    return event
