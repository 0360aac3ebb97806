"""What the documentation shows is run: each page's blocks in order, against one real `overgang up`.

console  `$ command` lines are run in a shell; the lines below must appear in the output in that order (`...`
         stands for anything, `(exit status 1)` for how it ends).
python   run as a script; a `text` block right below it must appear in its output in the same way.
json     must be JSON, and where it is an event, one that the gateway takes.
sh       not run: `make` targets, `overgang` commands with their options, and compose services must exist.
mermaid, text: pictures.
"""

import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import yaml
from confluent_kafka.admin import AdminClient

from connectors.access.token_keys import own_key
from connectors.access.tokens import issue
from connectors.cli.main import COMMANDS, run
from connectors.inbound_topics import inbound_topics
from connectors.settings import Settings
from schemas.cloudevent import from_structured
from streams.registry import LOCAL
from streams.topic_state import TopicState
from tests.integration.ledger_room import KEY, LISTS, NOW
from tests.processes import Processes
from tests.shell import ROOT, typed

# The order in which a reader meets them; later pages may find what earlier ones have sent.
GUIDES = [
    ROOT / "README.md",
    *(
        ROOT / "docs" / f"{page}.md"
        for page in (
            "institution",
            "municipality",
            "ics",
            "operator",
            "metrics",
            "developer",
            "contracts",
            "files",
            "numbers",
            "rules",
            "rules-in-force",
            "domain",
        )
    ),
]
PAGES = [*GUIDES, *sorted((ROOT / "runbooks").glob("*.md"))]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.json*"))
RULE_EXAMPLES = sorted((ROOT / "docs" / "examples" / "rules").iterdir())
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
ENDED = re.compile(r"^\(exit status ([0-9]+)\)$")
SETTLE_SECONDS = 120


@dataclass(frozen=True)
class Gateway:
    """A running gateway, and what a reader's shell knows of it."""

    environment: Mapping[str, str]
    bootstrap: str
    database_url: str

    def settle(self) -> None:
        """Wait until every message is decided and everything that follows is published."""
        give_up = time.monotonic() + SETTLE_SECONDS
        while not self._settled():
            assert time.monotonic() < give_up, "the gateway is still busy"
            threading.Event().wait(0.05)

    def _settled(self) -> bool:
        partitions = range(Settings.model_fields["inbound_partitions"].default)
        places = [(topic, number) for topic in inbound_topics("") for number in partitions]
        held = TopicState(AdminClient({"bootstrap.servers": self.bootstrap})).ranges(places)
        with psycopg.connect(self.database_url) as connection:
            taken = connection.execute("SELECT coalesce(sum(next), 0) FROM positions").fetchone()
            waiting = connection.execute(
                "SELECT count(*) FROM outbound WHERE published_at IS NULL"
            ).fetchone()
        return taken == (sum(found.end for found in held.values()),) and waiting == (0,)

    def run(self, command: list[str] | str) -> tuple[int, str]:
        """Exit status and output, error output included."""
        return typed(command, self.environment)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("docs")
    data = {"OVERGANG_DATA_DIRECTORY": str(directory / "data")}
    processes = Processes(directory)
    up = processes.start("overgang", "up", environment=data | {"OVERGANG_HTTP_PORT": "0"})
    try:
        up.wait_for_line("ready", 90)
        running = json.loads((directory / "data" / "run.json").read_text())
        ours = {name: value for name, value in os.environ.items() if not name.startswith("OVERGANG_")}
        shell = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "NO_PROXY": "127.0.0.1",
            "GATEWAY": running["http"],
            "WORKER": running["worker"],
            "DELIVER": running["deliver"],
            "KAFKA": running["kafka_bootstrap"],
            "TOKEN": issue(own_key(directory / "data" / "keys" / "token.key"), LOCAL, 3600, time.time()),
        }
        yield Gateway(ours | data | shell, running["kafka_bootstrap"], running["database_url"])
    finally:
        processes.end_all()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_works(
    page: Path, gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Two runs on one machine must not meet in a file that a page names.
    text = page.read_text(encoding="utf-8").replace("/tmp/", f"{tmp_path}/")
    blocks = BLOCK.findall(text)
    for place, (kind, content) in enumerate(blocks):
        below = (
            blocks[place + 1][1] if blocks[place + 1 : place + 2] and blocks[place + 1][0] == "text" else ""
        )
        match kind:
            case "console":
                run_console(content, gateway)
            case "python":
                gateway.settle()
                status, output = gateway.run([sys.executable, "-c", content])
                assert status == 0, output
                assert_shows(output, below, content)
            case "json":
                check_json(content)
            case "sql":
                # Planned, not run: some of it ends connections.
                with psycopg.connect(gateway.database_url) as connection:
                    connection.execute(f"EXPLAIN {content}")
            case "sh":
                for line in content.replace("\\\n", " ").splitlines():
                    check_not_run(line.split("#")[0].strip(), capsys)
            case "mermaid" | "text":
                assert content.strip()
            case _:
                pytest.fail(f"{page.name}: a block of {kind or 'no kind'} is not checked by anything")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_is_what_the_gateway_takes_unless_it_shows_a_fault(example: Path) -> None:
    text = example.read_bytes()
    for event in text.splitlines() if example.suffix == ".jsonl" else [text]:
        if example.stem == "faulty":
            assert json.loads(event)
        else:
            from_structured(event, KEY, LISTS, NOW)


def test_every_example_is_used_by_a_page() -> None:
    told = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [example.name for example in (*EXAMPLES, *RULE_EXAMPLES) if example.name not in told] == []


def test_every_page_is_run_and_every_setting_and_command_is_told() -> None:
    assert set((ROOT / "docs").glob("*.md")) <= set(PAGES)
    operator = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    settings = {f"`OVERGANG_{name.upper()}`" for name in Settings.model_fields}
    assert {name for name in settings if name not in operator} == set()
    told = "".join(page.read_text(encoding="utf-8") for page in GUIDES)
    assert {name for name in COMMANDS if f"overgang {name}" not in told} == set()


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def run_console(content: str, gateway: Gateway) -> None:
    _, *commands = re.split(r"^\$ ", content, flags=re.MULTILINE)
    for command in commands:
        lines = command.splitlines()
        end = next(number for number, line in enumerate(lines) if not line.endswith("\\"))
        told = lines[end + 1 :]
        expected = next((int(ended[1]) for line in told if (ended := ENDED.match(line))), 0)
        gateway.settle()
        status, output = gateway.run("\n".join(lines[: end + 1]))
        assert status == expected, f"$ {command}\n{output}"
        assert_shows(output, "\n".join(line for line in told if not ENDED.match(line)), command)


def assert_shows(output: str, expected: str, source: str) -> None:
    """Every line of the expectation appears in order; spaces and the lines of a table do not matter."""
    said, at = " ".join(output.split()), 0
    for part in re.split(r"\n|\.\.\.", expected):
        wanted = " ".join(part.split())
        found = said.find(wanted, at)
        assert found >= 0, f"{wanted!r} is not in the output of\n{source}\n{output}"
        at = found + len(wanted)


def check_json(content: str) -> None:
    value = json.loads(content)
    if "specversion" in value:
        from_structured(content.encode(), KEY, LISTS, NOW)


def check_not_run(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    program, _, rest = line.partition(" ")
    match program:
        case "":
            return
        case "make":
            targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert rest.split()[0] in targets, line
        case "overgang":
            capsys.readouterr()
            words = [word for word in rest.split() if not word.startswith("-")]
            assert run([*words, "--help"]) == 0, line
            told = capsys.readouterr().out
            for option in re.findall(r"(?<!\S)--[a-z-]+", rest):
                assert option in told, f"{line}: {option}"
        case "docker":
            services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
            named = re.findall(
                r"^compose (?:up|down|build|exec|logs|run --rm)((?: (?:--?)?[a-z0-9-]+)*)$", rest
            )
            assert named, line
            of_compose = [word for word in named[0].split() if not word.startswith("-")]
            assert set(of_compose[:1]) <= services.keys(), line
        case "export":
            assert re.fullmatch(r'[A-Z_]+=(("?)[^ "]*\2|\$\(overgang parties token\))', rest), line
        case _:
            pytest.fail(f"{line}: this is neither run nor checked; use a console block")
