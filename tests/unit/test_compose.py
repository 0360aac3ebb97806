"""docker-compose.yml and Dockerfile: well-formed, loopback only, and the same settings as what is tested."""

import re
import tomllib
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from jsonschema import Draft202012Validator

from connectors.cli.main import COMMANDS
from connectors.embedded import kafka, postgres
from connectors.embedded.broker_properties import broker_properties
from connectors.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("migrate", "worker", "api", "deliver")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DURATION = {"type": "string", "pattern": r"^[0-9]+(s|m)$"}
TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
ENVIRONMENT = {"type": "object", "additionalProperties": {"type": "string"}}
# The part of the Compose specification that this file uses, and nothing beside it.
SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "network_mode", "volumes"],
    "properties": {
        "image": {"type": "string", "pattern": r"^[a-z/]+:[0-9][0-9.]*$"},
        "build": {"const": "."},
        "network_mode": {"enum": ["host", "none"]},
        "user": {"type": "string", "not": {"enum": ["root", "0", "0:0"]}},
        "read_only": {"type": "boolean"},
        "init": {"type": "boolean"},
        "restart": {"const": "unless-stopped"},
        "stop_signal": {"enum": ["SIGINT", "SIGTERM"]},
        "stop_grace_period": DURATION,
        "shm_size": {"type": "string", "pattern": "^[0-9]+m$"},
        "tmpfs": TEXTS,
        "cap_drop": {"const": ["ALL"]},
        "security_opt": {"const": ["no-new-privileges:true"]},
        "environment": ENVIRONMENT,
        "command": TEXTS,
        "volumes": {**TEXTS, "items": {"type": "string", "pattern": r"^[a-z-]+:/[a-z/]+(:ro)?$"}},
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["condition"],
                "properties": {"condition": {"enum": ["service_healthy", "service_completed_successfully"]}},
            },
        },
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "required": ["test", "interval", "timeout", "retries", "start_period", "start_interval"],
            "properties": {
                "test": {**TEXTS, "prefixItems": [{"const": "CMD"}]},
                "interval": DURATION,
                "timeout": DURATION,
                "start_period": DURATION,
                "start_interval": DURATION,
                "retries": {"type": "integer", "minimum": 1},
            },
        },
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "services", "volumes"],
    "patternProperties": {"^x-": {"type": "object"}},
    "properties": {
        "name": {"const": "overgang"},
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
    },
}


def test_the_file_holds_only_what_the_compose_specification_knows() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    faults = [
        f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(COMPOSE)
    ]
    assert faults == []


def test_every_volume_and_every_dependency_is_declared_and_can_be_waited_for() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert used == set(COMPOSE["volumes"])
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            assert name in SERVICES
            assert ("healthcheck" in SERVICES[name]) == (wait["condition"] == "service_healthy")


def test_the_broker_is_the_version_and_has_the_settings_of_the_tested_one() -> None:
    lock = tomllib.loads((ROOT / "connectors/embedded/kafka-jars.lock").read_text())
    [tested] = [d["version"] for d in lock["dependencies"] if d["artifactId"] == "kafka_2.13"]
    assert SERVICES["broker"]["image"] == f"apache/kafka:{tested}"
    data = SERVICES["broker"]["volumes"][0].split(":")[1]
    properties = broker_properties(Path(data), kafka.LOOPBACK, 9092, 9093)
    wanted = dict(line.split("=", 1) for line in properties.splitlines())
    environment = dict(SERVICES["broker"]["environment"])
    assert environment.pop("KAFKA_HEAP_OPTS").split() == [o for o in kafka.JVM if o.startswith("-Xm")]
    # The image reads a property from the variable of its name, with underscores for dots.
    assert environment == {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in wanted.items()}


def test_the_database_is_the_version_and_has_the_settings_of_the_tested_one() -> None:
    database = SERVICES["database"]
    assert database["image"] == f"postgres:{postgres.VERSION}"
    program, *options = database["command"]
    given = dict(option.removeprefix("--").split("=", 1) for option in options)
    # The image has the port by itself, and the gateway's containers run as another user than the server's.
    by_the_image = {"port", "unix_socket_permissions"}
    assert program == "postgres"
    assert given == {name: value for name, value in postgres.SETTINGS.items() if name not in by_the_image}
    assert given["listen_addresses"] == ""
    assert database["network_mode"] == "none"
    source = Path(postgres.__file__).read_text()
    for argument in database["environment"]["POSTGRES_INITDB_ARGS"].split():
        assert f'"{argument}"' in source


@pytest.mark.parametrize("service", OURS)
def test_the_gateway_takes_its_settings_from_the_file(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = cast(dict[str, str], SERVICES[service]["environment"])
    known = {f"OVERGANG_{name.upper()}" for name in Settings.model_fields}
    assert environment.keys() <= known
    for name in known:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.http_host == kafka.LOOPBACK
    advertised = SERVICES["broker"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert advertised == f"CLIENTS://{settings.kafka_bootstrap}"
    mounts = dict(cast(tuple[str, str], volume.split(":")[:2]) for volume in SERVICES[service]["volumes"])
    assert mounts["gateway"] == str(settings.data_directory)
    assert settings.database_url is not None
    assert settings.database_url.endswith(f"?host={mounts['database-socket']}")
    database = SERVICES["database"]
    assert f"database-socket:{mounts['database-socket']}" in database["volumes"]
    names = database["environment"]
    assert settings.database_url.startswith(f"postgresql://{names['POSTGRES_USER']}@/{names['POSTGRES_DB']}")


@pytest.mark.parametrize(
    ("service", "port", "route"),
    # The API answers nothing else without a credential.
    [
        ("api", "OVERGANG_HTTP_PORT", "live"),
        ("worker", "OVERGANG_WORKER_PORT", "ready"),
        ("deliver", "OVERGANG_DELIVER_PORT", "ready"),
    ],
)
def test_health_is_asked_where_the_service_answers(service: str, port: str, route: str) -> None:
    number = SERVICES[service]["environment"][port]
    assert f"'http://127.0.0.1:{number}/health/{route}'" in SERVICES[service]["healthcheck"]["test"][-1]


def test_each_of_our_services_runs_a_command_that_exists() -> None:
    for service in OURS:
        [command] = SERVICES[service]["command"]
        assert command in COMMANDS


def test_nothing_listens_beyond_loopback_and_nothing_is_published() -> None:
    assert not any("ports" in service for service in SERVICES.values())
    for listener in SERVICES["broker"]["environment"]["KAFKA_LISTENERS"].split(","):
        assert listener.split("://")[1].startswith("127.0.0.1:")


def test_the_image_is_built_of_hashed_packages_by_the_locked_python_and_does_not_run_as_root() -> None:
    versions = set(re.findall(r"^FROM python:([0-9.]+)-slim", DOCKERFILE, re.MULTILINE))
    assert versions == set(re.findall(r"--python-version ([0-9.]+)", (ROOT / "Makefile").read_text()))
    assert len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE)) == 2
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    for forbidden in ("http://", "https://", "index-url", "find-links"):
        assert forbidden not in DOCKERFILE


def test_all_that_the_image_copies_exists_and_is_let_into_the_build() -> None:
    copied = [
        line.split()[1:-1]
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
    ]
    names = {name for line in copied for name in line}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert names == let_in
    assert all((ROOT / name).exists() for name in names)


def test_the_image_bears_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert SERVICES["api"]["image"] == f"overgang:{project['version']}"
