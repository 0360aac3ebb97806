"""`overgang import eu` against a running gateway: once, again, with a changed row, after somebody else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.ledger.answers import ShownState
from tests.integration.api_server import STRUCTURED, of_this_machine, until
from tests.processes import Processes

HEADER = (
    "Sagsnummer;CPR;Udenlandsk nummer land;Udenlandsk nummer;Efternavn;Bopælskommune;Registreret;"
    "Dokument forelagt;Kompetent institution;Ophørt ledig;Slutdato;Retsgrundlag;U009 sendt"
)
FIRST = (
    "AT-2025-7001;;AT;7405-0341;Grüß;707;08-09-2025;ja;AT:1234;01-09-2025;30-11-2025;artikel 64;09-09-2025"
)
SECOND = "DE-2025-7002;;DE;123456;Zweig;751;15-09-2025;ja;DE:9876;10-09-2025;09-12-2025;artikel 64;"
FAULTY = "SE-2025-7003;740503412;;;Falk;751;15-09-2025;ja;SE:1;10-09-2025;09-12-2025;artikel 64;"


class Room:
    """A gateway, and commands beside it."""

    def __init__(self, processes: Processes, directory: Path) -> None:
        self.processes = processes
        self.directory = directory
        self.environment = {
            "OVERGANG_DATA_DIRECTORY": str(directory / "data"),
            "OVERGANG_HTTP_PORT": "0",
        }
        up = processes.start("overgang", "up", environment=self.environment)
        up.wait_for_line("ready", 90)

    def run(self, *rows: str, status: int = 0, options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """What `import eu` says of a list, the summary last."""
        file = self.directory / "list.csv"
        file.write_text("\r\n".join((HEADER, *rows, "")), encoding="cp1252")
        command = ("import", "eu", str(file), "--as", "/municipality/751", "--cut-over", "2025-10-06")
        ended = self.processes.start("overgang", *command, "--json", *options, environment=self.environment)
        assert ended.wait() == status, ended.output
        told = [json.loads(line) for line in ended.output.splitlines()]
        assert all(len(row["problems"]) == (row["outcome"] == "refused") for row in told[:-1])
        return told

    def tasks(self) -> list[tuple[str, str]]:
        """Kind and state of every task."""
        states = [option for state in ShownState for option in ("--state", state)]
        ended = self.processes.start("overgang", "tasks", *states, "--json", environment=self.environment)
        assert ended.wait() == 0, ended.output
        return sorted((task["kind"], task["state"]) for task in json.loads(ended.output))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """One gateway for the page: each test has cases of its own."""
    directory = tmp_path_factory.mktemp("import")
    processes = Processes(directory)
    try:
        yield Room(processes, directory)
    finally:
        processes.end_all()


def test_a_list_is_taken_over_once_and_a_second_run_sends_only_what_is_new(room: Room) -> None:
    *rows, summary = room.run(FIRST, SECOND, FAULTY, status=1, options=("--dry-run",))
    assert [row["outcome"] for row in rows] == ["would send", "would send", "refused"]
    assert room.tasks() == []
    assert summary["messages"] == 0

    *rows, summary = room.run(FIRST, SECOND, FAULTY, status=1)
    assert [(row["line"], row["outcome"], row["messages"]) for row in rows] == [
        (2, "sent", 2),
        (3, "sent", 1),
        (4, "refused", 0),
    ]
    assert [row["handled_by"] for row in rows] == ["/municipality/751", "/municipality/751", None]
    assert rows[2]["problems"][0]["field"] == "CPR"
    assert "740503412" not in json.dumps(rows)
    until(lambda: [s for kind, s in room.tasks() if kind == "SEND_U009"] == ["DONE", "OVERDUE"], 20)
    taken_over = room.tasks()

    *rows, summary = room.run(FIRST, SECOND)
    assert [row["outcome"] for row in rows] == ["already there", "already there"]
    assert summary["messages"] == 0
    assert room.tasks() == taken_over

    sent_now = SECOND + "16-09-2025"
    *rows, summary = room.run(FIRST, sent_now.replace("09-12-2025", "08-12-2025"))
    assert [(row["outcome"], row["messages"], row["update"]) for row in rows] == [
        ("already there", 0, False),
        ("sent", 2, True),
    ]
    until(lambda: [s for kind, s in room.tasks() if kind == "SEND_U009"] == ["DONE", "DONE"], 20)


def test_a_list_overrules_nobody_who_registered_the_case_later(room: Room) -> None:
    running = json.loads((room.directory / "data" / "run.json").read_text())
    credential = of_this_machine(room.directory / "data")
    event = json.loads((Path(__file__).parents[2] / "docs" / "examples" / "eu-registration.json").read_text())
    event["data"]["eu_case_id"] = "AT-2025-7009"
    event["time"] = "2025-10-20T10:00:00+02:00"
    with httpx.Client(base_url=running["http"], trust_env=False, auth=credential) as api:
        receipt = api.post("/v1/messages", content=json.dumps(event), headers=STRUCTURED).json()["receipt"]
        until(lambda: api.get(receipt).status_code == 200, 20)
    row, _ = room.run(FIRST.replace("AT-2025-7001", "AT-2025-7009"))
    assert (row["outcome"], row["note"]) == ("sent", "a registration of the case with a later time counts")


def test_another_pseudonym_key_is_told_before_the_list_is_sent(room: Room, tmp_path: Path) -> None:
    environment = room.environment | {"OVERGANG_PSEUDONYM_KEY_FILE": str(tmp_path / "other.key")}
    file = tmp_path / "list.csv"
    file.write_text("\n".join((HEADER, SECOND.replace("7002", "7010"), "")), encoding="utf-8")
    command = ("import", "eu", str(file), "--as", "/municipality/751")
    ended = room.processes.start("overgang", *command, environment=environment)
    assert ended.wait() == 1
    assert "the pseudonym key here is not the gateway's" in ended.output
