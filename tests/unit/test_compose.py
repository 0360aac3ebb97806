"""docker-compose.yml and Dockerfile: well-formed, safe, and the same settings as what is tested."""

import re
import tomllib
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from jsonschema import Draft202012Validator

from connectors.administration.definition import shipped_access
from connectors.cli.main import COMMANDS
from connectors.deployment.secrets import BROKER_NAME, BROKERS, READERS, make_secrets
from connectors.embedded import postgres
from connectors.settings import Settings
from streams.database_roles import shipped_roles
from tests.integration.secured_kafka import SecuredKafka

ROOT = Path(__file__).parents[2]
DEPLOYMENT = ROOT / "connectors" / "deployment"
NAMES = {
    "OVERGANG_NAME": "overgang.example",
    "TOKEN_ISSUER": "https://issuer.example",
    "TOKEN_KEYS": "https://issuer.example/keys",
}
TEXT = re.sub(
    r"\$\{([A-Z_]+):\?[^}]+\}", lambda found: NAMES[found[1]], (ROOT / "docker-compose.yml").read_text()
)
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"].startswith("overgang:"))
WITH_SETTINGS = [name for name in OURS if "environment" in SERVICES[name]]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DURATION = {"type": "string", "pattern": r"^[0-9]+(s|m)$"}
TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
ENVIRONMENT = {"type": "object", "additionalProperties": {"type": "string"}}
# The part of the Compose specification that this file uses, and nothing beside it.
SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "image",
        "user",
        "restart",
        "read_only",
        "cap_drop",
        "security_opt",
        "pids_limit",
        "mem_limit",
        "cpus",
        "networks",
    ],
    "properties": {
        "image": {"type": "string", "pattern": r"^[a-z/-]+:v?[0-9][0-9.]*(Final)?$"},
        "build": {"const": "."},
        "user": {"type": "string", "pattern": r"^([1-9][0-9]*):\1$"},
        "read_only": {"const": True},
        "init": {"type": "boolean"},
        "restart": {"enum": ["unless-stopped", "no"]},
        "stop_signal": {"enum": ["SIGINT", "SIGUSR1"]},
        "stop_grace_period": DURATION,
        "shm_size": {"type": "string", "pattern": "^[0-9]+m$"},
        "mem_limit": {"type": "string", "pattern": "^[0-9]+[mg]$"},
        "cpus": {"type": "number", "exclusiveMinimum": 0},
        "pids_limit": {"type": "integer", "minimum": 1},
        "tmpfs": TEXTS,
        "cap_drop": {"const": ["ALL"]},
        "security_opt": {"const": ["no-new-privileges:true"]},
        "environment": ENVIRONMENT,
        "entrypoint": TEXTS,
        "command": TEXTS,
        "networks": TEXTS,
        "ports": {**TEXTS, "items": {"type": "string", "pattern": r"^([0-9.]+:)?[0-9]+:[0-9]+$"}},
        "volumes": {
            **TEXTS,
            "items": {"type": "string", "pattern": r"^([a-z0-9-]+:/[a-z/-]+|\./[a-z/.-]+:/[a-z/.-]+:ro)$"},
        },
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
    "required": ["name", "services", "networks", "volumes"],
    "patternProperties": {"^x-": {"type": "object"}},
    "properties": {
        "name": {"const": "overgang"},
        "services": {"type": "object", "additionalProperties": SERVICE},
        "networks": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"internal": {"const": True}},
            },
        },
        "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
    },
}
OF_A_LAPTOP = {
    "num.partitions",
    "offsets.topic.num.partitions",
    "transaction.state.log.num.partitions",
    "share.coordinator.state.topic.num.partitions",
    "broker.session.timeout.ms",
    "broker.heartbeat.interval.ms",
    "num.network.threads",
    "num.io.threads",
    "background.threads",
    "num.recovery.threads.per.data.dir",
    "log.cleaner.threads",
    "log.cleaner.dedupe.buffer.size",
}
WHERE_THEY_RUN = {
    # A broker's own place and number, which this file and start-broker.sh tell.
    "node.id",
    "controller.quorum.voters",
    "listeners",
    "advertised.listeners",
    "log.dirs",
    "ssl.keystore.location",
    "ssl.truststore.location",
    "listener.name.clients.scram-sha-512.sasl.jaas.config",
    "super.users",
}


def properties_of(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def mounts(service: str) -> dict[str, str]:
    """What is mounted, by where."""
    pairs = (volume.split(":")[:2] for volume in SERVICES[service].get("volumes", ()))
    return {place: source for source, place in pairs}


def test_the_file_holds_only_what_the_compose_specification_knows() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    faults = [
        f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(COMPOSE)
    ]
    assert faults == []


def test_every_volume_network_and_dependency_is_declared_and_can_be_waited_for() -> None:
    sources = {source for name in SERVICES for source in mounts(name).values()}
    assert {source for source in sources if not source.startswith("./")} == set(COMPOSE["volumes"])
    assert {network for s in SERVICES.values() for network in s["networks"]} == set(COMPOSE["networks"])
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            assert ("healthcheck" in SERVICES[name]) == (wait["condition"] == "service_healthy")
            ends = SERVICES[name]["restart"] == "no"
            assert ends == (wait["condition"] == "service_completed_successfully")


def test_every_file_that_is_mounted_is_there_or_made_by_overgang_secrets(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets", ["overgang.example"])
    for name in SERVICES:
        for source in mounts(name).values():
            if source.startswith("./secrets/"):
                assert (tmp_path / source).is_dir(), source
                reader = source.removeprefix("./secrets/")
                assert SERVICES[name]["user"] == f"{READERS[reader]}:{READERS[reader]}", name
            elif source.startswith("./"):
                assert (ROOT / source).exists(), source


@pytest.mark.parametrize("broker", BROKERS)
def test_a_broker_is_the_version_and_has_the_settings_of_the_tested_cluster(
    broker: str, tmp_path: Path
) -> None:
    lock = tomllib.loads((ROOT / "connectors/embedded/kafka-jars.lock").read_text())
    [tested] = [d["version"] for d in lock["dependencies"] if d["artifactId"] == "kafka_2.13"]
    assert SERVICES[broker]["image"] == f"apache/kafka:{tested}"
    given = properties_of((DEPLOYMENT / "broker.properties").read_text())
    cluster = SecuredKafka(tmp_path, nodes=3)
    wanted = properties_of(cluster.nodes[0]._properties())  # what the tested cluster is started with
    same = wanted.keys() - OF_A_LAPTOP - WHERE_THEY_RUN
    assert {name: given.get(name) for name in same} == {name: wanted[name] for name in same}
    assert given.keys() - same <= WHERE_THEY_RUN
    assert given["super.users"] == f"User:admin;User:broker;User:CN={BROKER_NAME}"
    environment = SERVICES[broker]["environment"]
    assert broker == f"kafka-{environment['NODE']}"
    assert mounts(broker)[given["log.dirs"]] == broker
    voters = ",".join(f"{number}@{name}:9093" for number, name in enumerate(BROKERS, 1))
    assert given["controller.quorum.voters"] == voters
    assert given["listeners"] == "CLIENTS://:9092,CONTROLLER://:9093"
    assert environment["CLUSTER_ID"] == SERVICES[BROKERS[0]]["environment"]["CLUSTER_ID"]


def test_the_users_of_the_database_are_made_and_get_their_passwords_before_any_part_starts(
    tmp_path: Path,
) -> None:
    make_secrets(tmp_path / "secrets", ["overgang.example"])
    *command, directory = SERVICES["roles"]["command"]
    assert command == ["database", "roles", "apply", "--passwords"]
    files = {file.stem for file in (tmp_path / mounts("roles")[directory]).glob("overgang-*.password")}
    assert files == set(shipped_roles().users.values())
    for name in ("worker-1", "worker-2", "api-1", "api-2", "deliver"):
        waits = SERVICES[name]["depends_on"]
        assert "roles" in waits or "roles" in SERVICES[next(iter(waits))]["depends_on"]


def test_the_database_is_the_version_and_has_the_settings_of_the_tested_one() -> None:
    database = SERVICES["database"]
    assert database["image"] == f"postgres:{postgres.VERSION}"
    given = dict(option.removeprefix("--").split("=", 1) for option in database["command"])
    network = {name: given.pop(name) for name in ("listen_addresses", "ssl", "ssl_cert_file", "ssl_key_file")}
    by_the_image = {"port", "unix_socket_permissions", "listen_addresses"}
    assert given == {name: value for name, value in postgres.SETTINGS.items() if name not in by_the_image}
    assert (network["listen_addresses"], network["ssl"]) == ("*", "on")
    source = Path(postgres.__file__).read_text()
    for argument in database["environment"]["POSTGRES_INITDB_ARGS"].split():
        assert f'"{argument}"' in source


@pytest.mark.parametrize("service", WITH_SETTINGS)
def test_the_gateway_starts_in_production_with_the_settings_of_the_file(
    service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_secrets(tmp_path / "secrets", ["overgang.example"])
    assert mounts(service)["/run/secrets"] == "./secrets/gateway"
    environment = cast(dict[str, str], SERVICES[service]["environment"])
    known = {f"OVERGANG_{name.upper()}" for name in Settings.model_fields}
    assert environment.keys() <= known
    for name in known:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        for place, source in mounts(service).items():
            value = value.replace(place, str(tmp_path / source))
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.profile == "production"
    assert settings.kafka_bootstrap == ",".join(f"{name}:9092" for name in BROKERS)
    parts = {role.user for role in shipped_access().roles.values()}
    assert settings.kafka_user in ({"admin"} if service == "topics" else parts)
    assert settings.kafka_password_file is not None
    assert settings.kafka_password_file.stem == settings.kafka_user
    assert any(mount.startswith(f"{settings.data_directory}:") for mount in SERVICES[service]["tmpfs"])
    names = SERVICES["database"]["environment"]
    assert settings.database_url is not None
    owner = {"migrate": names["POSTGRES_USER"], "roles": names["POSTGRES_USER"]}
    part = {"topics": "operator"}.get(service, service.partition("-")[0])
    user = owner.get(service) or shipped_roles().users[part]
    assert settings.database_url.startswith(
        f"postgresql://{user}@database/{names['POSTGRES_DB']}?sslmode=verify-full"
    )
    # Its own password and nobody else's; the owner knows all, since it sets them.
    passwords = tmp_path / "secrets" / "owner"
    set_by_owner = passwords / ("database.password" if service in owner else f"{user}.password")
    assert settings.database_password_file is not None
    assert settings.database_password_file.read_text() == set_by_owner.read_text()
    seen = {
        file.read_text()
        for source in mounts(service).values()
        for file in (tmp_path / source).glob("*.password")
    }
    known = {file.read_text() for file in passwords.glob("*.password")}
    assert len(seen & known) == (len(known) if service in owner else 1)
    assert settings.require_seal


@pytest.mark.parametrize(
    ("service", "port", "url"),
    # The API answers nothing else without a credential.
    [
        ("api-1", "OVERGANG_HTTP_PORT", "https://localhost:{}/health/live"),
        ("api-2", "OVERGANG_HTTP_PORT", "https://localhost:{}/health/live"),
        ("worker-1", "OVERGANG_WORKER_PORT", "http://127.0.0.1:{}/health/ready"),
        ("worker-2", "OVERGANG_WORKER_PORT", "http://127.0.0.1:{}/health/ready"),
        ("deliver", "OVERGANG_DELIVER_PORT", "http://127.0.0.1:{}/health/ready"),
    ],
)
def test_health_is_asked_and_numbers_are_fetched_where_the_service_answers(
    service: str, port: str, url: str
) -> None:
    number = SERVICES[service]["environment"][port]
    assert f"'{url.format(number)}'" in SERVICES[service]["healthcheck"]["test"][-1]
    jobs = yaml.safe_load((DEPLOYMENT / "prometheus.yml").read_text())["scrape_configs"]
    targets = {target for job in jobs for group in job["static_configs"] for target in group["targets"]}
    assert f"{service}:{number}" in targets
    assert "monitoring" in SERVICES[service]["networks"]


def test_each_of_our_services_runs_a_command_that_exists() -> None:
    every = {"api-1", "api-2", "worker-1", "worker-2", "deliver", "migrate", "roles", "topics", "schemas"}
    assert set(OURS) == every
    for service in OURS:
        assert SERVICES[service]["command"][0] in COMMANDS


def test_the_schemas_are_registered_once_the_registry_is_well_by_a_job_that_knows_no_secret() -> None:
    job, registry = SERVICES["schemas"], SERVICES["registry"]
    assert set(OURS) - set(WITH_SETTINGS) == {"schemas"}
    assert "volumes" not in job
    assert job["depends_on"] == {"registry": {"condition": "service_healthy"}}
    assert set(job["networks"]) <= set(registry["networks"])
    [url] = {SERVICES[name]["environment"]["OVERGANG_SCHEMA_REGISTRY_URL"] for name in WITH_SETTINGS}
    assert job["command"] == ["schemas", "register", "--url", url]
    assert url.startswith("http://registry:8080/")
    assert "/dev/tcp/127.0.0.1/8080" in registry["healthcheck"]["test"][-1]


def test_only_the_proxy_and_grafanas_own_page_are_published() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"proxy": ["443:8443"], "grafana": ["127.0.0.1:3000:3000"]}
    outside = {name for name, network in COMPOSE["networks"].items() if not network.get("internal")}
    assert outside == {"outside"}
    reach = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
    assert reach == {"proxy", "api-1", "api-2", "deliver", "alertmanager", "grafana"}


def test_no_secret_is_in_an_environment() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|TOKEN_KEY_|_KEY$", variable):
                assert value == "/run/secrets" or value.startswith(("/run/secrets/", "/run/part/")), (
                    f"{name}: {variable}"
                )


def test_the_image_is_built_of_hashed_packages_by_the_locked_python_and_does_not_run_as_root() -> None:
    versions = set(re.findall(r"^FROM python:([0-9.]+)-slim", DOCKERFILE, re.MULTILINE))
    assert versions == set(re.findall(r"--python-version ([0-9.]+)", (ROOT / "Makefile").read_text()))
    assert len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE)) == 2
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    [user] = re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)
    assert user == SERVICES["api-1"]["user"]
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
    assert SERVICES["api-1"]["image"] == f"overgang:{project['version']}"
