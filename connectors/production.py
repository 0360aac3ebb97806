"""What the production profile refuses to start with: each by its setting and the mend."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from connectors.settings import Settings

_OTHERS: Final = 0o077
_REPLICAS: Final = 3
_SECRETS: Final = ("pseudonym_key_file", "wrapping_key_file", "seal_keys_file")
_FILES: Final = (
    *_SECRETS,
    "kafka_password_file",
    "database_password_file",
    "tls_key_file",
    "schema_registry_authorization_file",
)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def unsafe(settings: "Settings") -> list[str]:
    """Everything in these settings that real data must not be trusted to; empty where all is well."""
    return [
        *_broker(settings),
        *_database(settings),
        *_secrets(settings),
        *_edge(settings),
        *_traces(settings),
    ]


def _broker(settings: "Settings") -> Iterator[str]:
    if settings.kafka_security != "SASL_SSL":
        yield (
            "OVERGANG_KAFKA_SECURITY: whoever is on the network reads and writes an unsecured broker; "
            "set it to SASL_SSL"
        )
    if settings.replication_factor < _REPLICAS:
        yield (
            "OVERGANG_REPLICATION_FACTOR: with fewer than three replicas the end of one broker stops the "
            "exchange or loses what was accepted; set it to 3"
        )
    if not settings.require_seal:
        yield ("OVERGANG_REQUIRE_SEAL: else workers take what nobody vouches for; unset it or set it to true")


def _database(settings: "Settings") -> Iterator[str]:
    if settings.database_url is None:
        return
    url = urlsplit(settings.database_url)
    query = parse_qs(url.query)
    hosts = [host for host in (url.hostname, *query.get("host", ())) if host]
    # Without a host libpq takes what its environment or its build says.
    over_network = not hosts or not all(host.startswith("/") for host in hosts)
    if over_network and query.get("sslmode") != ["verify-full"]:
        yield (
            "OVERGANG_DATABASE_URL: names a database over the network whose certificate is not checked; "
            "add sslmode=verify-full and sslrootcert=..., or use a Unix socket (?host=/directory)"
        )
    if url.password is not None or "password" in query:
        yield (
            "OVERGANG_DATABASE_URL: holds a password, which every listing of the environment shows; "
            "put it into a file of mode 600 and name that in OVERGANG_DATABASE_PASSWORD_FILE"
        )


def _secrets(settings: "Settings") -> Iterator[str]:
    for name in _SECRETS:
        if name not in settings.model_fields_set:
            yield (
                f"OVERGANG_{name.upper()}: no secret is made by itself in production; make it once (32 "
                "random bytes, base64), keep a copy apart, and name its file here"
            )
    for name in _FILES:
        file: Path | None = getattr(settings, name)
        if file is not None and name in settings.model_fields_set:
            yield from _kept_to_ourselves(f"OVERGANG_{name.upper()}", file)
    directory = settings.data_directory
    if directory.exists() and directory.stat().st_mode & _OTHERS:
        yield f"OVERGANG_DATA_DIRECTORY: others can enter it; run: chmod 700 {directory}"


def _kept_to_ourselves(variable: str, file: Path) -> Iterator[str]:
    try:
        mode = file.stat().st_mode
    except OSError as error:
        yield f"{variable}: the file cannot be found ({error.strerror}); restore it, or name the right one"
        return
    if mode & _OTHERS:
        yield f"{variable}: others can read the file; run: chmod 600 {file}"


def _edge(settings: "Settings") -> Iterator[str]:
    if settings.token_issuer is None:
        yield (
            "OVERGANG_TOKEN_ISSUER: this machine's own tokens are for trying out; name the issuer whose "
            "tokens count, and its keys in OVERGANG_TOKEN_KEYS"
        )
    plain = settings.tls_certificate_file is None
    if plain and not is_loopback(settings.http_host) and not settings.http_behind_proxy:
        yield (
            "OVERGANG_HTTP_HOST: plain HTTP beyond this machine; set OVERGANG_TLS_CERTIFICATE_FILE and "
            "OVERGANG_TLS_KEY_FILE, or OVERGANG_HTTP_BEHIND_PROXY=true where a proxy in front speaks TLS"
        )
    if "webhook_origin" not in settings.model_fields_set:
        yield (
            "OVERGANG_WEBHOOK_ORIGIN: is the name for trying out; set the DNS name that endpoints know this "
            "exchange by"
        )


def _traces(settings: "Settings") -> Iterator[str]:
    url = urlsplit(settings.traces_endpoint or "")
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        yield (
            "OVERGANG_TRACES_ENDPOINT: sends traces in the clear beyond this machine; use https, or a "
            "collector on this machine"
        )
