"""Who may enter: credentials, grants, and how fast a change is in force."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from joserfc.jwk import OKPKey

from connectors.access.tokens import issue
from schemas.identifiers import SystemId
from streams.ledger import outbound
from streams.ledger.registry_changes import RegistryChanges
from streams.registry import Party, RegistryRefused, Right
from tests.integration.access_room import AARHUS, COPENHAGEN, OTHER_SCHOOL, SCHOOL, Room, room
from tests.integration.api_server import BATCH, STRUCTURED, TOKEN_KEY, notice, until
from tests.integration.ledger_room import Partition, ledger_on, status, take
from tests.signing import new_key

__all__ = ["room"]


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
