"""The settings of the embedded broker, each with its reason: one node, small memory, nothing by default."""

from pathlib import Path


def broker_properties(topics: Path, host: str, client_port: int, controller_port: int) -> str:
    """Text of `server.properties` for a combined broker and controller that keeps its data in `topics`."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{host}:{controller_port}",
        "listeners": f"CLIENTS://{host}:{client_port},CONTROLLER://{host}:{controller_port}",
        "advertised.listeners": f"CLIENTS://{host}:{client_port}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENTS",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": _escaped(str(topics)),
        # A topic exists because this project made it, with explicit settings; a typo must not make one.
        "auto.create.topics.enable": "false",
        "num.partitions": 1,
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "unclean.leader.election.enable": "false",
        "message.max.bytes": 1_048_576,
        # One node: internal topics have one replica, and few partitions, each of which costs start time.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        # After SIGKILL the broker is let in again when its former session has timed out: 9 s by default.
        "broker.session.timeout.ms": 3_000,
        "broker.heartbeat.interval.ms": 500,
        # A lone worker should not wait three seconds for others to join; tests want short sessions.
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1_000,
        # Threads and buffers for a laptop; the cleaner would take 128 MiB of heap.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        "num.recovery.threads.per.data.dir": 2,
        "log.cleaner.threads": 1,
        "log.cleaner.dedupe.buffer.size": 8_388_608,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _escaped(value: str) -> str:
    """In a Java properties file a backslash escapes; a path is the only value here that may hold one."""
    return value.replace("\\", "\\\\")
