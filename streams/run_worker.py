"""Runs a worker until it is told to stop, or has to."""

import asyncio
import signal

import structlog

from schemas.problems import OvergangError
from streams.app import Worker
from streams.failures import StopWorker, fault_name
from streams.worker_config import WorkerConfig

log = structlog.get_logger(__name__)

STOP_SECONDS = 18.0
"""A stop that takes longer is abandoned: the batch in hand is then not stored, and is read again."""


def run_worker(config: WorkerConfig) -> int:
    """Run until SIGTERM or SIGINT; return 0, having stored the batch in hand.

    Raises:
        StopWorker: the worker could not go on; the text says why. The caller exits 1.
        OvergangError: it could not even start (topics, key files).
    """
    asyncio.run(_run(config))
    return 0


async def _run(config: WorkerConfig) -> None:
    worker = Worker(config)
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, told.set)
    await loop.run_in_executor(None, worker.prepare)
    try:
        await _run_until_told(worker, told)
    finally:
        worker.close()


async def _run_until_told(worker: Worker, told: asyncio.Event) -> None:
    app = worker.app
    try:
        await app.start()
        waits = {asyncio.ensure_future(told.wait()), asyncio.ensure_future(app.wait_until_stopped())}
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
    finally:
        worker.health.trouble("worker", "is stopping")
        await asyncio.wait_for(app.stop(), STOP_SECONDS)
    cause = app.crash_reason
    if isinstance(cause, OvergangError):
        raise StopWorker(str(cause))
    if cause is not None:
        raise StopWorker(f"a fault of its own, {fault_name(cause)}; report it")
    log.info("worker stopped")
