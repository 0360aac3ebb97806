"""`overgang up`: the whole gateway from one command, broker and database included, nothing left behind."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.integration.api_server import STRUCTURED, notice, of_this_machine, until
from tests.living import lives

READY_SECONDS = 90


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"OVERGANG_DATA_DIRECTORY": str(tmp_path / "data"), "OVERGANG_HTTP_PORT": "0"}


def started(processes: Any, environment: dict[str, str]) -> tuple[Any, dict[str, Any]]:
    up = processes.start("overgang", "up", environment=environment)
    up.wait_for_line("ready", READY_SECONDS)
    run_file = Path(environment["OVERGANG_DATA_DIRECTORY"]) / "run.json"
    assert run_file.stat().st_mode & 0o777 == 0o600
    return up, json.loads(run_file.read_text())


def said(processes: Any, environment: dict[str, str], *command: str) -> Any:
    ended = processes.start("overgang", *command, "--json", environment=environment)
    assert ended.wait() == 0, ended.output
    return json.loads(ended.output)


def test_a_message_becomes_a_task_and_both_outlive_a_clean_stop(
    processes: Any, environment: dict[str, str]
) -> None:
    up, running = started(processes, environment)
    event = notice()
    credential = of_this_machine(Path(environment["OVERGANG_DATA_DIRECTORY"]))
    with httpx.Client(base_url=running["http"], trust_env=False, auth=credential) as api:
        sent = api.post("/v1/messages", content=json.dumps(event), headers=STRUCTURED)
        assert sent.status_code == 202
        receipt = sent.json()["receipt"]
        until(lambda: api.get(receipt).status_code == 200, 20)
        assert api.get(receipt).json()["outcome"] == "ACCEPTED"
        until(lambda: all(d["published_at"] for d in api.get(receipt).json()["recipients"]), 20)
        assert [d["recipient"] for d in api.get(receipt).json()["recipients"]] == ["/municipality/751"]
    [task] = said(processes, environment, "tasks", "--recipient", "/municipality/751")
    assert task["caused_by"] == [event["id"]]
    assert all(finding["well"] for finding in said(processes, environment, "doctor"))
    a_second_up_on_the_same_data_is_refused(processes, environment)
    assert httpx.get(f"{running['http']}/health/live", trust_env=False).status_code == 200
    children = [psutil.Process(process) for process in running["children"].values()]
    assert up.stop() == 0
    assert not any(lives(child) for child in children)
    assert not (Path(environment["OVERGANG_DATA_DIRECTORY"]) / "run.json").exists()
    up, _ = started(processes, environment)
    assert said(processes, environment, "tasks") == [task]
    up.process.send_signal(signal.SIGINT)
    assert up.wait() == 0


def a_second_up_on_the_same_data_is_refused(processes: Any, environment: dict[str, str]) -> None:
    second = processes.start("overgang", "up", environment=environment)
    assert second.wait() == 1
    assert second.output.startswith("overgang: ")
    assert "OVERGANG_DATA_DIRECTORY" in second.output


@pytest.mark.parametrize("part", ["worker", "database"])
def test_a_part_that_dies_ends_everything_and_is_named(
    processes: Any, environment: dict[str, str], part: str
) -> None:
    up, running = started(processes, environment)
    children = [psutil.Process(process) for process in running["children"].values()]
    os.kill(running["children"][part], signal.SIGKILL)
    assert up.wait(60) == 1
    assert f"overgang: the {part} ended by itself" in up.output
    assert not any(lives(child) for child in children)


def test_nothing_is_left_when_up_itself_is_killed_and_another_can_start(
    processes: Any, environment: dict[str, str]
) -> None:
    up, running = started(processes, environment)
    children = [psutil.Process(process) for process in running["children"].values()]
    up.kill()
    until(lambda: not any(lives(child) for child in children), 40)
    dead = processes.start("overgang", "tasks", environment=environment)
    assert dead.wait() == 1
    assert "start `overgang up` first" in dead.output
    again, _ = started(processes, environment)
    assert again.stop() == 0
