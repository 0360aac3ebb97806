"""`overgang demo` as a newcomer runs it."""

import signal
import tempfile
from pathlib import Path

import psutil

from tests.conftest import Processes, Running

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


def the_demo_shows_tasks_a_reason_a_timeline_and_that_nothing_was_lost(processes: Processes) -> None:
    demo = processes.start("overgang", "demo", "--once", environment={"COLUMNS": "80"})
    assert demo.wait(120) == 0
    shown = demo.output
    for title in ("Open tasks by municipality", "One task, and why it is there", "Timeline of"):
        assert title in shown
    assert "LAB § 30, stk. 9" in shown
    assert "messages in =" in shown.replace("\n", " ")
    assert max(map(len, shown.splitlines())) <= 100
