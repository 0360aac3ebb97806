"""Webhooks by HTTP and by command line: registered, seen, rotated, paused, tried, redelivered, audited."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from connectors.access.own_token import OwnToken
from streams.registry import Right, SystemId
from tests.integration.api_server import TOKEN_KEY, served, until
from tests.integration.webhook_room import AARHUS, ODENSE, Answer, Receiver, WebhookRoom, room
from tests.processes import Processes

__all__ = ["room"]
PLACE = f"/v1/webhooks{AARHUS}"


@pytest.fixture
def api(kafka: str, room: WebhookRoom, topic_prefix: str) -> Iterator[httpx.Client]:
    """As the operator of this machine."""
    with served(kafka, room.database_url, topic_prefix) as client:
        yield client


@contextmanager
def of_aarhus(api: httpx.Client) -> Iterator[httpx.Client]:
    """A system that may read for Aarhus, and nothing else."""
    known = {"name": "Aarhus", "valid_from": "2020-01-01"}
    api.put(f"/v1/parties{AARHUS}", json=known).raise_for_status()
    api.put("/v1/systems/case-desk", json={"name": "Case desk"}).raise_for_status()
    grant = {"party": AARHUS, "right": Right.READ}
    api.post("/v1/systems/case-desk/grants", json=grant).raise_for_status()
    auth = OwnToken(TOKEN_KEY, SystemId("case-desk"))
    with httpx.Client(base_url=api.base_url, auth=auth, trust_env=False) as client:
        until(lambda: bool(client.get("/v1/access").json().get("grants")), 5)
        yield client


def test_a_party_registers_its_endpoint_and_sees_what_did_not_arrive(
    api: httpx.Client, room: WebhookRoom
) -> None:
    receiver = room.receiver(Receiver(answer=lambda got: Answer(400 if got.case == "a" else 204)))
    with of_aarhus(api) as desk:
        made = desk.put(PLACE, json={"url": receiver.url}).json()
        assert made["secret"].startswith("whsec_")
        assert (made["webhook"]["state"], made["webhook"]["cursor"]) == ("PENDING", 0)
        again = desk.put(PLACE, json={"url": receiver.url}).json()
        assert again["secret"] is None
        room.write(AARHUS, "a", "b")
        room.clock.catch_up()
        room.turn(AARHUS)
        assert [w["party"] for w in desk.get("/v1/webhooks").json()] == [AARHUS]
        seen = desk.get(PLACE).json()
        assert (seen["state"], seen["cursor"], seen["newest"], seen["failed"]) == ("ACTIVE", 2, 2, 1)
        assert "secret" not in seen
        [failed] = desk.get(f"{PLACE}/failed").json()
        assert (failed["sequence"], failed["state"], failed["last_status"]) == (1, "FAILED", "answered 400")
        assert desk.get(f"{PLACE}/failed", params={"state": "DELIVERED_LATE"}).json() == []
        assert desk.get(f"{PLACE}/failed", params={"after": 1}).json() == []
        receiver.answer = lambda _: Answer()
        assert desk.post(f"{PLACE}/redeliveries", json={"sequence": 1}).json() == {"messages": 1}
        room.clock.catch_up()
        room.turn(AARHUS)
        assert desk.get(f"{PLACE}/failed").json() == []
        assert desk.post(f"{PLACE}/redeliveries", json={}).json() == {"messages": 0}
        for got in receiver.accepted:
            got.verified_by(made["secret"])


def test_a_secret_is_rotated_and_an_endpoint_paused_and_resumed_over_http(
    api: httpx.Client, room: WebhookRoom
) -> None:
    receiver = room.receiver()
    old = api.put(PLACE, json={"url": receiver.url, "after": 0}).json()["secret"]
    new = api.post(f"{PLACE}/secrets", json={}).json()["secret"]
    assert api.put(f"{PLACE}/pause", json={"because": "moves"}).status_code == 204
    room.write(AARHUS, "a")
    room.clock.catch_up()
    room.turn(AARHUS)
    assert (receiver.posts, api.get(PLACE).json()["because"]) == ([], "moves")
    assert api.delete(f"{PLACE}/pause").status_code == 204
    room.clock.catch_up()
    room.turn(AARHUS)
    [got] = receiver.posts
    assert got.verified_by(old) == got.verified_by(new)
    with psycopg.connect(room.database_url) as connection:
        lines = connection.execute(
            "SELECT actor, action, object FROM audit WHERE action LIKE '%webhook' ORDER BY n"
        ).fetchall()
    actions = ["put", "rotate", "pause", "resume", "activate"]
    assert lines == [
        ("deliver" if action == "activate" else "local", f"{action}-webhook", AARHUS) for action in actions
    ]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"url": "http://receiver.example/hook"}, 422, "https"),
        ({"url": "https://10.0.0.1/hook"}, 422, "public internet"),
        ({"url": "https://receiver.example/7405034123"}, 422, "personal number"),
        ({"url": "https://receiver.example/", "other": 1}, 422, "malformed"),
        ({}, 422, "malformed"),
    ],
)
def test_a_registration_that_is_unsafe_or_malformed_is_refused_without_its_url(
    api: httpx.Client, body: dict[str, Any], status: int, said: str
) -> None:
    answer = api.put(PLACE, json=body)
    assert answer.status_code == status
    assert said in answer.text
    assert "7405034123" not in answer.text


def test_what_is_not_there_is_said_so(api: httpx.Client) -> None:
    assert api.get(PLACE).status_code == 404
    for method, place, body in (
        ("post", f"{PLACE}/secrets", {}),
        ("put", f"{PLACE}/pause", {"because": "x"}),
        ("delete", f"{PLACE}/pause", None),
        ("post", f"{PLACE}/redeliveries", {}),
    ):
        answer = api.request(method, place, json=body)
        assert (answer.status_code, "has no webhook" in answer.json()["detail"]) == (422, True)
    assert api.get(f"{PLACE}/failed").json() == []
    assert api.get("/v1/webhooks/gateway/751").status_code == 422


def test_four_secrets_sign_at_most(api: httpx.Client, room: WebhookRoom) -> None:
    api.put(PLACE, json={"url": "https://receiver.example/hook"}).raise_for_status()
    statuses = [api.post(f"{PLACE}/secrets", json={"keep_hours": 1}).status_code for _ in range(4)]
    assert statuses == [201, 201, 201, 422]


@pytest.fixture
def command(room: WebhookRoom, processes: Processes, tmp_path: Path) -> Any:
    key = tmp_path / "wrapping.key"
    key.write_text(bytes(range(32, 64)).hex())
    key.chmod(0o600)
    environment = {"OVERGANG_DATABASE_URL": room.database_url, "OVERGANG_WRAPPING_KEY_FILE": str(key)}

    def run(*words: str, status: int = 0) -> str:
        ended = processes.start("overgang", "webhooks", *words, environment=environment)
        assert ended.wait() == status, ended.output
        return str(ended.output)

    return run


def test_the_command_line_does_the_same(room: WebhookRoom, command: Any) -> None:
    refuses = lambda got: Answer(422 if "sequence" in got.body.decode() else 200)  # noqa: E731
    receiver = room.receiver(Receiver(answer=refuses))
    said = command("add", AARHUS, receiver.url)
    secret = said.split("secret ")[1].strip()
    assert "agrees and answered 200" in command("test", AARHUS)
    [tested] = receiver.posts
    event = tested.verified_by(secret)
    assert (event["type"], event.get("sequence"), event.get("data")) == (
        "dk.overgang.webhook-test.v1",
        None,
        None,
    )
    room.write(AARHUS, "a", "b")
    room.clock.catch_up()
    room.turn(AARHUS)
    assert "2 messages did not arrive" in command("failed")
    assert "answered 422" in command("failed", AARHUS)
    assert "1 messages are tried again" in command("redeliver", AARHUS, "1")
    room.clock.catch_up()
    room.turn(AARHUS)
    assert "2 messages are tried again" in command("redeliver", AARHUS, "--all")
    assert "0 messages did not arrive" in command("failed")
    assert "2 messages did not arrive" in command("failed", "--waiting")
    assert "secret whsec_" in command("rotate", AARHUS)
    assert "is paused" in command("pause", AARHUS, "--because", "a test")
    assert "PAUSED" in command("list")
    assert "is asked whether it agrees" in command("resume", AARHUS)
    assert "PENDING" in command("list")


def test_a_command_that_makes_no_sense_says_the_mend(room: WebhookRoom, command: Any) -> None:
    assert "https" in command("add", AARHUS, "http://receiver.example/", status=1)
    assert "no party's address" in command("add", "/municipality/1", "https://receiver.example/", status=1)
    assert "nothing is sent to /gateway" in command("add", "/gateway", "https://receiver.example/", status=1)
    assert "overgang webhooks add" in command("test", AARHUS, status=1)
    assert "or --all" in command("redeliver", AARHUS, status=2)
    assert "or --all" in command("redeliver", AARHUS, "1", "--all", status=2)


def test_an_endpoint_that_does_not_agree_gets_no_test_event(room: WebhookRoom, command: Any) -> None:
    receiver = room.receiver(Receiver(consents=None))
    command("add", ODENSE, receiver.url)
    assert "WebHook-Allowed-Origin" in command("test", ODENSE, status=1)
    assert (len(receiver.asked), receiver.posts) == (1, [])
