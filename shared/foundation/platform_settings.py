"""Settings of the platforms and of mail: how each is reached, how to authenticate, and where mail is scanned."""

from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator

from shared.foundation.schedule import Site

# Leaves room for names of 56 characters, the longest published one, in the 64 that Exchange takes.
MAX_PREFIX_CHARS = 8


def _without_trailing_slash(url: str) -> str:
    return url.rstrip("/")


Url = Annotated[str, Field(pattern=r"^https?://[^/?#\s]+[^?#\s]*$"), AfterValidator(_without_trailing_slash)]


def _small_enough(network: IPv4Network) -> IPv4Network:
    # The connection filter and inbound connectors take IPv4 ranges of at most 256 addresses.
    if network.prefixlen < 24:
        raise ValueError("Exchange takes IPv4 ranges from /24 to /32 only")
    return network


class Microsoft(BaseModel):
    """How to reach Microsoft's clouds, and how to authenticate: one of secret, certificate and federated identity."""

    SERVICES: ClassVar[Mapping[str, str]] = {
        "login_url": "Microsoft's sign-in",
        "graph_url": "Microsoft Graph",
        "exchange_url": "Exchange Online",
    }

    login_url: Url = Field("https://login.microsoftonline.com", description="Entra's sign-in host")
    graph_url: Url = Field("https://graph.microsoft.com", description="Microsoft Graph, for directory and groups")
    exchange_url: Url = Field(
        "https://outlook.office365.com", description="Exchange Online, for connectors, rules and lists"
    )
    client_id: str = Field("", description="application (client) id of our app registration")
    client_secret: SecretStr | None = Field(None, description="a client secret of the app registration")
    certificate: Path | None = Field(None, description="PEM file with the private key and the certificate")
    federated: str | None = Field(
        None,
        description="client id of the user-assigned managed identity; or `google`, for the service account that Google "
        "Cloud runs the function under",
    )
    name_prefix: str = Field(
        "",
        max_length=MAX_PREFIX_CHARS,
        description=f"stands before the name of every object, where a tenant asks for it; at most {MAX_PREFIX_CHARS} "
        "characters. Existing objects are renamed",
    )
    hide_groups: bool = Field(default=True, description="hide the virtual groups from address lists, through Exchange")
    audit_log: bool = Field(
        default=False,
        description="compare each customer's own log of their directory with our ledger, daily; the application then "
        "asks for AuditLog.Read.All and Directory.Read.All as well",
    )

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        given = [c for c in (self.client_secret, self.certificate, self.federated) if c is not None]
        if len(given) > 1:
            raise ValueError("set only one of CLIENT_SECRET, CERTIFICATE and FEDERATED")
        return self


class Google(BaseModel):
    """How to reach Google, and how to authenticate: an OAuth client for administrators, and one service account."""

    SERVICES: ClassVar[Mapping[str, str]] = {
        "accounts_url": "Google's sign-in",
        "token_url": "Google's token service",
        "admin_url": "Google's Admin SDK",
        "gmail_url": "Gmail",
        "cloudidentity_url": "Google Cloud Identity",
        "appsmarket_url": "Google Workspace Marketplace",
        "groupssettings_url": "Google's APIs",
        "iam_url": "Google's IAM signer",
    }

    accounts_url: Url = Field("https://accounts.google.com", description="where administrators sign in and consent")
    token_url: Url = Field("https://oauth2.googleapis.com", description="where tokens are issued and revoked")
    admin_url: Url = Field("https://admin.googleapis.com", description="Directory API and Reports API")
    gmail_url: Url = Field("https://gmail.googleapis.com", description="Gmail API")
    cloudidentity_url: Url = Field(
        "https://cloudidentity.googleapis.com", description="Policy API, which shows the content compliance rule"
    )
    appsmarket_url: Url = Field(
        "https://appsmarket.googleapis.com", description="Marketplace API, which says who has installed the application"
    )
    groupssettings_url: Url = Field("https://www.googleapis.com", description="Groups Settings API")
    iam_url: Url = Field("https://iamcredentials.googleapis.com", description="signs for the service account")
    certs_url: Url = Field(
        "https://www.googleapis.com/oauth2/v3/certs", description="public keys that Google's tokens are verified with"
    )
    client_id: str = Field("", description="id of our OAuth client")
    client_secret: SecretStr | None = Field(None, description="secret of our OAuth client")
    service_account: SecretStr | None = Field(
        None,
        description="a key file's path or content; or only the account's address, to sign through the IAM signer as "
        "whatever identity the deployment runs under",
    )
    service_account_client: str = Field("", description="the account's numeric client id; a key file has it already")
    marketplace_app: str = Field(
        "", description="application id of the Marketplace listing; without it the delegation is granted by hand"
    )
    marketplace_url: Url = Field(
        "https://workspace.google.com/marketplace", description="page of the Marketplace listing, for administrators"
    )
    topic: str = Field("", description="projects/…/topics/… in the service account's own project")
    push_account: str = Field("", description="address of the account whose tokens come with notifications")
    push_audience: str = Field("", description="the audience of those tokens; by default the address they come to")
    harden_group: bool = Field(default=True, description="close the virtual group, through Groups Settings")
    drive_customers: list[str] = Field(
        [], description="customers, by id or domain, whose Drive uses the same Marketplace app; * for all"
    )


class MailSite(BaseModel):
    """Where one site of the scanning service sends and receives mail.

    In a host name `{connection}` stands for the connection's own label, so that mail is attributed to it.
    """

    incoming_smart_host: str = Field(
        "{connection}.inrelay.example.net",
        description="takes incoming mail from Microsoft 365; `{connection}` is the connection's own label",
    )
    outgoing_smart_host: str = Field(
        "{connection}.outrelay.example.net", description="takes outgoing mail from Microsoft 365"
    )
    egress: list[Annotated[IPv4Network, AfterValidator(_small_enough)]] = Field(
        default_factory=lambda: [IPv4Network("203.0.113.16/28"), IPv4Network("198.51.100.32/29")],
        min_length=1,
        description="IPv4 ranges, /24 to /32, from which scanned mail comes back",
    )
    sending_domain: str = Field(
        "outbound.example.net", description="domain of the hosts that return mail, for the allow entry for spoofing"
    )
    gateway_host: str = Field("{connection}.gmail-inrelay.example.net", description="takes mail routed out of Gmail")
    gateway_port: int = Field(25, ge=1, le=65535, description="its port")


class Mail(BaseModel):
    """Where mail is scanned, by default and by site, and what the scanning service writes on it."""

    junk_verdict: str = Field("junk", description="value of the verdict header that moves mail to the junk folder")
    default: MailSite = MailSite()
    sites: dict[Site, MailSite] = Field(
        {}, description="JSON: for each site that differs, the same fields, in place of the default"
    )

    def at(self, site: Site) -> MailSite:
        """The addresses of one site."""
        return self.sites.get(site, self.default)
