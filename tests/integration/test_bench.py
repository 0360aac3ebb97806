"""`make bench` in its short form: every measurement runs to its end and finds a number."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def measured(module: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_hop_is_measured_beside_a_bare_loop_and_its_latency() -> None:
    told = measured("bench.hop", "--people", "200", "--pairs", "1", "--latency-seconds", "2")
    assert float(re.search(r"ratio ([0-9.]+)", told)[1]) > 0, told
    assert re.search(r"p99 +[0-9.]+", told), told


def test_deciding_and_comparing_files_are_measured() -> None:
    for module, options in (("bench.decide", ("--runs", "1")), ("bench.whatif", ())):
        *_, last = map(json.loads, measured(module, "--people", "40", "--weeks", "4", *options).splitlines())
        assert last["messages"] > 100
        assert last["messages_per_second"] > 0
