"""The conformance kit against real endpoints, good and bad ones."""

import asyncio
import json
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from connectors.cli.main import run
from connectors.conformance.checklist import Checklist, Outcome
from connectors.conformance.deliveries import Deliveries
from connectors.conformance.endpoint import AT_ONCE, EndpointTrial
from connectors.conformance.kind import Kind, types_received
from connectors.conformance.requirements import endpoint_requirements
from connectors.webhooks.addresses import Addresses
from connectors.webhooks.client import WebhookClient
from schemas.code_lists import shipped
from schemas.identifiers import PartyAddress
from streams.ledger.webhook_secrets import WebhookSecret
from tests.integration.vendor_endpoints import BAD, SECRET, good
from tests.integration.webhook_room import Answer, Got, Receiver, WebhookRoom, receiving, room

__all__ = ["room"]

ROOT = Path(__file__).parents[2]
SCHOOL, AARHUS = PartyAddress("/institution/280051"), PartyAddress("/municipality/751")
VENDORS_MESSAGES = ROOT / "docs" / "examples" / "vendor-institution.jsonl"


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


def test_an_endpoint_that_is_too_slow_fails_that_and_the_rest_is_not_tried(
    slow_trial: "Future[Checklist]",
) -> None:
    checklist = slow_trial.result(30)
    outcomes = {item.id: item.outcome for item in checklist.items if item.id != "endpoint.public"}
    assert outcomes.pop("endpoint.agrees") is Outcome.PASSED
    assert outcomes.pop("endpoint.in-time") is Outcome.FAILED
    assert set(outcomes.values()) == {Outcome.NOT_TRIED}
