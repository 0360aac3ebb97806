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


def test_the_demo_shows_tasks_a_reason_a_timeline_and_that_nothing_was_lost(processes: Processes) -> None:
    before = demo_directories()
    demo = processes.start("overgang", "demo", "--once", environment={"COLUMNS": "80"})
    assert demo.wait(120) == 0
    shown = demo.output
    for title in ("Open tasks by municipality", "One task, and why it is there", "Timeline of"):
        assert title in shown
    assert "LAB § 30, stk. 9" in shown
    assert "messages in =" in shown.replace("\n", " ")
    assert max(map(len, shown.splitlines())) <= 100
    assert demo_directories() == before


def test_two_demos_run_side_by_side_and_ctrl_c_leaves_nothing(processes: Processes) -> None:
    demos = [processes.start(*SMALL), processes.start(*SMALL)]
    for demo in demos:
        demo.wait_for_line("Ctrl-C stops everything", timeout=120)
    for demo in demos:
        children = family(demo)
        assert len(children) >= 4
        demo.process.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
        assert "nothing is left running" in demo.output
        assert not psutil.wait_procs(children, timeout=15)[1]


def test_what_a_killed_demo_left_is_swept_by_the_next(processes: Processes) -> None:
    before = demo_directories()
    killed = processes.start(*SMALL)
    killed.wait_for_line("Ctrl-C stops everything", timeout=120)
    children = family(killed)
    left = demo_directories() - before
    killed.kill()
    assert len(left) == 1
    assert not psutil.wait_procs(children, timeout=30)[1], "a killed demo's children outlive it"
    again = processes.start(*SMALL, "--once")
    assert again.wait(120) == 0
    assert not left & demo_directories()
