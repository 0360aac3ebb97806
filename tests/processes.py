"""Child processes of tests: their output as it comes, and an end for all of them."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.living import lives


class Running:
    """A child process with its output, standard output and error in one, line by line as it comes."""

    def __init__(self, command: list[str], environment: Mapping[str, str], directory: Path) -> None:
        self.command = command
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
        )
        self.children: set[psutil.Process] = set()
        """Those that lived when this process was killed: they must end by themselves."""
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self._lines.append(line)
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        with self._more:
            return "".join(self._lines)

    def wait_for_line(self, text: str, timeout: float = 30) -> str:
        """Blocks until a line holds the text; returns that line. Fails when the output ends without it."""

        def found() -> str | None:
            return next((line for line in self._lines if text in line), None)

        with self._more:
            self._more.wait_for(lambda: found() is not None or self._ended, timeout)
            line = found()
        assert line is not None, f"no line with {text!r} from {' '.join(self.command)}:\n{self.output}"
        return line.rstrip("\n")

    def wait(self, timeout: float = 30) -> int:
        """Exit status, when the process has ended and its output is read."""
        status = self.process.wait(timeout)
        self._reader.join(5)
        return status

    def stop(self, timeout: float = 30) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.wait(timeout)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self.process.poll() is None:
            self.children.update(psutil.Process(self.pid).children(recursive=True))
            self.process.kill()
        self.wait()


class Processes:
    """Starts child processes and ends them all, with their children, when the test is over."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: list[Running] = []

    def start(self, *command: str, environment: Mapping[str, str] | None = None) -> Running:
        """Runs `command`; its first word may be a program of the virtual environment (`overgang`, `python`).

        `environment` comes on top of ours, less every OVERGANG_ variable but that of the cache; the working
        directory is the test's.
        """
        program = Path(sys.executable).with_name(command[0])
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OVERGANG_")}
        cache = {n: v for n, v in os.environ.items() if n == "OVERGANG_CACHE_DIRECTORY"}
        running = Running(
            [str(program) if program.exists() else command[0], *command[1:]],
            {**inherited, **cache, "PYTHONUNBUFFERED": "1", **(environment or {})},
            self._directory,
        )
        self._started.append(running)
        return running

    def end_all(self) -> None:
        """SIGTERM, then SIGKILL; fails when a process, or a child of one, had to be killed or is left."""
        ours = [psutil.Process(r.pid) for r in self._started if r.process.poll() is None]
        family = {child for parent in ours for child in parent.children(recursive=True)} | set(ours)
        for running in self._started:
            family |= running.children
            if running.process.poll() is None:
                running.process.terminate()
        _, waiting = psutil.wait_procs(list(family), timeout=30)
        left = [process for process in waiting if lives(process)]
        for process in left:
            process.kill()
        for running in self._started:
            running.wait()
            sys.stdout.write(
                f"--- {' '.join(running.command)}: {running.process.returncode}\n{running.output}\n"
            )
        assert not left, f"did not end within 30 seconds of SIGTERM: {left}"
