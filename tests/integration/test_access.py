"""Who may enter: every route by every role, credentials, and how fast a change is in force."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import psycopg
import pytest
from joserfc.jwk import OKPKey

from connectors.access.own_token import OwnToken
from connectors.access.tokens import issue
from schemas.identifiers import PartyAddress, SystemId
from streams.ledger import outbound
from streams.ledger.engine import engine_for
from streams.ledger.ledger import Ledger
from streams.ledger.registry import audited
from streams.ledger.registry_changes import RegistryChanges
from streams.registry import OPERATOR, Party, RegistryRefused, Right
from tests.integration.api_server import BATCH, STRUCTURED, TOKEN_KEY, notice, served, until
from tests.integration.ledger_room import Partition, ledger_on, status, take
from tests.integration.ledger_room import notice as raised
from tests.signing import new_key

SCHOOL, OTHER_SCHOOL = PartyAddress("/institution/280051"), PartyAddress("/institution/280052")
AARHUS, COPENHAGEN = PartyAddress("/municipality/751"), PartyAddress("/municipality/101")
FORGER = OKPKey.generate_key("Ed25519", {"kid": TOKEN_KEY.kid})
ROLES = ("nobody", "stranger", "school", "other-school", "aarhus", "copenhagen", "monitor", "operator")


class Room(NamedTuple):
    """A running API; a task of Aarhus, opened by a message of the school."""

    url: str
    changes: RegistryChanges
    task: str
    case: str
    message: str

    def client(self, role: str) -> httpx.Client:
        auth = None if role == "nobody" else OwnToken(TOKEN_KEY, SystemId(role))
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False, auth=auth)

    def changes_lines(self) -> list[dict[str, Any]]:
        with self.changes.engine.connect() as connection:
            return audited(connection, limit=1000)


@pytest.fixture
def room(kafka: str, database_url: str, topic_prefix: str) -> Iterator[Room]:
    with served(kafka, database_url, topic_prefix) as api, ledger_on(database_url) as ledger:
        changes = RegistryChanges(engine_for(database_url), "tester", datetime.now(UTC))
        register(changes)
        message = opened(ledger)
        task = api.get("/v1/tasks", params={"recipient": AARHUS}).json()["tasks"][0]
        found = Room(str(api.base_url), changes, task["task_id"], task["case"], message)
        with found.client("operator") as operator:
            until(lambda: operator.get("/v1/registry").status_code == 200, 5)
        yield found


def register(changes: RegistryChanges) -> None:
    day = (changes.now - timedelta(days=1)).date()
    for address in (SCHOOL, OTHER_SCHOOL, AARHUS, COPENHAGEN):
        changes.put_party(Party(address, "Example", day))
    for role, party in (
        ("school", SCHOOL),
        ("other-school", OTHER_SCHOOL),
        ("aarhus", AARHUS),
        ("copenhagen", COPENHAGEN),
    ):
        changes.put_system(SystemId(role), role)
        changes.grant(SystemId(role), party, Right.SEND)
        changes.grant(SystemId(role), party, Right.READ)
    for role, right in (("monitor", Right.MONITOR), ("operator", Right.OPERATE)):
        changes.put_system(SystemId(role), role)
        changes.grant(SystemId(role), OPERATOR, right)


def opened(ledger: Ledger) -> str:
    take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
    message = raised()
    take(ledger, Partition("dropout-risk"), [message])
    return str(message["id"])


ANYBODY = dict.fromkeys(ROLES[2:], 200)
OPERATOR_ONLY = dict.fromkeys(ROLES[2:-1], 403)


def expected(room: Room) -> dict[tuple[str, str], tuple[str, Any, dict[str, int]]]:
    """By method and route of the description: the address, a body, and the status for each role."""
    event = notice()
    subject = "dk.overgang.v1.DropoutRisk"
    party = {"name": "New", "valid_from": "2026-01-01"}
    reads_school = OPERATOR_ONLY | {"school": 200, "operator": 200}
    not_here = OPERATOR_ONLY | {"operator": 422}
    hook = "/v1/webhooks/{role}/{code}"
    of_school = f"/v1/webhooks{SCHOOL}"
    own_change = OPERATOR_ONLY | {"school": 204, "operator": 204}
    return {
        ("post", "/v1/messages"): (
            "/v1/messages",
            event,
            OPERATOR_ONLY | {"school": 202, "operator": 403},
        ),
        ("get", "/v1/messages/institution/{number}/{id}"): (
            f"/v1/messages{SCHOOL}/{room.message}",
            None,
            reads_school,
        ),
        ("get", "/v1/messages/municipality/{code}/{id}"): (
            f"/v1/messages{AARHUS}/{uuid4()}",
            None,
            OPERATOR_ONLY | {"aarhus": 404, "operator": 404},
        ),
        ("get", "/v1/messages/gateway/{id}"): (
            f"/v1/messages/gateway/{uuid4()}",
            None,
            OPERATOR_ONLY | {"operator": 404},
        ),
        ("get", "/v1/mailbox"): (
            f"/v1/mailbox?party={AARHUS}",
            None,
            OPERATOR_ONLY | {"aarhus": 200, "operator": 403},
        ),
        ("post", "/v1/mailbox/acknowledge"): (
            "/v1/mailbox/acknowledge",
            {"party": AARHUS, "sequence": 0},
            OPERATOR_ONLY | {"aarhus": 200, "operator": 403},
        ),
        ("get", "/v1/tasks"): (
            f"/v1/tasks?recipient={AARHUS}",
            None,
            OPERATOR_ONLY | {"aarhus": 200, "operator": 200},
        ),
        ("get", "/v1/tasks/{task_id}"): (
            f"/v1/tasks/{room.task}",
            None,
            dict.fromkeys(ROLES[2:], 404) | {"aarhus": 200, "operator": 200},
        ),
        ("get", "/v1/cases/{pseudonym}"): (
            f"/v1/cases/{room.case}",
            None,
            OPERATOR_ONLY | {"operator": 200},
        ),
        ("get", "/v1/webhooks"): ("/v1/webhooks", None, ANYBODY),
        ("put", hook): (of_school, {"url": "https://receiver.example/hook"}, reads_school),
        ("get", hook): (of_school, None, reads_school),
        ("post", f"{hook}/secrets"): (
            f"{of_school}/secrets",
            {"keep_hours": 0},
            OPERATOR_ONLY | {"school": 201, "operator": 201},
        ),
        ("put", f"{hook}/pause"): (f"{of_school}/pause", {"because": "a test"}, own_change),
        ("delete", f"{hook}/pause"): (f"{of_school}/pause", None, own_change),
        ("get", f"{hook}/failed"): (f"{of_school}/failed", None, reads_school),
        ("post", f"{hook}/redeliveries"): (f"{of_school}/redeliveries", {}, reads_school),
        ("get", "/v1/receipts/{role}/{code}"): (f"/v1/receipts{SCHOOL}", None, reads_school),
        ("put", "/v1/receipts/{role}/{code}"): (
            f"/v1/receipts{SCHOOL}",
            {"receipts": "faults"},
            own_change,
        ),
        ("get", "/schemas/ids/{schema_id}"): ("/schemas/ids/1", None, ANYBODY),
        ("get", "/schemas/types"): ("/schemas/types", None, ANYBODY),
        ("get", "/subjects"): ("/subjects", None, ANYBODY),
        ("get", "/subjects/{subject}/versions"): (f"/subjects/{subject}/versions", None, ANYBODY),
        ("get", "/subjects/{subject}/versions/{version}"): (
            f"/subjects/{subject}/versions/latest",
            None,
            ANYBODY,
        ),
        ("post", "/subjects/{subject}"): (
            f"/subjects/{subject}",
            {"schema": "none"},
            dict.fromkeys(ROLES[2:], 422),
        ),
        ("get", "/health/ready"): (
            "/health/ready",
            None,
            OPERATOR_ONLY | {"monitor": 200, "operator": 200},
        ),
        ("get", "/metrics"): ("/metrics", None, OPERATOR_ONLY | {"monitor": 200, "operator": 200}),
        ("get", "/v1/access"): ("/v1/access", None, ANYBODY),
        ("get", "/v1/registry"): ("/v1/registry", None, OPERATOR_ONLY | {"operator": 200}),
        ("get", "/v1/audit"): ("/v1/audit", None, OPERATOR_ONLY | {"operator": 200}),
        ("put", "/v1/parties/{role}/{code}"): (
            "/v1/parties/institution/280099",
            party,
            OPERATOR_ONLY | {"operator": 200},
        ),
        ("put", "/v1/systems/{system}"): (
            "/v1/systems/another",
            {"name": "Another"},
            OPERATOR_ONLY | {"operator": 200},
        ),
        ("post", "/v1/systems/{system}/grants"): (
            "/v1/systems/another/grants",
            {"party": SCHOOL, "right": "read"},
            OPERATOR_ONLY | {"operator": 201},
        ),
        ("delete", "/v1/grants/{n}"): ("/v1/grants/999999", None, not_here),
        ("post", "/v1/systems/{system}/credentials"): (
            "/v1/systems/another/credentials",
            {"subject": "https://issuer.example someone"},
            OPERATOR_ONLY | {"operator": 201},
        ),
        ("delete", "/v1/credentials/{n}"): ("/v1/credentials/999999", None, not_here),
        ("put", "/v1/systems/{system}/suspension"): (
            "/v1/systems/another/suspension",
            {"because": "a test"},
            OPERATOR_ONLY | {"operator": 204},
        ),
        ("delete", "/v1/systems/{system}/suspension"): (
            "/v1/systems/another/suspension",
            None,
            OPERATOR_ONLY | {"operator": 204},
        ),
    }


def test_every_route_answers_every_role_as_it_should(room: Room) -> None:
    """The routes are those of the description: one that is new fails here until somebody says who may."""
    wanted = expected(room)
    with room.client("school") as client:
        described = client.get("/openapi.json").json()["paths"]
    routes = {(method, path) for path, methods in described.items() for method in methods}
    assert routes - {("get", "/health/live")} == wanted.keys()
    wrong = []
    for (method, path), (address, body, statuses) in wanted.items():
        assert statuses.keys() == set(ROLES[2:]), path
        for role, status_code in ({"nobody": 401, "stranger": 401} | statuses).items():
            headers = STRUCTURED if path == "/v1/messages" else {"content-type": "application/json"}
            with room.client(role) as client:
                answer = client.request(method, address, json=body, headers=None if body is None else headers)
            if answer.status_code != status_code:
                wrong.append((method, path, role, status_code, answer.status_code, answer.text[:200]))
    assert not wrong


def test_only_liveness_is_open(room: Room) -> None:
    with room.client("nobody") as client:
        assert client.get("/health/live").status_code == 200
        for path in ("/openapi.json", "/problems/no-grant", "/docs", "/redoc", "/metrics", "/v1/access"):
            assert client.get(path).status_code in (401, 404), path
        refused = client.get("/openapi.json")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="overgang"')
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("key", "system", "seconds", "said"),
    [
        (TOKEN_KEY, "school", -120, "expired"),
        (OKPKey.generate_key("Ed25519", {"kid": TOKEN_KEY.kid}), "school", 60, "signature"),
        (TOKEN_KEY, "unheard-of", 60, "no system that is registered"),
        (None, "", 0, "no signed JSON Web Token"),
    ],
)
def test_a_token_that_does_not_count_is_refused_with_its_reason(
    room: Room, key: OKPKey | None, system: str, seconds: int, said: str
) -> None:
    now = datetime.now(UTC).timestamp()
    token = "nonsense" if key is None else issue(key, SystemId(system), seconds, now)
    answer = httpx.get(f"{room.url}/v1/access", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert answer.status_code == 401
    assert said in answer.json()["detail"]
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_large_body_without_a_credential_is_answered_and_not_kept(room: Room) -> None:
    with room.client("nobody") as client:
        answer = client.post("/v1/messages", content=b"x" * 4_000_000, headers=BATCH)
    assert answer.status_code == 401


def test_a_batch_is_judged_message_by_message(room: Room) -> None:
    mine, foreign = notice(), notice() | {"source": OTHER_SCHOOL}
    with room.client("school") as client:
        answer = client.post("/v1/messages", json=[mine, foreign], headers=BATCH)
    assert answer.status_code == 207
    assert [result["status"] for result in answer.json()["results"]] == [202, 403]


def test_a_grant_of_one_flow_is_of_that_flow_only(room: Room) -> None:
    room.changes.put_system(SystemId("narrow"), "Narrow")
    room.changes.grant(SystemId("narrow"), SCHOOL, Right.SEND, "enrolment")
    with room.client("narrow") as client:
        until(lambda: client.get("/v1/access").status_code == 200, 5)
        answer = client.post("/v1/messages", json=notice(), headers=STRUCTURED)
        assert answer.status_code == 403
        assert "dropout-risk" in answer.json()["detail"]
        assert client.get("/v1/access").json()["grants"][0]["flow"] == "enrolment"


def test_a_change_is_in_force_within_a_second(room: Room) -> None:
    with room.client("school") as client:

        def sends() -> bool:
            return client.post("/v1/messages", json=notice(), headers=STRUCTURED).status_code == 202

        def is_let_in() -> bool:
            return client.get("/v1/access").status_code == 200

        assert sends()
        sending = next(g["n"] for g in client.get("/v1/access").json()["grants"] if g["right"] == "send")
        RegistryChanges(room.changes.engine, "tester", datetime.now(UTC)).end_grant(sending)
        assert until(lambda: not sends(), 5) < 1
        room.changes.suspend(SystemId("school"), "sends what nobody can read")
        assert until(lambda: not is_let_in(), 5) < 1
        room.changes.resume(SystemId("school"))
        assert until(is_let_in, 5) < 1


def test_grants_and_parties_hold_on_their_days_only(room: Room) -> None:
    now = datetime.now(UTC)
    room.changes.put_system(SystemId("dated"), "Dated")
    room.changes.grant(SystemId("dated"), SCHOOL, Right.SEND, valid_from=now + timedelta(days=1))
    room.changes.grant(
        SystemId("dated"), SCHOOL, Right.SEND, valid_from=now - timedelta(days=2), valid_to=now - timedelta(1)
    )
    with room.client("dated") as client:
        until(lambda: client.get("/v1/access").status_code == 200, 5)
        assert client.post("/v1/messages", json=notice(), headers=STRUCTURED).status_code == 403
    yesterday = (now - timedelta(days=1)).date()
    room.changes.put_party(Party(SCHOOL, "Closed", yesterday, yesterday, OTHER_SCHOOL))
    with room.client("school") as client:
        refused = lambda: client.post("/v1/messages", json=notice(), headers=STRUCTURED).status_code == 403  # noqa: E731
        assert until(refused, 5) < 1


def test_a_recipient_does_not_see_who_had_the_task_before(room: Room, database_url: str) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("citizen-status"), [status("101", "2026-09-20")])
    with room.client("copenhagen") as now, room.client("aarhus") as before, room.client("operator") as all_:
        assert before.get(f"/v1/tasks/{room.task}").status_code == 404
        seen, known = (client.get(f"/v1/tasks/{room.task}").json() for client in (now, all_))
    assert AARHUS in {revision["recipient"] for revision in known["revisions"]}
    assert {revision["recipient"] for revision in seen["revisions"]} == {COPENHAGEN}
    assert {party for message in seen["caused"] for party in message["forwarded_to"]} <= {COPENHAGEN}


def test_every_change_is_on_the_audit_with_its_actor(room: Room) -> None:
    with room.client("operator") as client:
        client.put("/v1/systems/vendor", json={"name": "Vendor"}).raise_for_status()
        until(lambda: client.get("/v1/audit").json()[0]["object"] == "vendor", 5)
        made = client.post("/v1/systems/vendor/grants", json={"party": SCHOOL, "right": "read"})
        client.delete(f"/v1/grants/{made.json()['n']}").raise_for_status()
        lines = client.get("/v1/audit", params={"limit": 3}).json()
    assert [(line["action"], line["object"], line["actor"]) for line in lines] == [
        ("end-grant", "vendor", "operator"),
        ("grant", "vendor", "operator"),
        ("put-system", "vendor", "operator"),
    ]


def test_a_signing_key_is_registered_by_http_as_its_thumbprint_and_audited(room: Room) -> None:
    pair = new_key()
    with room.client("operator") as client:
        made = client.post(
            "/v1/systems/school/credentials", json={"signing_key": json.dumps(pair.as_dict(private=False))}
        )
        assert made.status_code == 201, made.text
        known = lambda: client.get("/v1/registry").json()["credentials"]  # noqa: E731
        until(lambda: [c["n"] for c in known()] == [made.json()["n"]], 5)
        assert (known()[0]["kind"], known()[0]["value"].split()[0]) == ("signing-key", pair.kid)
        line = client.get("/v1/audit").json()[0]
        assert (line["action"], line["object"], line["actor"]) == ("add-credential", "school", "operator")
        private = client.post(
            "/v1/systems/school/credentials", json={"signing_key": json.dumps(pair.as_dict(private=True))}
        )
        assert private.status_code == 422
        assert "private key" in private.json()["detail"]
        assert pair.as_dict(private=True)["d"] not in private.text


@pytest.mark.parametrize(
    ("party", "right", "flow", "said"),
    [
        ("*", Right.SEND, None, "name one party"),
        ("/institution/1", Right.SEND, None, "party: is no party's address"),
        ("/institution/999999", Right.SEND, None, "overgang parties add"),
        (SCHOOL, Right.OPERATE, None, "for /gateway only"),
        (SCHOOL, Right.READ, "enrolment", "not granted by flow"),
        (SCHOOL, Right.SEND, "citizen-status", "municipality only"),
        (SCHOOL, Right.SEND, "no-such-flow", "no such flow"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(
    room: Room, party: str, right: Right, flow: Any, said: str
) -> None:
    with pytest.raises(RegistryRefused, match=said.replace("*", r"\*")):
        room.changes.grant(SystemId("school"), party, right, flow)


def test_changes_at_the_same_time_leave_one_line_of_audit_each(room: Room) -> None:
    before = len(room.changes_lines())
    threads = [
        threading.Thread(target=room.changes.put_system, args=(SystemId(f"s-{n}"), "S")) for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(room.changes_lines()) == before + 12


def test_a_system_that_reads_for_one_party_needs_not_name_it_and_one_for_several_must(room: Room) -> None:
    room.changes.put_system(SystemId("vendor"), "Vendor")
    for party in (SCHOOL, OTHER_SCHOOL):
        room.changes.grant(SystemId("vendor"), party, Right.READ)
    with room.client("school") as one, room.client("vendor") as several, room.client("stranger") as none:
        assert one.get("/v1/mailbox").json() == []
        assert one.post("/v1/mailbox/acknowledge", json={"sequence": 0}).json()["party"] == SCHOOL
        until(lambda: several.get("/v1/access").status_code == 200, 5)
        unnamed = several.get("/v1/mailbox")
        assert (unnamed.status_code, unnamed.json()["errors"][0]["field"]) == (422, "query.party")
        assert several.get("/v1/mailbox", params={"party": OTHER_SCHOOL}).status_code == 200
        assert several.get("/v1/mailbox", params={"party": AARHUS}).status_code == 403
        assert none.get("/v1/mailbox").status_code == 401
    with room.client("monitor") as nobodys:
        assert nobodys.get("/v1/mailbox").status_code == 403


def test_who_loses_the_right_while_waiting_gets_nothing_of_what_comes(room: Room, database_url: str) -> None:
    with room.client("aarhus") as waiting, room.client("operator") as watching, ThreadPoolExecutor() as own:
        answer = own.submit(waiting.get, "/v1/mailbox", params={"wait": 25})
        until(lambda: "overgang_mailbox_waiting 1.0" in watching.get("/metrics").text, 5)
        reading = next(
            grant["n"]
            for grant in watching.get("/v1/registry").json()["grants"]
            if (grant["system"], grant["right"]) == ("aarhus", "read")
        )
        room.changes.end_grant(reading)
        until(lambda: waiting.get("/v1/mailbox", params={"party": AARHUS}).status_code == 403, 5)
        with psycopg.connect(database_url, autocommit=True) as connection:
            assert outbound.number(connection, 100) > 0
        assert answer.result(10).status_code == 403


def test_the_successor_of_a_party_that_ended_reads_its_mailbox(room: Room, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert outbound.number(connection, 100) > 0
    with room.client("copenhagen") as successor, room.client("aarhus") as before:
        assert before.get("/v1/mailbox").json()
        assert successor.get("/v1/mailbox", params={"party": AARHUS}).status_code == 403
        yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
        room.changes.put_party(Party(AARHUS, "Ended", yesterday, yesterday, COPENHAGEN))
        until(lambda: successor.get("/v1/mailbox", params={"party": AARHUS}).status_code == 200, 5)
        assert successor.get("/v1/mailbox", params={"party": AARHUS}).json()
        assert before.get("/v1/mailbox", params={"party": AARHUS}).status_code == 403
