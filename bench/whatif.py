"""A national year under two rule sets: `python -m bench.whatif [--people 70000] [--file MADE_BEFORE]`.

Prints one line of JSON a measurement: seconds, messages a second, peak memory of the largest process so far
(getrusage) and of all together (their proportional share, sampled). With --decide, `overgang decide` as well.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

ROOT = Path(__file__).parents[1]
REFORM = ROOT / "docs" / "examples" / "rules" / "no-mentor-right"
AS_OF = "2027-12-31T12:00:00Z"
_SAMPLE_SECONDS = 0.5


def main() -> None:
    """Make the messages where none are given, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=70_000)
    parser.add_argument("--weeks", type=int, default=52)
    parser.add_argument("--file", type=Path, help="messages that were made before")
    parser.add_argument("--decide", action="store_true", help="measure `overgang decide`, too")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="overgang-bench-") as directory:
        file = given.file or Path(directory) / "messages.jsonl"
        if given.file is None:
            size = ("--people", str(given.people), "--weeks", str(given.weeks))
            measure("simulate", [*size, "--out", str(file)], directory, 0)
        with file.open("rb") as lines:
            messages = sum(1 for _ in lines)
        books = ["--rules", "2025-07-01", "--rules", str(REFORM), "--as-of", AS_OF]
        rows = ["--csv", str(Path(directory) / "rows.csv"), "--json"]
        measure("whatif", [*books, *rows, str(file)], directory, messages)
        if given.decide:
            measure("decide", ["--as-of", AS_OF, str(file)], directory, messages)


def measure(command: str, options: Sequence[str], directory: str, messages: int) -> None:
    """Run one command and print what it took."""
    code = f"import sys; sys.argv = ['overgang', {command!r}, *sys.argv[1:]]; "
    code += "from connectors.cli.main import main; main()"
    environment = {**os.environ, "OVERGANG_DATA_DIRECTORY": directory, "TMPDIR": directory}
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", code, *options], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    ) as child:
        peak = _peak_of_all(child)
    seconds = time.perf_counter() - start
    if child.returncode:
        raise SystemExit(f"overgang {command} ended with status {child.returncode}")
    found = {
        "command": command,
        "messages": messages,
        "seconds": round(seconds, 1),
        "messages_per_second": round(messages / seconds),
        "largest_process_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "all_processes_mib": peak >> 20,
    }
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def _peak_of_all(child: "subprocess.Popen[bytes]") -> int:
    """The most memory (bytes) that the process and its children had together, until it ends."""
    peak, pause, process = 0, threading.Event(), psutil.Process(child.pid)
    while child.poll() is None:
        # One of them may end while it is looked at.
        with suppress(psutil.Error):
            family = [process, *process.children(recursive=True)]
            peak = max(peak, sum(member.memory_full_info().pss for member in family))
        pause.wait(_SAMPLE_SECONDS)
    return peak


if __name__ == "__main__":
    main()
