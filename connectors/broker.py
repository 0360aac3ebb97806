"""The broker that the settings name, else that of a running `overgang up`, and how to log in there."""

from collections.abc import Callable

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from connectors.cli import run_file
from connectors.settings import Settings
from schemas.problems import OvergangError
from streams.broker_access import Login, client_settings


class NoBroker(OvergangError):
    """No broker is configured and none runs."""


def broker_login(settings: Settings) -> Login | None:
    """How to log in; None where the connection is in the clear, on loopback."""
    if settings.kafka_security == "PLAINTEXT":
        return None
    assert settings.kafka_user is not None, "checked with the settings"
    assert settings.kafka_password_file is not None, "checked with the settings"
    return Login(settings.kafka_user, settings.kafka_password_file, settings.kafka_ca_file)


def broker_address(settings: Settings) -> str:
    """`host:port[,host:port]`. Raises NoBroker."""
    if settings.kafka_bootstrap is not None:
        return settings.kafka_bootstrap
    running = run_file.read(settings.data_directory)
    if running is None:
        raise NoBroker("no broker: start `overgang up` first or set OVERGANG_KAFKA_BOOTSTRAP")
    return running.kafka_bootstrap


def admin_client(settings: Settings, on_error: Callable[[KafkaError], None] | None = None) -> AdminClient:
    """A client for commands, silent on the terminal. Raises NoBroker, KeyFileError."""
    address, login = broker_reached(settings)
    heard = {} if on_error is None else {"error_cb": on_error}
    return AdminClient({**client_settings(address, login), "log_level": 0, **heard})


def broker_reached(settings: Settings) -> tuple[str, Login | None]:
    """Address and login. Raises NoBroker."""
    return broker_address(settings), None if settings.kafka_bootstrap is None else broker_login(settings)
