"""Every route answers every role as it should; nothing but liveness is open."""

from typing import Any
from uuid import uuid4

from tests.integration.access_room import AARHUS, ROLES, SCHOOL, Room, room
from tests.integration.api_server import STRUCTURED, notice

__all__ = ["room"]

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
