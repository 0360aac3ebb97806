"""How fast `overgang decide` judges a file: `python -m bench.decide [--people 100000] [--file MADE_BEFORE]`.

Prints one line of JSON a run, then the median: messages a second by the clock and by the processor's time of
the one process, and its memory at the most.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.whatif import AS_OF, ROOT

_RUN = "import sys; from connectors.cli.main import run; sys.exit(run(sys.argv[1:]))"


def main() -> None:
    """Make the messages where none are given, then judge them several times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--weeks", type=int, default=52)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--file", type=Path, help="messages that were made before")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="overgang-bench-") as directory:
        file = given.file or Path(directory) / "messages.jsonl"
        environment = {**os.environ, "OVERGANG_DATA_DIRECTORY": directory}
        if given.file is None:
            size = ("--people", str(given.people), "--weeks", str(given.weeks))
            simulate = [sys.executable, "-c", _RUN, "simulate", *size, "--out", str(file)]
            subprocess.run(simulate, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
        with file.open("rb") as lines:
            messages = sum(1 for _ in lines)
        found = [_measured(file, messages, environment) for _ in range(given.runs)]
    _print({"command": "decide, median", **{name: median(run[name] for run in found) for name in found[0]}})


def _measured(file: Path, messages: int, environment: dict[str, str]) -> dict[str, int]:
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", _RUN, "decide", "--as-of", AS_OF, str(file)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    ) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds, processor = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    if child.returncode:
        raise SystemExit(f"overgang decide ended with status {child.returncode}")
    found = {
        "messages": messages,
        "messages_per_second": round(messages / seconds),
        "messages_per_processor_second": round(messages / processor),
        "memory_mib": usage.ru_maxrss // 1024,
    }
    _print({"command": "decide", **found})
    return found


def _print(found: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
