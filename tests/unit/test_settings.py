"""Settings: sane by default, strict about what is unsafe, unknown or malformed, silent about secrets."""

from pathlib import Path

import pytest

from connectors.settings import Settings, SettingsRefused
from streams.tracing.target import TraceTarget


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"OVERGANG_{field.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_by_default_everything_is_embedded_and_on_loopback(tmp_path: Path) -> None:
    settings = Settings()
    assert settings.profile == "embedded"
    assert settings.http_host == "127.0.0.1"
    assert (settings.kafka_bootstrap, settings.database_url) == (None, None)
    assert settings.data_directory == tmp_path / ".overgang"
    assert settings.pseudonym_key_file == tmp_path / ".overgang/keys/pseudonym.key"
    assert settings.wrapping_key_file == tmp_path / ".overgang/keys/wrapping.key"
    assert settings.seal_keys_file == tmp_path / ".overgang/keys/seal.keys"
    assert (settings.require_seal, settings.seal_days) == (False, 14)
    assert settings.inbound_partitions == 6


def test_keys_lie_in_the_data_directory_that_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OVERGANG_DATA_DIRECTORY", "elsewhere")
    monkeypatch.setenv("OVERGANG_PSEUDONYM_KEY_FILE", "/keys/of-the-municipality.key")
    settings = Settings()
    assert settings.data_directory == tmp_path / "elsewhere"
    assert settings.pseudonym_key_file == Path("/keys/of-the-municipality.key")
    assert settings.wrapping_key_file == tmp_path / "elsewhere/keys/wrapping.key"


@pytest.mark.parametrize("profile", ["prod", "Embedded"])
def test_a_profile_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch, profile: str) -> None:
    monkeypatch.setenv("OVERGANG_PROFILE", profile)
    with pytest.raises(SettingsRefused, match=r"^OVERGANG_PROFILE: "):
        Settings()


@pytest.mark.parametrize(
    "set_", ["OVERGANG_TOKEN_ISSUER", "OVERGANG_TLS_KEY_FILE", "OVERGANG_TLS_CLIENT_CA_FILE"]
)
def test_settings_that_belong_together_are_named_together(monkeypatch: pytest.MonkeyPatch, set_: str) -> None:
    monkeypatch.setenv(set_, "/example")
    with pytest.raises(SettingsRefused, match=set_):
        Settings()


@pytest.mark.parametrize("address", ["broker.example:9092", "127.0.0.1:9092,192.0.2.7:9092"])
def test_an_unsecured_broker_beyond_loopback_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("OVERGANG_KAFKA_BOOTSTRAP", address)
    with pytest.raises(SettingsRefused, match=r"^OVERGANG_KAFKA_BOOTSTRAP: .*KAFKA_SECURITY=SASL_SSL$"):
        Settings()


@pytest.mark.parametrize("missing", ["OVERGANG_KAFKA_USER", "OVERGANG_KAFKA_PASSWORD_FILE"])
def test_a_secured_broker_asks_for_user_and_password(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setenv("OVERGANG_KAFKA_BOOTSTRAP", "broker.example:9092")
    monkeypatch.setenv("OVERGANG_KAFKA_SECURITY", "SASL_SSL")
    monkeypatch.setenv("OVERGANG_KAFKA_USER", "overgang-worker")
    monkeypatch.setenv("OVERGANG_KAFKA_PASSWORD_FILE", "/secrets/kafka")
    monkeypatch.delenv(missing)
    with pytest.raises(SettingsRefused, match=f"^{missing}: "):
        Settings()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "gateway.example"])
def test_an_address_beyond_loopback_is_refused(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("OVERGANG_HTTP_HOST", host)
    with pytest.raises(SettingsRefused, match=r"^OVERGANG_HTTP_HOST: .*set it to 127\.0\.0\.1$"):
        Settings()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_every_loopback_address_will_do(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("OVERGANG_HTTP_HOST", host)
    assert Settings().http_host == host


def test_a_misspelt_setting_is_not_overlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERGANG_KAFKA_BOOTSTRAPS", "127.0.0.1:9092")
    with pytest.raises(
        SettingsRefused, match=r"OVERGANG_KAFKA_BOOTSTRAPS: .* did you mean OVERGANG_KAFKA_BOOTSTRAP"
    ):
        Settings()


def test_an_error_names_every_fault_and_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERGANG_DATABASE_URL", "mysql://clerk:hunter2@database.example/overgang")
    monkeypatch.setenv("OVERGANG_KAFKA_BOOTSTRAP", "broker.example")
    monkeypatch.setenv("OVERGANG_HTTP_PORT", "70000")
    with pytest.raises(SettingsRefused) as refused:
        Settings()
    text = str(refused.value)
    for name in ("OVERGANG_DATABASE_URL", "OVERGANG_KAFKA_BOOTSTRAP", "OVERGANG_HTTP_PORT"):
        assert text.count(f"{name}: ") == 1
    assert text.count("OVERGANG_") == 3
    assert "hunter2" not in text
    assert "70000" not in text


def test_a_database_password_is_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERGANG_DATABASE_URL", "postgresql://clerk:hunter2@database.example/overgang")
    assert "hunter2" not in repr(Settings())
    assert "hunter2" not in str(Settings())


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERGANG_KAFKA_BOOTSTRAP", "")
    assert Settings().kafka_bootstrap is None


def test_there_are_no_traces_unless_an_endpoint_is_named() -> None:
    settings = Settings()
    assert TraceTarget.of(settings.traces_endpoint, settings.traces_share) is None


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
        ("https://collector.example/otlp/v1/traces", "https://collector.example/otlp/v1/traces"),
    ],
)
def test_an_endpoint_without_a_path_gets_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, given: str, url: str
) -> None:
    monkeypatch.setenv("OVERGANG_TRACES_ENDPOINT", given)
    monkeypatch.setenv("OVERGANG_TRACES_SHARE", "0.1")
    settings = Settings()
    assert TraceTarget.of(settings.traces_endpoint, settings.traces_share) == TraceTarget(url, 0.1)


def test_an_endpoint_that_is_no_url_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERGANG_TRACES_ENDPOINT", "collector:4318")
    with pytest.raises(SettingsRefused, match=r"^OVERGANG_TRACES_ENDPOINT: it is not a URL such as "):
        Settings()
