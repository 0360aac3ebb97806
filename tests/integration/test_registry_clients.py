"""Real clients: ours publishes to an Apicurio registry, Confluent's decodes by it and by the gateway."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import yaml
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from connectors.access.tokens import issue
from connectors.cli.main import run
from connectors.schema_registry.client import RegistryClient, RegistryFault
from connectors.schema_registry.publishing import Verdict, checked, register, shipped
from schemas.wire import encode
from streams.registry import LOCAL
from tests.integration.api_server import TOKEN_KEY, served
from tests.integration.apicurio import apicurio
from tests.integration.webhook_room import receiving
from tests.shell import ROOT, typed

RECEIPT = "dk.overgang.v1.Receipt"
SAID = {
    "message_id": "c1f7a3d0-5b0e-4c8e-9a51-2f3d6e7a0002",
    "outcome": "ACCEPTED",
    "warnings": [],
    "reasons": [],
    "recipients": ["/municipality/751"],
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with apicurio(tmp_path_factory.mktemp("registry") / "apicurio") as address:
        yield address


@pytest.fixture
def registry(url: str) -> Iterator[RegistryClient]:
    """Holds every shipped release."""
    with RegistryClient(url) as client:
        if not client.has(RECEIPT):
            list(register(client, shipped()))
        yield client


def test_an_empty_registry_takes_every_release_under_the_id_that_messages_bear(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["schemas", "check", "--url", url, "--json"]) == 0
    before = json.loads(capsys.readouterr().out)
    assert {standing["verdict"] for standing in before} == {"new"}
    assert run(["schemas", "register", "--url", url, "--json"]) == 0
    after = json.loads(capsys.readouterr().out)
    assert [standing["registered_id"] for standing in after] == [standing["id"] for standing in after]
    assert run(["schemas", "register", "--url", url]) == 0
    assert run(["schemas", "check", "--url", url, "--json"]) == 0
    again = capsys.readouterr()
    assert again.err == ""
    assert json.loads(again.out[again.out.index("[\n") :]) == after


def test_an_incompatible_change_is_refused_before_and_at_registering(registry: RegistryClient) -> None:
    [receipt] = [release for release in shipped() if release.subject == RECEIPT]
    schema = json.loads(receipt.schema)
    schema["fields"].append({"name": "later", "type": "string"})
    changed = replace(receipt, number=2, schema=json.dumps(schema))
    [standing] = checked(registry, [changed])
    assert (standing.verdict, standing.fault, standing.registered_id) == (Verdict.INCOMPATIBLE, True, None)
    with pytest.raises(RegistryFault, match="answered 409"):
        list(register(registry, [changed]))
    schema["fields"][-1] |= {"type": ["null", "string"], "default": None}
    compatible = replace(changed, schema=json.dumps(schema))
    assert [standing.verdict for standing in checked(registry, [compatible])] == [Verdict.NEW]


def test_a_registry_that_would_take_anything_is_a_fault(registry: RegistryClient, url: str) -> None:
    httpx.put(f"{url}/config/{RECEIPT}", json={"compatibility": "NONE"}).raise_for_status()
    verdicts = {standing.subject: standing.verdict for standing in checked(registry, shipped())}
    assert [subject for subject, verdict in verdicts.items() if verdict is not Verdict.KNOWN] == [RECEIPT]
    assert verdicts[RECEIPT] is Verdict.UNGUARDED
    assert run(["schemas", "check", "--url", url]) == 1
    assert run(["schemas", "register", "--url", url]) == 0
    assert run(["schemas", "check", "--url", url]) == 0


def test_doctor_says_what_the_registry_lacks_and_what_it_no_longer_guards(
    registry: RegistryClient, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def found() -> dict[str, Any]:
        run(["doctor", "--json"])
        return next(told for told in json.loads(capsys.readouterr().out) if told["part"] == "schema registry")

    assert found()["well"]
    assert "none configured" in found()["found"]
    monkeypatch.setenv("OVERGANG_SCHEMA_REGISTRY_URL", url)
    well = found()
    assert well["well"]
    assert well["found"] == f"{len(shipped())} releases, FULL_TRANSITIVE"
    httpx.put(f"{url}/config/{RECEIPT}", json={"compatibility": "NONE"}).raise_for_status()
    unguarded = found()
    assert not unguarded["well"]
    assert unguarded["found"] == f"1 of {len(shipped())} releases not kept FULL_TRANSITIVE: {RECEIPT}"
    assert unguarded["mend"] == "`overgang schemas register`"
    httpx.delete(f"{url}/subjects/{RECEIPT}").raise_for_status()
    missing = found()
    assert missing["found"] == f"1 of {len(shipped())} releases missing: {RECEIPT}"
    # The mend as it stands there, with the address from the settings.
    assert run(["schemas", "register"]) == 0
    capsys.readouterr()
    assert found()["well"]
    monkeypatch.setenv("OVERGANG_SCHEMA_REGISTRY_URL", "http://127.0.0.1:9/apis/ccompat/v7")
    away = found()
    assert not away["well"]
    assert "does not answer" in away["found"]
    assert "OVERGANG_SCHEMA_REGISTRY_URL" in away["mend"]


def test_the_compose_files_question_for_health_tells_a_registry_from_none(url: str) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    _, *command = services["registry"]["healthcheck"]["test"]

    def asked(port: int) -> int:
        return typed([part.replace("/8080", f"/{port}") for part in command], os.environ)[0]

    assert asked(httpx.URL(url).port or 0) == 0
    assert asked(9) == 1


def test_confluents_deserializer_decodes_by_the_registry(registry: RegistryClient, url: str) -> None:
    assert decoded({"url": url}) == SAID


def test_confluents_deserializer_decodes_by_the_gateways_own_routes(
    kafka: str, database_url: str, topic_prefix: str
) -> None:
    with served(kafka, database_url, topic_prefix) as api:
        token = issue(TOKEN_KEY, LOCAL, 60, time.time())
        credential = {
            "bearer.auth.credentials.source": "STATIC_TOKEN",
            "bearer.auth.token": token,
            "bearer.auth.logical.cluster": "none",
        }
        assert decoded({"url": str(api.base_url), **credential}) == SAID


def decoded(settings: dict[str, str]) -> object:
    deserializer = AvroDeserializer(SchemaRegistryClient(settings))
    return deserializer(encode(RECEIPT, SAID), SerializationContext("outbound", MessageField.VALUE))


def test_a_credential_is_a_header_and_never_in_the_url(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("credential") / "authorization"
    file.write_text("Bearer secret-words\n")
    with receiving() as receiver:
        assert run(["schemas", "check", "--url", receiver.url, "--authorization-file", str(file)]) == 1
        assert receiver.posts[0].headers["authorization"] == "Bearer secret-words"
    assert "without JSON; give the address of Confluent's interface" in capsys.readouterr().err
    for address in (
        "https://user:secret-words@registry.example",
        "https://registry.example?key=secret-words",
    ):
        assert run(["schemas", "check", "--url", address]) == 1
        assert "leave out user, query and fragment" in capsys.readouterr().err
    plain = ["schemas", "check", "--url", "http://registry.example", "--authorization-file", str(file)]
    assert run(plain) == 1
    told = capsys.readouterr()
    assert "a credential is not sent in the open" in told.err
    assert "secret-words" not in told.out + told.err
