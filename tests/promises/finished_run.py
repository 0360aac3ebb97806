"""A run of the real gateway with a small population, good and bad input through every door.

The messages come as a file through `overgang send`, some in a party's folder, a few by direct writers on the
topics; what a sender may not send is tried on the API. One municipality's messages are posted to its webhook
and read from its mailbox. The worker takes nothing unsealed, so the direct writers seal what they write.
The logs, numbers and traces are those of the processes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from confluent_kafka import Producer

from connectors.simulation import simulate
from schemas.cloudevent import from_structured, to_kafka
from schemas.seal import Stamp, covered, seal
from streams.ledger.registry_changes import seed_local
from streams.registry import LOCAL
from streams.seal_keys import SealKeys
from tests.integration.api_server import STRUCTURED, of_this_machine, until
from tests.integration.collector import Collector
from tests.integration.ledger_room import LISTS
from tests.integration.stream_room import StreamRoom
from tests.integration.test_worker_health import free_port
from tests.integration.webhook_room import Got, receiving
from tests.processes import Processes

PEOPLE, WEEKS, SEED = 120, 2, 11
PARTITIONS = 2
SENDERS = ("/institution/280051", "/municipality/751", "/gateway")
SCHOOL, MUNICIPALITY, _ = SENDERS
WRONG_CPR = "910203123"
"""Nine digits."""
Event = dict[str, Any]


@dataclass
class FinishedRun:
    """`sent` are the good messages with their repeats, `refused` are not taken by the API. `unreadable`
    counts inputs on topics that had to be quarantined. `statuses`: a flow from each kind of party.
    """

    room: StreamRoom
    sent: list[Event] = field(default_factory=list)
    refused: list[Event] = field(default_factory=list)
    unreadable: int = 0
    statuses: dict[tuple[str, str], int] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    posts: list[Got] = field(default_factory=list)
    traces: Collector = field(default_factory=Collector)

    @property
    def flows(self) -> set[str]:
        return {flow_of(event) for event in self.sent}


def flow_of(event: Event) -> str:
    return str(event["type"]).split(".")[2]


def population() -> Iterator[Event]:
    """What the simulated parties send, a retraction and a merge, and a repeat of every seventh."""
    start = datetime.now(UTC).date() - timedelta(days=7 * WEEKS)
    events = list(simulate(PEOPLE, WEEKS, SEED, start))
    yield from events
    notice = next(event for event in events if flow_of(event) == "dropout-risk")
    now = datetime.now(UTC).isoformat()
    correction = {"specversion": "1.0", "type": "dk.overgang.correction.v1", "time": now}
    retraction = {"retracts": notice["id"], "reason": "Sendt ved en fejl (syntetisk)."}
    yield correction | {"id": str(uuid4()), "source": notice["source"], "data": retraction}
    citizen = {"cpr": notice["data"]["citizen"]["cpr"]}
    same = {"citizen": {"cpr": "6105034321"}, "into": citizen}
    merge = {"merges": same, "reason": "Samme borger (syntetisk)."}
    yield correction | {"id": str(uuid4()), "source": "/municipality/751", "data": merge}
    yield from events[::7]


def finished_run(room: StreamRoom, processes: Processes) -> FinishedRun:
    """Runs it all and returns when everything has its outcome and is out, and the processes are gone."""
    run = FinishedRun(room)
    ports = {"worker": free_port(), "api": free_port(), "deliver": free_port()}
    environment = {
        "OVERGANG_KAFKA_BOOTSTRAP": room.bootstrap,
        "OVERGANG_DATABASE_URL": room.database_url,
        "OVERGANG_DATA_DIRECTORY": str(room.directory),
        "OVERGANG_PSEUDONYM_KEY_FILE": str(room.directory / "pseudonym.key"),
        "OVERGANG_WRAPPING_KEY_FILE": str(room.directory / "wrapping.key"),
        "OVERGANG_REQUIRE_SEAL": "true",
        "OVERGANG_TOPIC_PREFIX": room.prefix,
        "OVERGANG_INBOUND_PARTITIONS": str(PARTITIONS),
        "OVERGANG_HTTP_PORT": str(ports["api"]),
        "OVERGANG_WORKER_PORT": str(ports["worker"]),
        "OVERGANG_DELIVER_PORT": str(ports["deliver"]),
    }
    with run.traces.listening():
        _run(run, processes, ports, environment | {"OVERGANG_TRACES_ENDPOINT": run.traces.url})
    return run


def _run(run: FinishedRun, processes: Processes, ports: dict[str, int], environment: dict[str, str]) -> None:
    room = run.room
    seed_local(room.database_url)
    running = {name: processes.start("overgang", name, environment=environment) for name in ports}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    with httpx.Client(timeout=10, trust_env=False, auth=of_this_machine(room.directory)) as client:
        for url in urls.values():
            until(lambda url=url: _answers(client, f"{url}/health/ready"), 40)  # type: ignore[misc]
        run.sent = list(population())
        run.refused = [_spoiled(event) for event in run.sent[:20]]
        file = room.directory / "population.jsonl"
        file.write_text("".join(f"{json.dumps(e)}\n" for e in run.sent + run.refused), encoding="utf-8")
        sender = processes.start("overgang", "send", str(file), "--url", urls["api"], environment=environment)
        assert sender.wait(60) == 1, sender.output
        for flow in sorted(run.flows):
            _try_every_sender(run, client, urls["api"], next(e for e in run.sent if flow_of(e) == flow))
        _write_directly(run)
        run.outputs["files"] = _put_into_folder(run, processes, environment, urls["api"])
        until(lambda: _all_done(run), 60)
        run.posts = _deliver(run, client, urls["api"])
        run.numbers = {name: client.get(f"{url}/metrics").text for name, url in urls.items()}
    for name, process in running.items():
        assert process.stop(20) == 0, process.output
        run.outputs[name] = process.output
    run.outputs["send"] = sender.output


def _put_into_folder(run: FinishedRun, processes: Processes, environment: dict[str, str], api: str) -> str:
    """What the school sends, good and bad, once more as a file; its repeats are accepted, too."""
    drop = run.room.directory / "drop"
    assert (
        processes.start("overgang", "files", str(drop), "--make", SCHOOL, environment=environment).wait() == 0
    )
    [incoming] = drop.glob("*/in")
    ours = [event for event in run.sent if event["source"] == SCHOOL][:20]
    lines = ours + [event for event in run.refused if event["source"] == SCHOOL]
    (incoming / "autumn.jsonl").write_text("".join(f"{json.dumps(e)}\n" for e in lines), encoding="utf-8")
    command = ("overgang", "files", str(drop), "--once", "--seconds", "0.2", "--url", api)
    watcher = processes.start(*command, environment=environment)
    assert watcher.wait(60) == 0, watcher.output
    run.sent += ours
    return watcher.output


def _deliver(run: FinishedRun, client: httpx.Client, api: str) -> list[Got]:
    """Everything for one municipality, from its mailbox and by its webhook."""
    [[count]] = run.room.rows("SELECT count(*) FROM outbound WHERE recipient = %s", MUNICIPALITY)
    assert count > 10
    held = client.get(f"{api}/v1/mailbox", params={"party": MUNICIPALITY}).raise_for_status()
    assert len(held.json()) == min(count, 500)
    with receiving() as receiver:
        place = f"{api}/v1/webhooks{MUNICIPALITY}"
        client.put(place, json={"url": receiver.url, "after": 0}).raise_for_status()
        until(lambda: len(receiver.accepted) >= count, 60)
    return receiver.asked + receiver.posts


def outcomes(room: StreamRoom) -> int:
    """Inputs that are recorded as accepted, as a repeat, or in quarantine."""
    [(count,)] = room.rows(
        "SELECT (SELECT count(*) + coalesce(sum(duplicates), 0) FROM inbox)"
        " + (SELECT count(*) FROM quarantine)"
    )
    return int(count)


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.ConnectError:
        return False


def _spoiled(event: Event) -> Event:
    """With a wrong CPR beside the right name: a refusal must repeat neither."""
    citizen = {**event["data"]["citizen"], "cpr": WRONG_CPR}
    return event | {"id": str(uuid4()), "data": {**event["data"], "citizen": citizen}}


def _try_every_sender(run: FinishedRun, client: httpx.Client, api: str, event: Event) -> None:
    """The flow's message from each kind of party, but its own: that one has been accepted."""
    for source in SENDERS:
        if source.split("/")[1] != event["source"].split("/")[1]:
            copy = event | {"id": str(uuid4()), "source": source}
            answer = client.post(f"{api}/v1/messages", json=copy, headers=STRUCTURED)
            run.statuses[flow_of(event), source] = answer.status_code
            if answer.status_code == 202:
                run.sent.append(copy)
        else:
            run.statuses[flow_of(event), source] = 202


def _write_directly(run: FinishedRun) -> None:
    """Inputs for the quarantine that hold what must not leave it: in values, in attributes, in an id."""
    producer = Producer({"bootstrap.servers": run.room.bootstrap})
    stamp = Stamp(LOCAL, int(datetime.now(UTC).timestamp() * 1000))
    sealing = SealKeys(run.room.directory / "keys" / "seal.keys").sealing()
    for event in [e for e in run.sent if e["data"].get("citizen", {}).get("cpr")][:30]:
        traced = event | {"traceparent": f"00-{uuid4().hex}-{uuid4().hex[:16]}-01"}
        message = from_structured(json.dumps(traced).encode(), run.room.key, LISTS, datetime.now(UTC))
        key, headers, value = to_kafka(message)
        cpr = event["data"]["citizen"]["cpr"].encode()
        topic = run.room.topic(flow_of(event))
        attributes = [(name, text) for name, text in headers if name != "ce_id"]
        for bad_headers, bad_value in (
            (headers, json.dumps(event["data"]).encode()),
            ([*attributes, ("ce_id", cpr)], value),
            ([*headers, ("ce_citizen", cpr)], value),
        ):
            proof = seal(sealing, covered(topic, bad_headers, bad_value), stamp)
            producer.produce(topic, key=key, headers=[*bad_headers, proof], value=bad_value)
            run.unreadable += 1
    assert producer.flush(20) == 0


def _all_done(run: FinishedRun) -> bool:
    return outcomes(run.room) >= len(run.sent) + run.unreadable and run.room.rows(
        "SELECT NOT EXISTS (SELECT FROM outbound WHERE published_at IS NULL)"
    ) == [(True,)]


def secrets(run: FinishedRun) -> set[str]:
    """Every identifier, name, birth date, address and free text of the people in the input."""
    found: set[str] = {WRONG_CPR}
    for event in run.sent + run.refused:
        _collect(event["data"], found)
    return found


_IDENTITY = {"cpr", "family_name", "forename", "birth_date", "number"}
_PERSONAL = _IDENTITY | {"name", "email", "phone", "note", "support_note", "address", "detail", "reason"}


def _collect(value: Any, found: set[str]) -> None:
    if isinstance(value, dict):
        for name, child in value.items():
            if name in _PERSONAL and isinstance(child, str):
                found.add(child)
                if name == "cpr":
                    digits = child.replace("-", "")
                    found |= {digits, f"{digits[:6]}-{digits[6:]}"}
            _collect(child, found)
    elif isinstance(value, list):
        for child in value:
            _collect(child, found)
