"""The sandbox, as a vendor finds it, and the conformance kit against its gateway."""

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.cli.main import run
from schemas.identifiers import PartyAddress
from tests.integration.api_server import of_this_machine, until
from tests.processes import Processes

ROOT = Path(__file__).parents[2]
SCHOOL, AARHUS = PartyAddress("/institution/280051"), PartyAddress("/municipality/751")
VENDORS_MESSAGES = ROOT / "docs" / "examples" / "vendor-institution.jsonl"


@dataclass
class Sandbox:
    """A running one, and what its user is told."""

    process: Any
    output: str
    data: Path

    @property
    def url(self) -> str:
        return str(json.loads((self.data / "run.json").read_text())["http"])

    def token(self, system: str) -> Path:
        return self.data / "tokens" / f"{system}.token"

    def client(self, system: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token(system).read_text().strip()}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def operator(self) -> httpx.Client:
        credential = of_this_machine(self.data)
        return httpx.Client(base_url=self.url, auth=credential, timeout=30, trust_env=False)

    def judged(self, capture: Any, token: str) -> tuple[int, dict[str, tuple[str, str]]]:
        command = ["conformance", "--party", SCHOOL, "--messages", str(VENDORS_MESSAGES), "--json"]
        status = run([*command, "--gateway", self.url, "--token-file", str(self.token(token))])
        told = json.loads(capture.readouterr().out)
        return status, {item["id"]: (item["outcome"], item["seen"]) for item in told["items"]}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The shipped script, with the waiting left out."""
    directory = tmp_path_factory.mktemp("sandbox")
    text = (files("connectors.sandbox") / "script.toml").read_text()
    quick = text.replace("posts = 3", "posts = 1").replace("retry_after = 3", "retry_after = 1")
    quick = quick.replace("delay_seconds = 4", "delay_seconds = 0.5").replace("after_seconds = 5", "")
    (directory / "script.toml").write_text(quick)
    processes = Processes(directory)
    data = directory / "data"
    environment = {"OVERGANG_DATA_DIRECTORY": str(data), "OVERGANG_HTTP_PORT": "0"}
    process = processes.start("overgang", "sandbox", "--script", "script.toml", environment=environment)
    try:
        process.wait_for_line("ready", 90)
        yield Sandbox(process, process.output, data / "sandbox")
        assert process.stop() == 0
    finally:
        processes.end_all()


def test_the_sandbox_tells_its_address_its_parties_and_where_the_tokens_are(sandbox: Sandbox) -> None:
    assert f"http      {sandbox.url}" in sandbox.output
    for party in ("/municipality/461", "/municipality/851", "/institution/900101", "/institution/900102"):
        assert f"party     {party} " in sandbox.output
    for system in ("your-institution-280051", "your-municipality-751"):
        file = sandbox.token(system)
        assert f"token     {file} " in sandbox.output
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().strip() not in sandbox.output
        with sandbox.client(system) as client:
            assert client.get("/v1/access").json()["system"] == system


def test_a_vendors_messages_pass_at_a_gateway_and_again(
    sandbox: Sandbox, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for _ in range(2):
        status, items = sandbox.judged(capfdbinary, "your-institution-280051")
        assert {id_: found for id_, found in items.items() if found[0] != "passed"} == {}
        assert status == 0
    assert items["gateway.accepted"] == ("passed", "4 messages")
    assert items["gateway.duplicate"][1].startswith("told as repeat ")


def test_who_has_no_grant_is_told_which_and_nothing_counts_as_accepted(
    sandbox: Sandbox, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    status, items = sandbox.judged(capfdbinary, "your-municipality-751")
    assert status == 1
    assert items["gateway.access"][0] == "passed"
    assert items["gateway.grants"] == (
        "failed",
        "not granted: send enrolment, send dropout-risk, send contact-details, read",
    )
    assert items["gateway.accepted"][0] == "failed"
    assert items["gateway.duplicate"][0] == "not tried"


def test_who_sends_twice_is_heard_once(sandbox: Sandbox) -> None:
    events: list[dict[str, Any]] = []
    with sandbox.client("your-municipality-751") as client:

        def came() -> bool:
            after = int(events[-1]["sequence"]) if events else 0
            asked = {"party": AARHUS, "after": after, "wait": 5}
            events.extend(client.get("/v1/mailbox", params=asked).raise_for_status().json())
            told = {(e["source"], e["type"]) for e in events}
            kinds = {e["data"].get("kind") for e in events}
            return ("/institution/900101", "dk.overgang.dropout-risk.v1") in told and {
                "CONTACT_YOUNG_PERSON",
                "SEND_U009",
            } <= kinds

        until(came, 60)
    ids = [(e["source"], e["id"]) for e in events]
    assert len(ids) == len(set(ids))
    assert "/institution/900101 enrolment: answered 202 and answered 202" in sandbox.process.output


def test_a_mailbox_passes_once_all_that_came_is_acknowledged(
    sandbox: Sandbox, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    token = sandbox.token("your-institution-280051")
    command = ["conformance", "--party", SCHOOL, "--gateway", sandbox.url, "--token-file", str(token)]

    def seen(party: PartyAddress = SCHOOL) -> tuple[int, str]:
        status = run([*command, "--party", party, "--mailbox", "--json"])
        [_, item] = json.loads(capfdbinary.readouterr().out)["items"]
        return status, item["seen"]

    with sandbox.client("your-institution-280051") as client:
        # /municipality/657 sends a contact person, once a minute.
        client.get("/v1/mailbox", params={"wait": 30}).raise_for_status()
        until(lambda: len(client.get("/v1/mailbox", params={"after": 0}).json()) >= 2, 30)
        status, told = seen()
        assert (status, told.endswith(" not acknowledged")) == (1, True)

        def passes_once_acknowledged() -> bool:
            last = client.get("/v1/mailbox", params={"after": 0}).json()[-1]
            given = {"party": SCHOOL, "sequence": int(last["sequence"])}
            client.post("/v1/mailbox/acknowledge", json=given).raise_for_status()
            return seen() == (0, "0 not acknowledged")

        # The next message may come between the two.
        until(passes_once_acknowledged, 30)
    assert seen(AARHUS) == (1, "answered 403")


def test_faults_are_refused_and_told(sandbox: Sandbox) -> None:
    line = sandbox.process.wait_for_line("(enrollment_id is no field)")
    assert line == "/institution/900102 enrolment: answered 422 (enrollment_id is no field)"


def test_webhooks_are_slow_fail_and_recover_and_refuse_as_scripted(sandbox: Sandbox) -> None:
    found: dict[str, dict[str, Any]] = {}

    def settled() -> bool:
        with sandbox.operator() as client:
            found.update({w["party"]: w for w in client.get("/v1/webhooks").json()})
        slow, recovered, refusing = (found[f"/municipality/{code}"] for code in (461, 851, 615))
        return (
            slow["cursor"] >= 2
            and recovered["cursor"] >= 2
            and recovered["waiting"] == 0
            and refusing["failed"] >= 2
        )

    until(settled, 60)
    assert found["/municipality/851"]["failed"] == 0
    assert found["/municipality/461"]["failed"] == 0
