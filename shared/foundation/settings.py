"""Everything that differs between deployments, read from the environment once and checked before anything runs."""

from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.foundation.schedule import Site

# Exchange's limit for rule and connector names is 64 characters and the longest published name has 56.
LONGEST_PREFIX = 8


def _without_trailing_slash(url: str) -> str:
    return url.rstrip("/")


Url = Annotated[str, Field(pattern=r"^https?://[^/?#\s]+[^?#\s]*$"), AfterValidator(_without_trailing_slash)]


def _small_enough(network: IPv4Network) -> IPv4Network:
    # The connection filter and inbound connectors take IPv4 ranges of at most 256 addresses.
    if network.prefixlen < 24:
        raise ValueError("Exchange takes IPv4 ranges from /24 to /32 only")
    return network


class Microsoft(BaseModel):
    """How to reach Microsoft's clouds, and who we are there: one of secret, certificate and federated identity."""

    login_url: Url = "https://login.microsoftonline.com"
    graph_url: Url = "https://graph.microsoft.com"
    exchange_url: Url = "https://outlook.office365.com"
    client_id: str = ""
    client_secret: SecretStr | None = None
    certificate: Path | None = Field(None, description="PEM file with the private key and the certificate")
    federated: str | None = Field(
        None,
        description="client id of the user-assigned managed identity; or `google`, for the service account that Google "
        "Cloud runs the function under",
    )
    name_prefix: str = Field("", max_length=LONGEST_PREFIX, description="stands before every object's name")
    hide_groups: bool = Field(default=True, description="hide the virtual groups from address lists, through Exchange")

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        given = [c for c in (self.client_secret, self.certificate, self.federated) if c is not None]
        if len(given) > 1:
            raise ValueError("set only one of CLIENT_SECRET, CERTIFICATE and FEDERATED")
        return self


class Google(BaseModel):
    """How to reach Google, and who we are there: an OAuth client for administrators, and one service account."""

    accounts_url: Url = "https://accounts.google.com"
    token_url: Url = "https://oauth2.googleapis.com"  # noqa: S105 - an address
    admin_url: Url = "https://admin.googleapis.com"
    gmail_url: Url = "https://gmail.googleapis.com"
    cloudidentity_url: Url = "https://cloudidentity.googleapis.com"
    appsmarket_url: Url = "https://appsmarket.googleapis.com"
    groupssettings_url: Url = "https://www.googleapis.com"
    iam_url: Url = "https://iamcredentials.googleapis.com"
    certs_url: Url = "https://www.googleapis.com/oauth2/v3/certs"
    client_id: str = ""
    client_secret: SecretStr | None = None
    service_account: SecretStr | None = Field(
        None,
        description="a key file's path or content; or only the account's address, to sign through the IAM signer as "
        "whatever identity the deployment runs under",
    )
    service_account_client: str = Field("", description="the account's numeric client id; a key file has it already")
    marketplace_app: str = Field("", description="application id of the Marketplace listing")
    marketplace_url: Url = "https://workspace.google.com/marketplace"
    topic: str = Field("", description="projects/…/topics/… in the service account's own project")
    push_account: str = Field("", description="address of the account whose tokens come with notifications")
    push_audience: str = Field("", description="the audience of those tokens; by default the address they come to")
    harden_group: bool = Field(default=True, description="close the virtual group, through Groups Settings")
    drive_customers: list[str] = Field(
        [], description="customers, by id or domain, whose Drive uses the same Marketplace app; * for all"
    )


class MailSite(BaseModel):
    """Where one site of the scanning service sends and receives mail.

    In a smart host `{connection}` stands for the connection's own label, so that mail is attributed to it.
    """

    incoming_smart_host: str = "{connection}.inrelay.example.net"
    outgoing_smart_host: str = "{connection}.outrelay.example.net"
    egress: list[Annotated[IPv4Network, AfterValidator(_small_enough)]] = Field(
        default_factory=lambda: [IPv4Network("203.0.113.16/28"), IPv4Network("198.51.100.32/29")],
        min_length=1,
    )
    sending_domain: str = "outbound.example.net"
    gateway_host: str = Field("{connection}.gmail-inrelay.example.net", description="takes mail routed out of Gmail")
    gateway_port: int = Field(25, ge=1, le=65535)


class Mail(BaseModel):
    """The headers by which the service and a tenant know each other, and the sites."""

    return_header: str = "X-TMCAS-Inline-Return-Identifier"
    loop_header: str = "X-TrendMicro-CAS-OUT-LOOP-IDENTIFIER"
    verdict_header: str = "X-TMCAS-Inline-Verdict"
    junk_verdict: str = "junk"
    default: MailSite = MailSite()
    sites: dict[Site, MailSite] = {}

    def at(self, site: Site) -> MailSite:
        """The addresses of one site."""
        return self.sites.get(site, self.default)


class Operators(BaseModel):
    """Who may operate: accounts of one OpenID Connect issuer, by tokens for the API or by signing in to the console.

    What is asked of the issuer is where its own discovery document says, at `/.well-known/openid-configuration`.
    """

    issuer: str = Field(
        "", pattern=r"^(https://[^/?#\s]+[^?#\s]*|http://(localhost|127\.0\.0\.1)(:\d+)?(/[^?#\s]*)?)?$"
    )
    audience: str = Field("api://footprint", min_length=1, description="of the tokens that the API takes")
    client_id: str = Field("", description="of the console; without it nobody signs in there through the issuer")
    client_secret: SecretStr | None = Field(None, description="of the same, unless it is a public client")
    customer_claim: str = Field(
        "",
        description="the claim that says whose connections an account may see, `*` for all; without such a claim's "
        "name every account sees all of them",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.client_id and not self.issuer:
            raise ValueError("set ISSUER too")
        return self


class Dns(BaseModel):
    """Who answers MX questions: the system's resolver, or `address` and `address:port` entries."""

    nameservers: list[str] = []


class Smtp(BaseModel):
    """The mail server that reports are handed to. Without a host they are kept, and nobody is sent mail."""

    host: str = ""
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="a server that does not offer it is not used; `none` is for a relay on the same machine"
    )
    username: str = ""
    password: SecretStr | None = None
    sender: str = Field("", description="the address that reports come from", pattern=r"^([^@\s]+@[^@\s]+)?$")

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

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    otlp_url: Url | None = Field(None, description="an OpenTelemetry collector's address for OTLP over HTTP")


class Scanner(BaseModel):
    """Another service that is asked about messages, where a policy says so; requests are signed with the secret."""

    url: Annotated[Url, Field(pattern=r"^https://")] | None = None
    key_id: str = Field("", max_length=64, pattern=r"^[\w.:-]*$", description="tells the scanner which secret it is")
    secret: SecretStr | None = Field(None, min_length=16)
    timeout: float = Field(10, gt=0, le=60, description="of each try, in seconds")
    unanswered: Literal["pass", "act", "wait"] = Field(
        "pass",
        description="what becomes of mail when the scanner does not answer; wait: its mailbox is read again later",
    )

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.url is not None and (self.secret is None or not self.key_id):
            raise ValueError("set KEY_ID and SECRET as well: an unsigned request could be anybody's")
        return self


class MasterKey(BaseModel):
    """What seals the keys of single connections: exactly one of a value, a file, a key vault's key and a KMS key."""

    value: SecretStr | None = Field(None, description="32 bytes in base64url")
    file: Path | None = Field(None, description="such a value in each line: the first seals, the others only open")
    key_vault: Url | None = Field(None, description="https://….vault.azure.net/keys/…: an RSA key that wraps")
    kms: str | None = Field(None, description="projects/…/locations/…/keyRings/…/cryptoKeys/…")
    kms_url: Url = "https://cloudkms.googleapis.com"

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if len([key for key in (self.value, self.file, self.key_vault, self.kms) if key is not None]) != 1:
            raise ValueError("set exactly one of VALUE, FILE, KEY_VAULT and KMS")
        return self


class AzureStorage(BaseModel):
    """The storage account whose queues carry the jobs: reached by our own identity, or with a connection string."""

    queue_url: Url | None = Field(None, description="https://….queue.core.windows.net")
    connection_string: SecretStr | None = None


class CloudTasks(BaseModel):
    """The queues that carry the jobs on Google Cloud, and the functions that they and the schedules call."""

    url: Url = "https://cloudtasks.googleapis.com"
    location: str = Field("", description="projects/…/locations/…")
    account: str = Field("", description="address of the service account in whose name jobs and schedules call us")
    job_url: Url | None = Field(None, description="where the function `job` is reached; its tokens' audience as well")
    schedule_url: Url | None = Field(None, description="the same of the function `schedule`")
    certs_url: Url = "https://www.googleapis.com/oauth2/v3/certs"


class Api(BaseModel):
    """How much is asked of one process."""

    requests_a_minute: int = Field(600, ge=0, description="of one account, where looks at a tenant count more; 0: any")


class Settings(BaseSettings):
    """Names in the environment start with FOOTPRINT_ and nest with two underscores."""

    model_config = SettingsConfigDict(
        env_prefix="FOOTPRINT_", env_nested_delimiter="__", env_file=".env", extra="ignore", frozen=True
    )

    database_url: str = "sqlite+aiosqlite:///./footprint.db"
    queue: Literal["embedded", "azure-storage", "cloud-tasks"] = "embedded"
    azure_storage: AzureStorage = AzureStorage()
    cloud_tasks: CloudTasks = CloudTasks()
    azure_identity: str | None = Field(
        None, description="client id of the user-assigned managed identity; without one, the system-assigned"
    )
    public_url: Url = "http://127.0.0.1:8080"
    sites: list[Site] = Field(default_factory=lambda: list(Site))
    master_key: MasterKey
    clock_file: Path | None = None
    ca_file: Path | None = None
    microsoft: Microsoft = Microsoft()
    google: Google = Google()
    mail: Mail = Mail()
    operators: Operators = Operators()
    api: Api = Api()
    dns: Dns = Dns()
    smtp: Smtp = Smtp()
    telemetry: Telemetry = Telemetry()
    scanner: Scanner = Scanner()
    operations_kept: timedelta = Field(timedelta(days=180), description="how long the log of our calls is kept")
    # A directory that shrinks by more than this share at once is not believed.
    implausible_loss: float = Field(0.3, gt=0, le=1)
