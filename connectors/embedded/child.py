"""A child process that never outlives us: its log, its clean stop, its sudden end."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from connectors.embedded import guard
from connectors.embedded.failures import DidNotStart

LOG_LIMIT_BYTES = 10 * 1024 * 1024


def clean_environment() -> dict[str, str]:
    """What a child inherits of ours: variables such as PGDATA or JAVA_TOOL_OPTIONS would change what runs."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class Child:
    """A running command under a guard (see `connectors.embedded.guard`).

    `lock` is a file descriptor that guard and command inherit, so that an advisory lock on it lasts as long
    as either lives. `grace_seconds`: time between the stop signal and SIGKILL. `environment`
    comes on top of `clean_environment()`. Raises DidNotStart.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        lock: int,
        stop_signal: signal.Signals,
        grace_seconds: float,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._grace_seconds = grace_seconds
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            # A session of its own: Ctrl-C reaches us alone, and we stop our children in our order.
            self._guard = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    guard.__file__,
                    str(int(stop_signal)),
                    str(grace_seconds),
                    str(lock),
                    *command,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                pass_fds=(lock,),
                start_new_session=True,
                env={**clean_environment(), **(environment or {})},
            )
        assert self._guard.stdout is not None
        with self._guard.stdout as output_of_guard:
            line = output_of_guard.readline()
        if not line:
            self._guard.wait()
            raise DidNotStart(command[0], "it could not be executed", log)
        self.pid = int(line)

    @property
    def running(self) -> bool:
        return self._guard.poll() is None

    def stop(self) -> None:
        """Stop signal, grace, SIGKILL; returns when the process is gone. Harmless when it already is."""
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait(self._grace_seconds + 10)

    def kill(self) -> None:
        """SIGKILL, as a crash would; returns when the process is gone."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
        self.stop()
