"""Two processes that share a piece of work; they end with their parent, however that ends."""

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Generic, TypeVar

from schemas.problems import OvergangError

Desk = TypeVar("Desk")
Job = TypeVar("Job")
Result = TypeVar("Result")

_PROCESSES = 2
_LOOK_SECONDS = 1.0
CONTEXT = multiprocessing.get_context("fork")
"""Forked: what the parent has loaded and opened is there, and nothing of it is pickled."""

_desk: Any = None


class WorkerLost(OvergangError):
    """A process ended in the middle of its work."""


class Workers(Generic[Desk]):
    """`with Workers(desk) as workers: for result in workers.map(function, jobs)`.

    `function(desk, job)` is a function of a module; jobs and results are pickled, the desk is not. The
    processes are there when the block begins, so that threads that are started in it are not copied.
    """

    def __init__(self, desk: Desk) -> None:
        self._pool = ProcessPoolExecutor(_PROCESSES, CONTEXT, _begin, (desk, os.getpid()))

    def __enter__(self) -> "Workers[Desk]":
        gc.freeze()
        # The terminal's Ctrl-C reaches every process: the children never take it, the parent once they exist.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            try:
                self._pool.submit(os.getpid).result()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        gc.unfreeze()

    def map(self, function: Callable[[Desk, Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """Results in the order of the jobs.

        Raises:
            WorkerLost: a process was killed, most likely for want of memory.
        """
        try:
            yield from self._pool.map(_Call(function), jobs)
        except BrokenProcessPool:
            raise WorkerLost(
                "a process was ended from outside; give the machine more memory and run this again"
            ) from None


class _Call:
    """A function that finds its desk in the process it is called in."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self._function = function

    def __call__(self, job: Any) -> Any:
        return self._function(_desk, job)


def _begin(desk: Any, parent: int) -> None:
    global _desk
    _desk = desk
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A killed parent tells nobody: without this its children would wait for work for ever."""
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(_LOOK_SECONDS)
    os._exit(1)
