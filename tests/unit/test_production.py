"""The production profile: a safe set of settings starts, each unsafe one is refused by name and mend."""

from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from connectors.access.own_token import NoToken, local_credential
from connectors.broker import broker_login
from connectors.cli.api import api_config
from connectors.cli.gateway import gateway
from connectors.cli.worker import worker_config
from connectors.database import with_password
from connectors.settings import Settings, SettingsRefused
from schemas.key_file import KeyFileError
from tests.production_settings import production_settings, secret_file

Change = Callable[[str, str | None], None]


@pytest.fixture(autouse=True)
def safe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Settings that an operator might have; the directory of their files."""
    for field in Settings.model_fields:
        monkeypatch.delenv(f"OVERGANG_{field.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    for name, value in production_settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    secret_file(tmp_path / "kafka.password", "correct horse")
    secret_file(tmp_path / "tls.key", "a private key")
    password = secret_file(tmp_path / "database.password", "battery staple")
    (tmp_path / "data").mkdir(mode=0o700)
    url = "postgresql://overgang@database.example/overgang?sslmode=verify-full"
    monkeypatch.setenv("OVERGANG_DATABASE_URL", url)
    monkeypatch.setenv("OVERGANG_DATABASE_PASSWORD_FILE", str(password))
    return tmp_path


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> Change:
    def changed(name: str, value: str | None) -> None:
        if value is None:
            monkeypatch.delenv(f"OVERGANG_{name}")
        else:
            monkeypatch.setenv(f"OVERGANG_{name}", value)

    return changed


def refused(setting: str, mend: str) -> None:
    """This setting is refused, alone, and the text holds the mend."""
    with pytest.raises(SettingsRefused) as refusal:
        Settings()
    text = str(refusal.value)
    assert text.startswith(f"OVERGANG_{setting}: ")
    assert "; OVERGANG_" not in text, "something else is refused, too"
    assert mend in text


def test_safe_settings_start() -> None:
    settings = Settings()
    assert (settings.profile, settings.kafka_security, settings.require_seal) == (
        "production",
        "SASL_SSL",
        True,
    )
    assert broker_login(settings) is not None


def test_an_unsecured_broker_is_refused(change: Change) -> None:
    change("KAFKA_SECURITY", "PLAINTEXT")
    change("KAFKA_BOOTSTRAP", "127.0.0.1:9092")
    refused("KAFKA_SECURITY", "set it to SASL_SSL")


@pytest.mark.parametrize("replicas", ["1", "2"])
def test_fewer_than_three_replicas_are_refused(change: Change, replicas: str) -> None:
    change("REPLICATION_FACTOR", replicas)
    refused("REPLICATION_FACTOR", "set it to 3")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://overgang@database.example/overgang",
        "postgresql://overgang@database.example/overgang?sslmode=require",
        "postgresql://overgang@127.0.0.1/overgang?sslmode=verify-ca",
        "postgresql://overgang@/overgang?host=database.example",
        "postgresql://overgang@/overgang",
    ],
)
def test_a_database_over_the_network_without_a_checked_certificate_is_refused(
    change: Change, url: str
) -> None:
    change("DATABASE_URL", url)
    refused("DATABASE_URL", "sslmode=verify-full")


def test_a_database_by_unix_socket_needs_no_certificate(change: Change) -> None:
    change("DATABASE_URL", "postgresql://overgang@/overgang?host=/var/run/postgresql")
    assert Settings().database_url is not None


@pytest.mark.parametrize(
    "where", ["overgang:hunter2@db.example/o?", "overgang@db.example/o?password=hunter2&"]
)
def test_a_password_in_the_databases_url_is_refused_and_not_told(change: Change, where: str) -> None:
    change("DATABASE_URL", f"postgresql://{where}sslmode=verify-full")
    refused("DATABASE_URL", "OVERGANG_DATABASE_PASSWORD_FILE")
    with pytest.raises(SettingsRefused) as refusal:
        Settings()
    assert "hunter2" not in str(refusal.value)


def test_workers_that_take_what_nobody_vouches_for_are_refused(change: Change) -> None:
    change("REQUIRE_SEAL", "false")
    refused("REQUIRE_SEAL", "set it to true")


def test_own_tokens_instead_of_an_issuer_are_refused(change: Change) -> None:
    change("TOKEN_ISSUER", None)
    change("TOKEN_KEYS", None)
    refused("TOKEN_ISSUER", "OVERGANG_TOKEN_KEYS")


@pytest.mark.parametrize("name", ["PSEUDONYM_KEY_FILE", "WRAPPING_KEY_FILE", "SEAL_KEYS_FILE"])
def test_a_secret_that_is_not_given_is_not_made(change: Change, name: str, safe: Path) -> None:
    change(name, None)
    refused(name, "name its file here")
    assert list((safe / "data").iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "PSEUDONYM_KEY_FILE",
        "WRAPPING_KEY_FILE",
        "SEAL_KEYS_FILE",
        "KAFKA_PASSWORD_FILE",
        "DATABASE_PASSWORD_FILE",
    ],
)
def test_a_secret_whose_file_is_gone_is_not_made_anew(change: Change, name: str, safe: Path) -> None:
    change(name, str(safe / "gone"))
    refused(name, "restore it")
    assert not (safe / "gone").exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("PSEUDONYM_KEY_FILE", "pseudonym.key"),
        ("WRAPPING_KEY_FILE", "wrapping.key"),
        ("SEAL_KEYS_FILE", "seal.keys"),
        ("KAFKA_PASSWORD_FILE", "kafka.password"),
        ("DATABASE_PASSWORD_FILE", "database.password"),
    ],
)
def test_a_secret_that_others_can_read_is_refused(name: str, file: str, safe: Path) -> None:
    (safe / file).chmod(0o640)
    refused(name, f"chmod 600 {safe / file}")


def test_a_private_key_of_the_api_that_others_can_read_is_refused(change: Change, safe: Path) -> None:
    change("TLS_CERTIFICATE_FILE", str(safe / "tls.pem"))
    change("TLS_KEY_FILE", str(safe / "tls.key"))
    (safe / "tls.key").chmod(0o644)
    refused("TLS_KEY_FILE", "chmod 600")


def test_a_data_directory_that_others_can_enter_is_refused(safe: Path) -> None:
    (safe / "data").chmod(0o750)
    refused("DATA_DIRECTORY", f"chmod 700 {safe / 'data'}")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::"])
def test_plain_http_beyond_this_machine_is_refused(change: Change, host: str) -> None:
    change("HTTP_HOST", host)
    refused("HTTP_HOST", "OVERGANG_HTTP_BEHIND_PROXY=true")


def test_http_beyond_this_machine_speaks_tls_or_is_behind_a_proxy_that_does(
    change: Change, safe: Path
) -> None:
    change("HTTP_HOST", "0.0.0.0")
    change("HTTP_BEHIND_PROXY", "true")
    assert Settings().monitoring_host == "127.0.0.1"
    change("HTTP_BEHIND_PROXY", None)
    change("TLS_CERTIFICATE_FILE", str(safe / "tls.pem"))
    change("TLS_KEY_FILE", str(safe / "tls.key"))
    assert Settings().http_host == "0.0.0.0"


def test_the_webhook_name_for_trying_out_is_refused(change: Change) -> None:
    change("WEBHOOK_ORIGIN", None)
    refused("WEBHOOK_ORIGIN", "DNS name")


def test_every_fault_is_told_at_once(change: Change) -> None:
    change("REPLICATION_FACTOR", "1")
    change("REQUIRE_SEAL", "false")
    with pytest.raises(SettingsRefused, match=r"OVERGANG_REPLICATION_FACTOR: .*; OVERGANG_REQUIRE_SEAL: "):
        Settings()


def test_the_api_takes_only_the_issuers_tokens_and_grants_nobody_everything(change: Change) -> None:
    change("HTTP_NAMES", "overgang.example,www.overgang.example")
    config = api_config(Settings())
    assert set(config.token_issuers) == {"https://issuer.example"}
    assert not config.everybody
    assert {"overgang.example", "www.overgang.example"} < set(config.allowed_hosts)
    assert "" not in config.allowed_hosts


def test_webhooks_never_lead_to_private_addresses() -> None:
    assert not api_config(Settings()).loopback_webhooks


def test_this_machines_own_tokens_are_not_made(safe: Path) -> None:
    with pytest.raises(NoToken, match="OVERGANG_TOKEN_ISSUER"):
        local_credential(Settings())
    assert list((safe / "data").iterdir()) == []


def test_a_gateway_in_one_place_is_refused() -> None:
    with pytest.raises(SettingsRefused, match="overgang migrate"), gateway(Settings(), lambda *_: None):
        pytest.fail("it started")


def test_passwords_come_from_their_files_and_are_printed_nowhere() -> None:
    settings = Settings()
    config = worker_config(settings)
    consumer = config.consumer_settings()
    assert (consumer["sasl.username"], consumer["sasl.password"]) == ("overgang-worker", "correct horse")
    assert consumer["security.protocol"] == "SASL_SSL"
    url = with_password("postgresql://o@h/d", settings)
    assert (conninfo_to_dict(url)["password"], make_url(url).password) == ("battery staple", "battery staple")
    assert "correct horse" not in repr(settings) + repr(config)


@pytest.mark.parametrize("content", ["", "\n", "two\nlines\n"])
def test_a_file_without_a_password_is_refused(safe: Path, content: str) -> None:
    (safe / "kafka.password").write_text(content)
    with pytest.raises(KeyFileError, match="OVERGANG_KAFKA_PASSWORD_FILE"):
        worker_config(Settings()).consumer_settings()


@pytest.mark.parametrize("url", ["http://collector.example:4318", "http://10.0.0.7:4318/v1/traces"])
def test_traces_in_the_clear_beyond_this_machine_are_refused(change: Change, url: str) -> None:
    change("TRACES_ENDPOINT", url)
    refused("TRACES_ENDPOINT", "use https")


@pytest.mark.parametrize("url", ["https://collector.example", "http://127.0.0.1:4318"])
def test_traces_by_tls_or_to_this_machine_are_sent(change: Change, url: str) -> None:
    change("TRACES_ENDPOINT", url)
    traces = worker_config(Settings()).traces
    assert traces is not None
    assert traces.url == f"{url}/v1/traces"
