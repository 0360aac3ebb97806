"""Every setting of the gateway, read from environment variables that begin with `OVERGANG_`."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from connectors.production import is_loopback, unsafe
from connectors.settings_refused import PREFIX, SettingsRefused, refusal_text, refuse_unknown_variables
from streams.topic_definition import INBOUND_PARTITIONS

__all__ = ["PREFIX", "Settings", "SettingsRefused"]

_FORMS = {
    "maven_repository": "a URL such as https://repository.example/maven2",
    "kafka_bootstrap": "a list of addresses such as broker.example:9092,other.example:9092",
    "database_url": "a URL such as postgresql://user@database.example/overgang",
    "schema_registry_url": "a URL such as https://registry.example/apis/ccompat/v7, without user",
    "topic_prefix": "at most 64 letters, digits, dots, hyphens and underscores",
    "webhook_origin": "a DNS name such as overgang.example",
    "http_names": "a list of DNS names such as overgang.example,other.example",
    "traces_endpoint": "a URL such as http://127.0.0.1:4318/v1/traces",
    "consumer_group": "1 to 64 letters, digits, dots, hyphens and underscores",
}


def _absolute(path: Path) -> Path:
    """Child processes may run in another working directory."""
    return path.expanduser().absolute()


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class Settings(BaseSettings):
    """One field a variable: `http_port` is `OVERGANG_HTTP_PORT`. An empty variable counts as absent.

    Raises SettingsRefused.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    profile: Literal["embedded", "production"] = "embedded"
    """`embedded`: all on this machine, loopback only, secrets made in the data directory. `production`: every
    connection secured and every secret given; see `connectors.production` for what it refuses."""

    data_directory: AbsolutePath = Field(default=Path(".overgang"), validate_default=True)
    """Everything that is kept: embedded broker and database, keys, logs. Made with mode 700."""

    cache_directory: AbsolutePath | None = None
    """Where downloaded jars are kept, for all data directories; None: the user's cache directory."""

    maven_repository: str | None = Field(default=None, pattern=r"^https?://")
    """URL of the Maven repository that the embedded broker's jars come from; None: the public one. What it
    serves is checked against the lock file."""

    kafka_bootstrap: str | None = Field(default=None, pattern=r"^[^,:\s]+:\d+(,[^,:\s]+:\d+)*$")
    """`host:port[,host:port]` of a Kafka of your own; None: an embedded one is started."""

    kafka_security: Literal["PLAINTEXT", "SASL_SSL"] = Field(
        default_factory=lambda data: "PLAINTEXT" if data["profile"] == "embedded" else "SASL_SSL"
    )
    """`SASL_SSL`: TLS, and a user who proves its password by SCRAM-SHA-512. `PLAINTEXT`: loopback only."""

    kafka_ca_file: AbsolutePath | None = None
    """Certificates (PEM) of the authorities that the brokers' are checked against; None: the system's."""

    kafka_user: str | None = None
    """The broker's user that this process logs in as; one a part, with that part's rights."""

    kafka_password_file: AbsolutePath | None = None
    """File of mode 600 with that user's password, one line."""

    database_url: str | None = Field(default=None, repr=False, pattern=r"^postgres(ql)?://")
    """`postgresql://user@host/database` of a PostgreSQL of your own; None: an embedded one is started. May
    hold a password, so it is never printed."""

    database_password_file: AbsolutePath | None = None
    """File of mode 600 with the password of the database's user, one line."""

    schema_registry_url: str | None = Field(default=None, pattern=r"^https?://[^@\s]+$")
    """URL of the Confluent interface of a schema registry that holds our schemas, too, without a credential;
    None: there is none. Only `overgang schemas` and `overgang doctor` ask it."""

    schema_registry_authorization_file: AbsolutePath | None = None
    """File of mode 600 with the value of the Authorization header for it, one line."""

    disk_floor_mb: int = Field(default=200, ge=0, le=1_000_000)
    """MiB that must be free on the data directory's disk: with fewer, worker and API are not ready."""

    http_host: str = "127.0.0.1"
    """Address the HTTP API listens on; in the embedded profile loopback only."""

    http_names: str = Field(default="", pattern=r"^$|^[A-Za-z0-9.-]+(,[A-Za-z0-9.-]+)*$")
    """DNS names by which callers reach the HTTP API, with commas between; requests for others are refused."""

    http_behind_proxy: bool = False
    """Whether a proxy in front of the HTTP API speaks TLS, so that it may speak plain HTTP on a network that
    only that proxy is on."""

    monitoring_host: str = Field(
        default_factory=lambda data: host if is_loopback(host := data["http_host"]) else "127.0.0.1"
    )
    """Address of the worker's and the deliverer's health and metrics: plain HTTP without credential, so
    loopback or a network for monitoring alone."""

    http_port: int = Field(default=8080, ge=0, le=65535)
    """Port of the HTTP API; 0 takes a free one."""

    worker_port: int = Field(default=0, ge=0, le=65535)
    """Port of the worker's health and metrics; 0 takes a free one."""

    deliver_port: int = Field(default=0, ge=0, le=65535)
    """Port of the deliverer's health and metrics; 0 takes a free one."""

    webhook_origin: str = Field(
        default="overgang.localhost", pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
    )
    """DNS name by which this gateway asks endpoints for consent (header WebHook-Request-Origin)."""

    webhook_days: int = Field(default=14, ge=1, le=60)
    """Days after which a message that its recipient's endpoint did not take expires."""

    pseudonym_key_file: AbsolutePath = Field(
        default_factory=lambda data: data["data_directory"] / "keys" / "pseudonym.key"
    )
    """The secret of all pseudonyms, made once, mode 600. It never rotates: without it no case is found."""

    wrapping_key_file: AbsolutePath = Field(
        default_factory=lambda data: data["data_directory"] / "keys" / "wrapping.key"
    )
    """The secret that case keys are wrapped with, made once, mode 600. Without it no payload can be read."""

    token_key_file: AbsolutePath = Field(
        default_factory=lambda data: data["data_directory"] / "keys" / "token.key"
    )
    """The secret that `overgang parties token` signs with in the embedded profile, made once, mode 600. A new
    one ends all tokens that were issued."""

    seal_keys_file: AbsolutePath = Field(
        default_factory=lambda data: data["data_directory"] / "keys" / "seal.keys"
    )
    """The secrets that the HTTP API seals with and workers verify with, one a line: the first seals, all
    verify. Made once, mode 600; the same on every machine. A change counts within a second."""

    require_seal: bool = Field(default_factory=lambda data: data["profile"] != "embedded")
    """Whether workers refuse what lies on the inbound topics without a seal or a signature; only the embedded
    profile takes it by default. A broken seal is refused always."""

    seal_days: int = Field(default=14, ge=1, le=3650)
    """Days between a seal or signature and the broker's own date of a record, at most; as long as the inbound
    topics keep what lies on them."""

    faults_per_hour: int = Field(default=1_000, ge=0, le=1_000_000)
    """Records signed by one system that could not be accepted within an hour, at most; one more, and it may
    send nothing until it is resumed. 0: it always may."""

    token_issuer: str | None = Field(default=None, pattern=r"^\S{1,200}$")
    """Claim `iss` of the issuer whose bearer tokens count beside this machine's own; None: no other."""

    token_keys: str | None = Field(
        default=None, pattern=r"^(https://|http://(127\.0\.0\.1|localhost)[:/]|/)\S+$"
    )
    """Where that issuer publishes its keys (JWKS): a URL, https but on loopback; or a file's path."""

    token_audience: str = Field(default="overgang", min_length=1)
    """What the claim `aud` of a bearer token must name."""

    tls_certificate_file: AbsolutePath | None = None
    """Certificate (PEM, with its chain) that the HTTP API shows; None: it speaks plain HTTP."""

    tls_key_file: AbsolutePath | None = None
    """Private key of that certificate (PEM)."""

    tls_client_ca_file: AbsolutePath | None = None
    """Certificates (PEM) of the authorities whose client certificates are taken; None: none are."""

    messages_per_second: int = Field(default=200, ge=1, le=100_000)
    """Messages a second that one system may post for one party in the long run, to one API process."""

    messages_burst: int = Field(default=5_000, ge=1, le=1_000_000)
    """Messages that it may post at once after a pause."""

    requests_per_second: int = Field(default=200, ge=1, le=100_000)
    """Requests of any kind a second that one system may make in the long run, to one API process."""

    requests_burst: int = Field(default=5_000, ge=1, le=1_000_000)
    """Requests that it may make at once after a pause."""

    requests_at_once: int = Field(default=300, ge=1, le=1_000)
    """Requests of one system that wait for their answers at a time, in one API process."""

    batches_at_once: int = Field(default=4, ge=1, le=100)
    """Batches among them; their bodies may hold 32 MiB in all."""

    topic_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,64}$")
    """Comes before `inbound.` and `outbound.` in every topic name, where several gateways share a broker."""

    inbound_partitions: int = Field(default=INBOUND_PARTITIONS, ge=1, le=1000)
    """Partitions of each inbound topic. Never change it for topics that exist: keys would move."""

    replication_factor: int = Field(default=1, ge=1, le=5)
    """Replicas of each topic that is made; the embedded broker can hold one."""

    consumer_group: str = Field(default="overgang", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """Workers of one group share the inbound partitions. Positions live in the database, not in the group."""

    batch_size: int = Field(default=500, ge=1, le=5000)
    """Messages of one partition that are applied in one transaction, at most."""

    session_timeout_ms: int = Field(default=10_000, ge=1_000, le=300_000)
    """Milliseconds without a heartbeat after which the broker gives a worker's partitions to others: so long
    nothing is read after a worker was killed. Too short costs a rebalance now and then, never a message."""

    traces_endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s/]\S*$")
    """Where traces go: a collector's URL for OTLP over HTTP; without a path `/v1/traces` is added. None:
    there are no traces."""

    traces_share: float = Field(default=1.0, ge=0, le=1)
    """Share of the traces that are kept, 0 to 1; the same in every process, else traces have holes."""

    def __init__(self, **values: Any) -> None:
        refuse_unknown_variables(type(self).model_fields)
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsRefused(refusal_text(error, _FORMS)) from None
        if self.profile == "production" and (faults := unsafe(self)):
            raise SettingsRefused("; ".join(faults))

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.token_issuer is None) != (self.token_keys is None):
            raise ValueError("OVERGANG_TOKEN_ISSUER and OVERGANG_TOKEN_KEYS: set both or neither")
        if self.token_issuer == "overgang-embedded":
            raise ValueError(
                "OVERGANG_TOKEN_ISSUER: is the name of this machine's own tokens; name the other issuer"
            )
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("OVERGANG_TLS_CERTIFICATE_FILE and OVERGANG_TLS_KEY_FILE: set both or neither")
        if self.tls_client_ca_file is not None and self.tls_certificate_file is None:
            raise ValueError(
                "OVERGANG_TLS_CLIENT_CA_FILE: needs a certificate; set OVERGANG_TLS_CERTIFICATE_FILE, too"
            )
        self._check_broker()
        return self

    def _check_broker(self) -> None:
        if self.kafka_bootstrap is None:
            return
        if self.kafka_security == "SASL_SSL":
            for name in ("kafka_user", "kafka_password_file"):
                if getattr(self, name) is None:
                    raise ValueError(f"{PREFIX}{name.upper()}: a broker by SASL_SSL asks for it; set it")
        elif not all(is_loopback(place.split(":")[0]) for place in self.kafka_bootstrap.split(",")):
            raise ValueError(
                "OVERGANG_KAFKA_BOOTSTRAP: names an unsecured broker beyond this machine; "
                "set OVERGANG_KAFKA_SECURITY=SASL_SSL"
            )

    @field_validator("http_host", "monitoring_host")
    @classmethod
    def _only_loopback(cls, host: str, info: ValidationInfo) -> str:
        if info.data.get("profile") == "embedded" and not is_loopback(host):
            raise ValueError("the embedded profile listens on loopback only; set it to 127.0.0.1")
        return host
