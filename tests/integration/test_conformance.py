"""The conformance kit against real endpoints, good and bad ones, and against the sandbox's gateway."""

import asyncio
import json
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.cli.main import run
from connectors.conformance.checklist import Checklist, Outcome
from connectors.conformance.deliveries import Deliveries
from connectors.conformance.endpoint import AT_ONCE, EndpointTrial
from connectors.conformance.kind import Kind, types_received
from connectors.conformance.requirements import endpoint_requirements, takes
from connectors.webhooks.addresses import Addresses
from connectors.webhooks.client import WebhookClient
from schemas.code_lists import shipped
from schemas.identifiers import PartyAddress
from streams.ledger.webhook_secrets import WebhookSecret, new_secret
from tests.integration.api_server import of_this_machine, until
from tests.integration.webhook_room import Answer, Got, Receiver, WebhookRoom, receiving, room
from tests.processes import Processes

__all__ = ["room"]

ROOT = Path(__file__).parents[2]
SECRET = new_secret()
SCHOOL, AARHUS = PartyAddress("/institution/280051"), PartyAddress("/municipality/751")
VENDORS_MESSAGES = ROOT / "docs" / "examples" / "vendor-institution.jsonl"
FORGERIES = {
    "endpoint.wrong-signature",
    "endpoint.changed-body",
    "endpoint.unsigned",
    "endpoint.old-timestamp",
    "endpoint.future-timestamp",
}
Behaviour = Callable[[Got], int | None]
"""Status of an answer to a well-signed message; None: as a good endpoint."""


def good(got: Got) -> Answer:
    """What a vendor's endpoint does, by the published library."""
    try:
        Webhook(SECRET.text).verify(got.body, dict(got.headers))
    except WebhookVerificationError:
        return Answer(401)
    return Answer(204)


def but(behaviour: Behaviour) -> Receiver:
    """A good endpoint in everything else."""

    def answer(got: Got) -> Answer:
        said = good(got)
        status = behaviour(got) if said.status == 204 else None
        return Answer(status) if status else said

    return Receiver(answer=answer)


def data_of(got: Got) -> dict[str, Any]:
    return dict(json.loads(got.body).get("data", {}))


def without_time(got: Got) -> Answer:
    headers = got.headers
    if "webhook-id" not in headers:
        return Answer(401)
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    own = Webhook(SECRET.text).sign(headers["webhook-id"], at, got.body.decode())
    return Answer(204 if own in headers["webhook-signature"].split() else 401)


def after_parsing(got: Got) -> Answer:
    try:
        body = orjson.dumps(orjson.loads(got.body))
        Webhook(SECRET.text).verify(body, dict(got.headers))
    except WebhookVerificationError:
        return Answer(401)
    return Answer(204)


def first_signature_only(got: Got) -> Answer:
    headers = dict(got.headers)
    if "webhook-signature" in headers:
        headers["webhook-signature"] = headers["webhook-signature"].split()[0]
    try:
        Webhook(SECRET.text).verify(got.body, headers)
    except WebhookVerificationError:
        return Answer(401)
    return Answer(204)


class Remembering:
    """Endpoints that know what came before."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.revisions: dict[str, int] = {}
        self.highest = 0
        self.busy = threading.Lock()
        self.met = threading.Event()
        self.gap_seen = False

    def fails_on_a_repeat(self, got: Got) -> int | None:
        known = got.headers["webhook-id"] in self.ids
        self.ids.add(got.headers["webhook-id"])
        return 500 if known else None

    def wants_the_next_revision(self, got: Got) -> int | None:
        data = data_of(got)
        if "revision" not in data:
            return None
        before = self.revisions.get(data["task_id"], 0)
        self.revisions[data["task_id"]] = max(before, data["revision"])
        return 409 if data["revision"] < before else None

    def wants_the_next_number(self, got: Got) -> int | None:
        if "sequence" not in json.loads(got.body) or self.gap_seen:
            return None
        self.gap_seen = got.sequence > self.highest + 1
        self.highest = max(self.highest, got.sequence)
        return 503 if self.gap_seen else None

    def serves_one_at_a_time(self, got: Got) -> int | None:
        if "sequence" not in json.loads(got.body):
            return None
        of_the_four = self.gap_seen
        self.gap_seen = self.gap_seen or got.sequence > self.highest + 1
        self.highest = max(self.highest, got.sequence)
        if not self.busy.acquire(blocking=False):
            self.met.set()
            return 429
        try:
            # After the gap the four come: the first of them holds on until another is there, too.
            if of_the_four:
                self.met.wait(5)
        finally:
            self.busy.release()
        return None


KNOWN_ATTRIBUTES = {"specversion", "id", "source", "type", "time", "sequence", "subject", "datacontenttype"}


def closed_attributes(got: Got) -> int | None:
    return 400 if json.loads(got.body).keys() - KNOWN_ATTRIBUTES - {"data"} else None


BAD = {
    "does not agree": (lambda: Receiver(answer=good, consents=None), {"endpoint.agrees"}),
    "knows another secret": (lambda: Receiver(answer=lambda _: Answer(401)), {"endpoint.signed"}),
    "redirects": (lambda: Receiver(answer=lambda _: Answer(302)), {"endpoint.signed"}),
    "takes whatever comes": (lambda: Receiver(), FORGERIES),
    "fails on what is forged": (
        lambda: Receiver(answer=lambda got: Answer(500 if good(got).status == 401 else 204)),
        FORGERIES,
    ),
    "does not look at the time": (
        lambda: Receiver(answer=without_time),
        {"endpoint.old-timestamp", "endpoint.future-timestamp"},
    ),
    "verifies what its parser made of it": (lambda: Receiver(answer=after_parsing), {"endpoint.raw-body"}),
    "looks at one signature": (lambda: Receiver(answer=first_signature_only), {"endpoint.two-signatures"}),
    "fails on a repeat": (lambda: but(Remembering().fails_on_a_repeat), {"endpoint.repeat"}),
    "knows no receipts": (
        lambda: but(lambda got: 422 if "dk.overgang.receipt.v1" in got.body.decode() else None),
        {takes("dk.overgang.receipt.v1")},
    ),
    "refuses unknown attributes": (lambda: but(closed_attributes), {"endpoint.unknown-attribute"}),
    "refuses unknown fields": (
        lambda: but(lambda got: 400 if "added_later" in data_of(got) else None),
        {"endpoint.unknown-field"},
    ),
    "has a closed list of kinds": (
        lambda: but(lambda got: 400 if "LATER" in data_of(got).get("kind", "") else None),
        {"endpoint.unknown-code"},
    ),
    "cannot take a task away": (
        lambda: but(lambda got: 500 if data_of(got).get("state") == "WITHDRAWN" else None),
        {"endpoint.revisions"},
    ),
    "wants revisions in order": (
        lambda: but(Remembering().wants_the_next_revision),
        {"endpoint.older-revision"},
    ),
    "waits for every number": (lambda: but(Remembering().wants_the_next_number), {"endpoint.gap"}),
    "serves one at a time": (
        lambda: but(Remembering().serves_one_at_a_time),
        {"endpoint.four-at-once"},
    ),
    "takes short bodies only": (
        lambda: but(lambda got: 413 if len(got.body) > 20_000 else None),
        {"endpoint.large"},
    ),
}


def tried(url: str, kind: Kind = Kind.INSTITUTION, party: PartyAddress = SCHOOL) -> Checklist:
    checklist = Checklist(endpoint_requirements(kind))

    async def trial() -> None:
        addresses = Addresses(loopback=True)
        client = WebhookClient(
            addresses, "gateway.example", connections=AT_ONCE, now=lambda: datetime.now(UTC)
        )
        made = Deliveries(party, kind, shipped(), datetime.now(UTC))
        await EndpointTrial(client, url, WebhookSecret(SECRET.text), kind, made, checklist).run()
        await client.close()
        addresses.close()

    asyncio.run(trial())
    return checklist


def failed(checklist: Checklist) -> set[str]:
    """Beside the advice to use https, which nothing on this machine follows."""
    found = {item.id for item in checklist.items if item.outcome is Outcome.FAILED}
    return found - {"endpoint.public"}


@pytest.fixture(scope="module", autouse=True)
def slow_trial() -> Iterator["Future[Checklist]"]:
    """Takes its ten seconds while the other tests run."""
    over = threading.Event()

    def late(_: Got) -> Answer:
        over.wait(14)
        return Answer(204)

    with receiving(Receiver(answer=late)) as receiver, ThreadPoolExecutor(1) as pool:
        yield pool.submit(tried, receiver.url)
        over.set()


def test_a_good_endpoint_passes_and_has_seen_every_type(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET.text)
    record = tmp_path / "record.md"
    with receiving(Receiver(answer=good)) as receiver:
        command = ["conformance", "--party", AARHUS, "--url", receiver.url, "--secret-file", str(secret)]
        assert run([*command, "--json", "--out", str(record)]) == 0
    told = json.loads(capfdbinary.readouterr().out)
    assert told["passed"] is True
    assert [item["id"] for item in told["items"] if item["outcome"] != "passed"] == ["endpoint.public"]
    seen = {json.loads(got.body)["type"] for got in receiver.accepted}
    assert seen == {*types_received(Kind.ICS), "dk.overgang.webhook-test.v1"}
    assert {got.headers["webhook-request-origin"] for got in receiver.asked} == {"overgang.localhost"}
    written = record.read_text()
    assert "passed" in written
    assert "7405034123" not in written
    assert SECRET.text not in written


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_endpoint_fails_what_it_does_wrong_and_nothing_else(fault: str) -> None:
    made, items = BAD[fault]
    with receiving(made()) as receiver:
        checklist = tried(receiver.url)
    assert failed(checklist) == items
    assert not checklist.complete


def test_nothing_is_posted_to_an_endpoint_that_does_not_agree() -> None:
    with receiving(Receiver(answer=good, consents="somebody.example")) as receiver:
        checklist = tried(receiver.url)
    assert (len(receiver.asked), receiver.posts) == (1, [])
    assert {item.outcome for item in checklist.items} == {Outcome.FAILED, Outcome.NOT_TRIED}


def test_an_endpoint_that_is_not_there_is_told_in_one_item() -> None:
    with receiving() as receiver:
        url = receiver.url
    assert failed(tried(url)) == {"endpoint.agrees"}


def test_a_secret_is_made_where_there_is_none_and_nothing_is_posted_yet(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    secret = tmp_path / "secret"
    with receiving() as receiver:
        command = ["conformance", "--party", SCHOOL, "--url", receiver.url, "--secret-file", str(secret)]
        assert run(command) == 1
        assert receiver.asked == []
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert secret.read_text().strip() not in capfdbinary.readouterr().err.decode()
    Webhook(secret.read_text().strip())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--url"),
        (["--gateway", "http://127.0.0.1:1"], "--messages"),
        (["--mailbox"], "--gateway"),
        (["--messages", str(VENDORS_MESSAGES), "--flow", "mentor"], "municipality"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(
    arguments: list[str], told: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(["conformance", "--party", SCHOOL, *arguments]) == 2
    assert told in capfdbinary.readouterr().err.decode()


def test_a_csv_file_is_judged_by_its_own_flow(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    file = str(ROOT / "docs" / "examples" / "enrolment-2025.csv")
    assert run(["conformance", "--party", SCHOOL, "--messages", file, "--json"]) == 1
    told = json.loads(capfdbinary.readouterr().out)
    mandatory = {item["id"]: item["outcome"] for item in told["items"] if item["mandatory"]}
    assert mandatory == {
        "messages.valid": "failed",
        "messages.own": "passed",
        "messages.flow-enrolment": "passed",
        "messages.ids": "passed",
    }


def test_what_the_kit_posts_looks_like_what_the_deliverer_posts(room: WebhookRoom) -> None:
    theirs = room.receiver()
    room.add(AARHUS, theirs)
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    with receiving(Receiver(answer=good)) as ours:
        tried(ours.url, Kind.ICS, AARHUS)
    notice = "dk.overgang.dropout-risk.v1"
    [real] = theirs.accepted
    [made] = [got for got in ours.accepted if json.loads(got.body)["type"] == notice]
    assert made.headers.keys() == real.headers.keys()
    assert made.headers["content-type"] == real.headers["content-type"]
    assert json.loads(made.body).keys() == json.loads(real.body).keys()
    assert json.loads(real.body)["type"] == notice


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


def test_an_endpoint_that_is_too_slow_fails_that_and_the_rest_is_not_tried(
    slow_trial: "Future[Checklist]",
) -> None:
    checklist = slow_trial.result(30)
    outcomes = {item.id: item.outcome for item in checklist.items if item.id != "endpoint.public"}
    assert outcomes.pop("endpoint.agrees") is Outcome.PASSED
    assert outcomes.pop("endpoint.in-time") is Outcome.FAILED
    assert set(outcomes.values()) == {Outcome.NOT_TRIED}
