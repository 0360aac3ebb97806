"""How every Kafka client of this project reaches the broker: the one place that makes that configuration."""

from dataclasses import dataclass
from pathlib import Path

from schemas.password_file import password_in


@dataclass(frozen=True, slots=True)
class Login:
    """A user of a broker that speaks TLS and asks for SCRAM-SHA-512.

    `ca_file`: certificates (PEM) of the authorities that the brokers' are checked against, with their names;
    None: the system's.
    """

    user: str
    password_file: Path
    ca_file: Path | None = None


def client_settings(bootstrap: str, login: Login | None = None) -> dict[str, object]:
    """What a client is made with; without a login it speaks in the clear, for loopback only.

    The password is read here, each time, and stands in the answer: never log that. Raises KeyFileError.
    """
    if login is None:
        return {"bootstrap.servers": bootstrap}
    authorities = {} if login.ca_file is None else {"ssl.ca.location": str(login.ca_file)}
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_SSL",
        "ssl.endpoint.identification.algorithm": "https",
        **authorities,
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": login.user,
        "sasl.password": password_in(login.password_file, "OVERGANG_KAFKA_PASSWORD_FILE"),
    }
