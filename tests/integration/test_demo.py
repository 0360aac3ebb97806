"""`overgang demo` as a newcomer runs it."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from tests.processes import Processes, Running

SMALL = ("overgang", "demo", "--people", "40")


def demo_directories() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("overgang-demo-*"))


def family(running: Running) -> list[psutil.Process]:
    return psutil.Process(running.pid).children(recursive=True)


def test_two_demos_run_side_by_side_and_what_a_killed_one_left_is_swept_by_the_next(
    processes: Processes,
) -> None:
    before = demo_directories()
    stopped, killed = processes.start(*SMALL), processes.start(*SMALL)
    for demo in (stopped, killed):
        demo.wait_for_line("Ctrl-C stops everything", timeout=120)
    what_it_says_to_try_works(stopped)
    children = family(stopped)
    assert len(children) >= 4
    stopped.process.send_signal(signal.SIGINT)
    assert stopped.wait(60) == 0
    assert "nothing is left running" in stopped.output
    assert not psutil.wait_procs(children, timeout=15)[1]

    children, left = family(killed), demo_directories() - before
    killed.kill()
    assert len(left) == 1
    assert not psutil.wait_procs(children, timeout=30)[1], "a killed demo's children outlive it"
    the_demo_shows_tasks_a_reason_a_timeline_and_that_nothing_was_lost(processes)
    assert demo_directories() == before


def what_it_says_to_try_works(demo: Running) -> None:
    said = demo.output.split("in another shell", 1)[1].split("Running.")[0]
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    assert len(lines) == 6
    script = "\n".join(["set -e", *lines]).replace("curl ", "curl -sS --fail ")
    script = script.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"messages"' in done.stdout


def the_demo_shows_tasks_a_reason_a_timeline_and_that_nothing_was_lost(processes: Processes) -> None:
    demo = processes.start("overgang", "demo", "--once", environment={"COLUMNS": "80"})
    assert demo.wait(120) == 0
    shown = demo.output
    for title in ("Open tasks by municipality", "One task, and why it is there", "Timeline of"):
        assert title in shown
    assert "LAB § 30, stk. 9" in shown
    assert "messages in =" in shown.replace("\n", " ")
    assert "Try while" not in shown
    assert max(map(len, shown.splitlines())) <= 100
