"""`overgang whatif` that is interrupted or killed takes its processes and its temporary data with it."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from connectors.simulation import simulate
from tests.conftest import WaitUntil
from tests.living import lives
from tests.processes import Processes, Running


@pytest.fixture
def started(processes: Processes, tmp_path: Path, wait_until: WaitUntil) -> Running:
    """A comparison that has just begun to read some tens of thousands of messages."""
    file, temporary = tmp_path / "messages.jsonl", tmp_path / "temporary"
    temporary.mkdir()
    with file.open("w") as messages:
        messages.writelines(json.dumps(event) + "\n" for event in simulate(2_500, 26, 1))
    running = processes.start(
        *("overgang", "whatif", "--rules", "2022-01-01", "--rules", "2025-07-01", str(file)),
        environment={"TMPDIR": str(temporary), "OVERGANG_DATA_DIRECTORY": str(tmp_path / "data")},
    )
    parent = psutil.Process(running.pid)
    wait_until(lambda: len(parent.children()) == 2, what="two processes at work")
    # Data that is written meanwhile has no name from the start.
    assert list(temporary.iterdir()) == []
    return running


def test_a_killed_whatif_leaves_no_process_and_no_file(
    started: Running, tmp_path: Path, wait_until: WaitUntil
) -> None:
    started.kill()
    wait_until(lambda: not any(lives(child) for child in started.children), what="its children's end")
    assert len(started.children) == 2
    assert list((tmp_path / "temporary").iterdir()) == []


def test_ctrl_c_ends_all_with_its_own_status(started: Running, tmp_path: Path, wait_until: WaitUntil) -> None:
    children = psutil.Process(started.pid).children()
    # As a terminal does: to every process of the group.
    os.killpg(started.pid, signal.SIGINT)
    assert started.wait() == 130
    assert "Traceback" not in started.output
    wait_until(lambda: not any(lives(child) for child in children), what="its children's end")
    assert list((tmp_path / "temporary").iterdir()) == []
