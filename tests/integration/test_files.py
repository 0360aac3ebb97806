"""`overgang files` beside a running gateway: files dropped, sent once, answered line by line."""

import csv
import json
import os
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from streams.ledger.answers import ShownState
from tests.integration.api_server import until
from tests.processes import Processes, Running

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SCHOOL = "/institution/280051"
ENROLMENT = (
    "Tidspunkt;CPR;Bopælskommune;Indskrivningsnummer;Hændelse;Uddannelseskode;Uddannelsestype;Efternavn"
)
ADMITTED = "2025-08-11T09:00:00+02:00;740503-4123;751;E-77;optaget;1850;erhvervskompetence;Åkjær"
LOOK_SECONDS = "0.1"


class Drop:
    """A gateway, a school's folder, and watchers."""

    def __init__(self, processes: Processes, directory: Path) -> None:
        self.processes, self.directory = processes, directory / "drop"
        self.environment = {
            "OVERGANG_DATA_DIRECTORY": str(directory / "data"),
            "OVERGANG_HTTP_PORT": "0",
        }
        ended = self._overgang("files", str(self.directory), "--make", SCHOOL)
        assert ended.wait() == 0, ended.output
        self.folder = self.directory / "institution-280051"

    def up(self) -> Running:
        up = self._overgang("up")
        up.wait_for_line("ready", 90)
        return up

    def watch(self, *options: str) -> Running:
        return self._overgang("files", str(self.directory), "--seconds", LOOK_SECONDS, *options)

    def put(self, name: str, content: bytes) -> None:
        """As an SFTP client does: under another name first."""
        part = self.folder / "in" / f"{name}.part"
        part.write_bytes(content)
        part.rename(self.folder / "in" / name)

    def answer(self, name: str) -> list[dict[str, str]]:
        """The lines of a result, once it is there."""
        result = self.folder / "results" / f"{name}.result.csv"
        until(result.exists, 60)
        with result.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file, delimiter=";"))

    def tasks(self) -> list[str]:
        states = [option for state in ShownState for option in ("--state", state)]
        ended = self._overgang("tasks", *states, "--json")
        assert ended.wait() == 0, ended.output
        return sorted(task["kind"] for task in json.loads(ended.output))

    def outcome(self, message_id: str) -> str:
        ended = self._overgang("message", SCHOOL, message_id, "--json")
        return str(json.loads(ended.output)["outcome"]) if ended.wait() == 0 else ""

    def accepted(self) -> set[str]:
        """Ids of all messages that the gateway has accepted."""
        running = json.loads((self.directory.parent / "data" / "run.json").read_text())
        with psycopg.connect(running["database_url"]) as connection:
            return {str(row[0]) for row in connection.execute("SELECT id FROM inbox")}

    def in_hand(self) -> list[str]:
        return os.listdir(self.folder / "work")

    def _overgang(self, *command: str) -> Running:
        return self.processes.start("overgang", *command, environment=self.environment)


@pytest.fixture
def drop(processes: Processes, tmp_path: Path) -> Drop:
    return Drop(processes, tmp_path)


def event(**changes: Any) -> bytes:
    example = json.loads((EXAMPLES / "dropout-notice.json").read_text())
    return json.dumps({**example, **changes}).encode() + b"\n"


def of_another_student(number: int) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(event(id=f"5f0c9d0a-30f4-4c53-9a4e-{number:012x}"))
    citizen = {"foreign_id": {"country": "SE", "number": f"S{number}"}, "residence_municipality": "751"}
    return {**message, "data": {**message["data"], "citizen": citizen, "enrolment_id": f"E-{number}"}}


def test_files_become_tasks_and_every_line_is_answered(drop: Drop) -> None:
    drop.up()
    watcher = drop.watch()
    drop.put("enrolment-1.csv", f"{ENROLMENT}\r\n{ADMITTED}\r\n{ADMITTED[:-1]};x;y\r\n".encode("cp1252"))
    drop.put("notices.jsonl", event() + b"\n" + event(source="/institution/101582") + b"no JSON\n")
    (drop.folder / "in" / "link.jsonl").symlink_to("/etc/hostname")
    (drop.directory / "school").mkdir()

    admitted, broken = drop.answer("enrolment-1.csv")
    assert (admitted["line"], admitted["result"], admitted["problem"]) == ("2", "ACCEPTED", "")
    assert (broken["line"], broken["result"], broken["field"]) == ("3", "REFUSED", "row")
    notice, other, garbled = drop.answer("notices.jsonl")
    assert [line["line"] for line in (notice, other, garbled)] == ["1", "3", "4"]
    assert [line["result"] for line in (notice, other, garbled)] == ["ACCEPTED", "REFUSED", "REFUSED"]
    assert (other["field"], other["problem"]) == ("source", "is not the party of this folder")
    assert SCHOOL in other["mend"]
    assert "is not JSON" in garbled["problem"]
    until(lambda: drop.tasks() == ["CONTACT_YOUNG_PERSON", "GUIDE_MENTOR_RIGHT", "SEND_CONTACT"], 30)
    assert drop.outcome(admitted["id"]) == "ACCEPTED"
    until(lambda: sorted(os.listdir(drop.folder / "done")) == ["enrolment-1.csv", "notices.jsonl"], 10)
    assert drop.in_hand() == []

    drop.put("enrolment-2.csv", f"{ENROLMENT}\n{ADMITTED}\n".encode())
    [again] = drop.answer("enrolment-2.csv")
    assert again == {**admitted, "line": "2"}
    assert watcher.stop() == 0
    assert watcher.output.count("folder_unknown") == 1
    assert watcher.output.count("file_refused") == 1
    assert (drop.folder / "in" / "link.jsonl").is_symlink()
    assert "740503" not in watcher.output


def test_a_file_that_is_still_written_is_left_alone_until_it_is_whole(drop: Drop) -> None:
    drop.up()
    inbox, whole = drop.folder / "in", event()
    (inbox / "named.jsonl.part").write_bytes(whole[:200])
    (inbox / ".hidden.jsonl").write_bytes(whole[:200])
    growing = (inbox / "growing.jsonl").open("ab", buffering=0)
    drop.watch()
    # Other files come and go meanwhile, each of them two looks; this one is written to all the time.
    for number in range(3):
        drop.put(f"other-{number}.jsonl", whole)
        result = drop.folder / "results" / f"other-{number}.jsonl.result.csv"

        def written_to(result: Path = result) -> bool:
            growing.write(b" ")
            return result.exists()

        until(written_to, 30)
        assert (inbox / "growing.jsonl").exists()
    growing.write(whole)
    growing.close()
    (inbox / "named.jsonl.part").write_bytes(whole)
    (inbox / "named.jsonl.part").rename(inbox / "named.jsonl")
    assert [line["result"] for line in drop.answer("growing.jsonl")] == ["ACCEPTED"]
    assert [line["result"] for line in drop.answer("named.jsonl")] == ["ACCEPTED"]
    assert (inbox / ".hidden.jsonl").exists()


def test_a_watcher_killed_in_the_middle_loses_nothing_and_tells_every_line_once(drop: Drop) -> None:
    drop.up()
    sent = [of_another_student(number) for number in range(5000)]
    drop.put("many.jsonl", b"".join(json.dumps(one).encode() + b"\n" for one in sent))
    watcher = drop.watch()

    def begun() -> bool:
        drafts = list((drop.folder / "work").glob(".*.result"))
        return any(draft.stat().st_size > 0 for draft in drafts)

    until(begun, 60)
    watcher.kill()
    assert not (drop.folder / "results" / "many.jsonl.result.csv").exists()
    assert [name for name in drop.in_hand() if not name.startswith(".")] != []

    two = [drop.watch(), drop.watch()]
    lines = drop.answer("many.jsonl")
    assert [(line["line"], line["id"], line["result"]) for line in lines] == [
        (str(number), one["id"], "ACCEPTED") for number, one in enumerate(sent, 1)
    ]
    until(lambda: drop.accepted() == {one["id"] for one in sent}, 60)
    until(lambda: drop.in_hand() == [], 10)
    assert [one.stop() for one in two] == [0, 0]
    assert sum(one.output.count("file_answered") for one in two) == 1


def test_without_a_gateway_a_file_waits_and_nothing_is_told(drop: Drop) -> None:
    drop.put("notices.jsonl", event())
    watcher = drop.watch()
    watcher.wait_for_line("file_waits")
    assert os.listdir(drop.folder / "results") == []
    assert len([name for name in drop.in_hand() if not name.startswith(".")]) == 1
    drop.up()
    [line] = drop.answer("notices.jsonl")
    assert line["result"] == "ACCEPTED"
    watcher.process.send_signal(signal.SIGINT)
    assert watcher.wait() == 0


def test_what_is_no_such_file_is_told_so(drop: Drop) -> None:
    files = {
        "enrolment-1.csv": (b"PK\x03\x04\x14\x00", "is a workbook or another archive"),
        "enrolment-2.csv": (bytes(range(256)), "holds bytes that no text has"),
        "enrolment-3.csv": (b"", "is empty"),
        "list.csv": (b"cpr\n", "does not begin with its flow"),
        "enrolment-4.csv": (b"navn;alder\n", "names no known column"),
        "a.jsonl": (b"PK\x03\x04\x14\x00", "is a workbook or another archive"),
        "b.jsonl": (b"", "is empty"),
    }
    drop.environment["OVERGANG_HTTP_PORT"] = "8080"  # nothing of it is sent, so nobody has to answer
    for name, (content, _) in files.items():
        drop.put(name, content)
    watcher = drop.watch("--once")
    assert watcher.wait() == 0, watcher.output
    for name, (_, said) in files.items():
        [line] = drop.answer(name)
        assert (line["line"], line["result"], line["field"]) == ("", "REFUSED", "file"), name
        assert said in line["problem"], name
        assert line["mend"], name
