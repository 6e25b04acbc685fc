"""Everything that differs between deployments, read from the environment once and checked before anything runs."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.foundation.brand import MAX_NAME_CHARS, PUBLISHED, Brand
from shared.foundation.operator_settings import Api, Operators, Provider
from shared.foundation.platform_settings import Google, Mail, Microsoft, Url
from shared.foundation.retention import Retention
from shared.foundation.schedule import Site

# Our token goes there.
ANCHORS = r"^(https://[^/\s?#]+|http://(127\.0\.0\.1|localhost)(:[0-9]+)?)(/[^/\s?#]+)+$"


class Dns(BaseModel):
    """Who answers MX questions: the system's resolver, or `address` and `address:port` entries."""

    nameservers: list[str] = Field(
        [], description="resolvers to ask, each `address` or `address:port`; by default the system's"
    )


class Smtp(BaseModel):
    """The mail server that reports are handed to. Without a host they are kept, and nobody is sent mail."""

    host: str = Field("", description="name of the mail server")
    port: int = Field(587, ge=1, le=65535, description="its port; mostly 587 for STARTTLS and 465 for TLS")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="a server that does not offer it is not used; `none` is for a relay on the same machine"
    )
    username: str = Field("", description="account at the mail server; without one no sign-in is tried")
    password: SecretStr | None = Field(None, description="password of that account")
    sender: str = Field("", description="the address that reports come from", pattern=r"^([^@\s]+@[^@\s]+)?$")
    recipient_domains: list[str] = Field(
        [],
        description="the operator's own domains: reports are sent to addresses of these and of the tenant's verified "
        "domains only",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.host and not self.sender:
            raise ValueError("set SENDER too")
        if (self.username or self.password) and self.security == "none":
            raise ValueError("a password is not sent in the open: set SECURITY to starttls or tls")
        return self


class Telemetry(BaseModel):
    """What is told of the service's own work: log lines always, traces and metrics if there is a collector.

    The standard OTEL_ variables for headers, resource attributes and sampling are followed as well.
    """

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="the least severe line logged")
    otlp_url: Url | None = Field(None, description="an OpenTelemetry collector's address for OTLP over HTTP")
    numbers: bool = Field(
        default=False,
        description="log each number of `/api/metrics` once a minute, which is what the clouds' alerts read",
    )


class Scanner(BaseModel):
    """Another service that is asked about messages, where a policy says so; requests are signed with the secret."""

    url: Annotated[Url, Field(pattern=r"^https://")] | None = Field(
        None, description="address that messages are posted to, by https; without one no policy can ask a scanner"
    )
    key_id: str = Field("", max_length=64, pattern=r"^[\w.:-]*$", description="tells the scanner which secret it is")
    secret: SecretStr | None = Field(
        None, min_length=16, description="signs the requests by HMAC-SHA256; at least 16 characters"
    )
    timeout: float = Field(10, gt=0, le=60, description="longest wait for an answer of each try, in seconds")
    unanswered: Literal["pass", "act", "wait"] = Field(
        "pass",
        description="what becomes of mail when the scanner does not answer; wait: its mailbox is read again later",
    )

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.url is not None and (self.secret is None or not self.key_id):
            raise ValueError("set KEY_ID and SECRET as well: an unsigned request could be anybody's")
        return self


class Webhooks(BaseModel):
    """Who is told of events, and where receivers may stand. Subscriptions are made through the API."""

    inside: list[IPv4Network | IPv6Network] = Field(
        [],
        description="JSON list of our own networks in which receivers may stand, without TLS too; by default only "
        "addresses on the internet are posted to",
    )


class MasterKey(BaseModel):
    """What seals the keys of single connections: exactly one of a value, a file, a key vault's key and a KMS key."""

    value: SecretStr | None = Field(None, description="32 bytes in base64url")
    file: Path | None = Field(None, description="such a value in each line: the first seals, the others only open")
    key_vault: Url | None = Field(None, description="https://….vault.azure.net/keys/…: an RSA key that wraps")
    kms: str | None = Field(None, description="projects/…/locations/…/keyRings/…/cryptoKeys/…")
    kms_url: Url = Field("https://cloudkms.googleapis.com", description="Google Cloud KMS, where KMS is set")

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if len([key for key in (self.value, self.file, self.key_vault, self.kms) if key is not None]) != 1:
            raise ValueError("set exactly one of VALUE, FILE, KEY_VAULT and KMS")
        return self


class DatabaseUser(BaseModel):
    """The public functions' user of a PostgreSQL server, to whom the timer `migrate` gives the right to rows alone."""

    name: str = Field(min_length=1, max_length=63, description="as the public functions' DATABASE_URL names it")
    principal: UUID | None = Field(
        None, description="object id of its managed identity, for which `migrate` makes it; without one it is there"
    )


class AzureStorage(BaseModel):
    """The storage account whose queues carry the jobs: reached by our own identity, or with a connection string."""

    queue_url: Url | None = Field(None, description="https://….queue.core.windows.net")
    connection_string: SecretStr | None = Field(
        None, description="in place of QUEUE_URL and our own identity; meant for emulators"
    )


class CloudTasks(BaseModel):
    """The queues that carry the jobs on Google Cloud, and the functions that they and the schedules call."""

    url: Url = Field("https://cloudtasks.googleapis.com", description="Cloud Tasks API")
    location: str = Field("", description="projects/…/locations/…")
    account: str = Field("", description="address of the service account in whose name jobs and schedules call us")
    job_url: Url | None = Field(None, description="where the function `job` is reached; its tokens' audience as well")
    schedule_url: Url | None = Field(
        None, description="where the function `schedule` is reached; its tokens' audience as well"
    )
    certs_url: Url = Field(
        "https://www.googleapis.com/oauth2/v3/certs",
        description="public keys that the tokens of calls are verified with",
    )


def _is_key(account: str) -> bool:
    """Whether a service account is stated by its key, and not by its address."""
    return account.startswith("{") or "@" not in account


class Settings(BaseSettings):
    """Names in the environment start with FOOTPRINT_ and nest with two underscores."""

    model_config = SettingsConfigDict(
        env_prefix="FOOTPRINT_", env_nested_delimiter="__", env_file=".env", extra="ignore", frozen=True
    )

    database_url: str = Field(
        "sqlite+aiosqlite:///./footprint.db", description="SQLAlchemy URL of the database: SQLite or PostgreSQL"
    )
    database_connections: int = Field(
        5, ge=1, le=50, description="connections of a PostgreSQL server that one process takes at most; more work waits"
    )
    database_identity: Literal["azure", "google"] | None = Field(
        None,
        description="whose token is the password at a PostgreSQL server: the managed identity's or the service "
        "account's; the server's certificate is verified then",
    )
    database_public: DatabaseUser | None = Field(
        None,
        description="`__NAME` of the public functions' user, and `__PRINCIPAL` of its identity, if `migrate` makes it",
    )
    queue: Literal["embedded", "azure-storage", "cloud-tasks"] = Field(
        "embedded", description="what carries the jobs; `embedded` is a table of the database, for one machine"
    )
    azure_storage: AzureStorage = AzureStorage()
    cloud_tasks: CloudTasks = CloudTasks()
    azure_identity: str | None = Field(
        None, description="client id of the user-assigned managed identity; without one, the system-assigned"
    )
    public_url: Url = Field("http://127.0.0.1:8080", description="where browsers and notifications reach us")
    sites: list[Site] = Field(
        default_factory=lambda: list(Site), description="JSON list of the sites whose connections are served here"
    )
    functions: Literal["all", "public", "private"] = Field(
        "all",
        description="what this process is for: `public` faces the internet (console, API, callbacks, notifications) "
        "and opens content only; `private` has timers and queues, and the credentials; `all` is for one machine",
    )
    master_key: MasterKey
    credentials_key: MasterKey | None = Field(
        None, description="the master key of what opens tenants; with `private` it must be another than the master key"
    )
    clock_file: Path | None = Field(
        None, description="file with the seconds by which our clock is ahead; for one machine and tests only"
    )
    ca_file: Path | None = Field(
        None, description="PEM file with one more certificate authority to trust, for proxies and simulators"
    )
    token_threads: int = Field(
        64, ge=1, le=256, description="access tokens that one process asks for side by side at most; more wait"
    )
    microsoft: Microsoft = Microsoft()
    google: Google = Google()
    brand: Brand = PUBLISHED
    mail: Mail = Mail()
    provider: Provider = Provider()
    operators: Operators = Operators()
    api: Api = Api()
    dns: Dns = Dns()
    smtp: Smtp = Smtp()
    telemetry: Telemetry = Telemetry()
    scanner: Scanner = Scanner()
    webhooks: Webhooks = Webhooks()
    inspection_memory: int = Field(
        384,
        ge=64,
        description="MiB that the messages which a process inspects may take together; further ones are read later",
    )
    check_every: timedelta = Field(
        timedelta(minutes=30),
        ge=timedelta(minutes=5),
        le=timedelta(hours=1),
        description="how long after a check of a running connection its tenant is checked again, such as PT30M",
    )
    retention: Retention = Retention()
    anchors: Path | None = Field(
        None, description="append-only file that each hour takes the ledgers' heads and their signed checkpoint"
    )
    anchors_container: str | None = Field(
        None, pattern=ANCHORS, description="the same as blobs: the URL of a container with a locked immutability policy"
    )
    anchors_bucket: str | None = Field(
        None, pattern=ANCHORS, description="the same as objects: the URL of a bucket with a locked retention policy"
    )
    signing_key_kept: timedelta = Field(
        timedelta(days=365), description="after this long a new key signs the certificates; the old one stays published"
    )
    data_key_kept: timedelta = Field(
        timedelta(days=365),
        ge=timedelta(days=30),
        description="after this long a new data key seals what is stored of a connection, and signs links and sessions",
    )
    implausible_loss: float = Field(
        0.3,
        gt=0,
        le=1,
        description="share of a directory, above 0 and at most 1, whose loss at once stops a synchronisation until an "
        "operator accepts it",
    )

    @property
    def services(self) -> dict[str, str]:
        """Who is at each address that we call, as people call them."""
        parts = (self.microsoft, self.google)
        named = {str(getattr(part, field)): name for part in parts for field, name in part.SERVICES.items()}
        ours = {
            self.operators.issuer: "The issuer of accounts",
            self.cloud_tasks.url: "Cloud Tasks",
            self.master_key.kms_url: "Cloud KMS",
            self.scanner.url or "": "The mail scanner",
        }
        return {**ours, **named}

    @model_validator(mode="after")
    def _apart(self) -> Self:
        microsoft, google = self.microsoft, self.google
        account = google.service_account.get_secret_value().strip() if google.service_account else ""
        private = {
            "CREDENTIALS_KEY": self.credentials_key,
            "MICROSOFT__CLIENT_SECRET": microsoft.client_secret,
            "MICROSOFT__CERTIFICATE": microsoft.certificate,
            "MICROSOFT__FEDERATED": microsoft.federated,
            "GOOGLE__CLIENT_SECRET": google.client_secret,
            "the key of GOOGLE__SERVICE_ACCOUNT (its address will do)": (account and _is_key(account)) or None,
        }
        given = [name for name, value in private.items() if value is not None]
        if self.functions == "public" and given:
            raise ValueError(f"FUNCTIONS is public: leave to the workers {', '.join(given)}")
        if self.functions == "private" and self.credentials_key in (None, self.master_key):
            raise ValueError("FUNCTIONS is private: set CREDENTIALS_KEY to another key than MASTER_KEY")
        return self

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        room = MAX_NAME_CHARS - len(self.microsoft.name_prefix)
        for name in self.brand.in_exchange:
            if len(text := getattr(self.brand, name)) > room:
                raise ValueError(
                    f"MICROSOFT__NAME_PREFIX and BRAND__{name.upper()} together have more than the {MAX_NAME_CHARS} "
                    f"characters that Exchange takes: “{self.microsoft.name_prefix}{text}”. Shorten one of them."
                )
        return self
