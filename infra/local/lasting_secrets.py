"""Each secret that lasts: where it is kept, how it is rotated, and what its theft gives. A test holds it complete."""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.local.markdown import codes, table


@dataclass(frozen=True, kw_only=True)
class LastingSecret:
    """One secret, by the settings and the columns of the database that hold it."""

    name: str
    settings: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    kept: str
    rotated: str
    theft: str


IN_VAULT = "Key Vault on Azure, Secret Manager on Google Cloud"
BY_SCRIPT = "a new one there, then `up.sh` with"

SECRETS = (
    LastingSecret(
        name="master key, which wraps the data keys of content",
        settings=("MASTER_KEY__VALUE", "MASTER_KEY__FILE"),
        kept="in the vault or in Cloud KMS, which never give it out; on one machine a file",
        rotated="by the vault each year, by Cloud KMS every 90 days; a file: a new first line; `rotate` wraps again",
        theft="with a copy of the database all content; the vault's log has each use",
    ),
    LastingSecret(
        name="credentials key, which wraps the data keys of what opens tenants",
        settings=("CREDENTIALS_KEY__VALUE", "CREDENTIALS_KEY__FILE"),
        kept="as the master key; only the workers' identity may use it",
        rotated="as the master key",
        theft="with a copy of the database every grant and access token",
    ),
    LastingSecret(
        name="data keys",
        columns=("data_keys.wrapped",),
        kept="in the database, wrapped by the master key or the credentials key",
        rotated="by `rotate` after a year; at once by `python -m shared.deployment.rotation --data-keys`",
        theft="unwrapped: what is sealed of one connection, or the deployment's own sealed rows",
    ),
    LastingSecret(
        name="credential of our application at Microsoft",
        settings=("MICROSOFT__CLIENT_SECRET", "MICROSOFT__CERTIFICATE"),
        kept="nowhere in a cloud: the workers' identity is federated; elsewhere a setting or a file",
        rotated="federated: nothing to rotate; elsewhere a second one at Entra, the setting, the first one deleted",
        theft="every Microsoft 365 tenant that has consented, until it is deleted at Entra",
    ),
    LastingSecret(
        name="client secret of our OAuth client at Google",
        settings=("GOOGLE__CLIENT_SECRET",),
        kept=f"{IN_VAULT}; read by the workers only",
        rotated=f"a second secret at the client, {BY_SCRIPT} `NEW_SECRETS=yes`, the first one disabled",
        theft="nothing by itself; with a stolen grant that administrator's consent at Google",
    ),
    LastingSecret(
        name="key of the service account that customers delegate to",
        settings=("GOOGLE__SERVICE_ACCOUNT",),
        kept=f"nowhere on Google Cloud, where IAM signs; elsewhere {IN_VAULT}; read by the workers only",
        rotated="IAM rotates its own; a key file: a second key, the setting, the first one deleted",
        theft="every Gmail domain that delegates to the account, until the key is deleted",
    ),
    LastingSecret(
        name="client secret of the console",
        settings=("OPERATORS__CLIENT_SECRET",),
        kept=IN_VAULT,
        rotated="after at most two years: `NEW_SECRET=yes` on Azure, `NEW_SECRETS=yes` on Google Cloud, before `up.sh`",
        theft="nothing by itself: signing in takes a code, its verifier and our address",
    ),
    LastingSecret(
        name="break-glass secret",
        settings=("OPERATORS__BREAK_GLASS",),
        kept="sealed, outside of the deployment, which has its SHA-256 only",
        rotated="after each use, and when who knew it leaves: a new one, and its SHA-256 in the setting",
        theft="an administrator's session while the issuer does not answer, never one of two persons; log and ledgers "
        "say so",
    ),
    LastingSecret(
        name="scanner's secret",
        settings=("SCANNER__SECRET",),
        kept=IN_VAULT,
        rotated="a second one at the scanner under another key id, then `SCANNER__KEY_ID` and this together",
        theft="requests to the scanner in our name, and reports of marked messages in its name",
    ),
    LastingSecret(
        name="password at the mail server",
        settings=("SMTP__PASSWORD",),
        kept=f"{IN_VAULT}; read by the workers only",
        rotated=f"at the mail server, {BY_SCRIPT} the new value",
        theft="mail in the sender's name",
    ),
    LastingSecret(
        name="secrets of webhooks, and their addresses",
        columns=("webhooks.sealed",),
        kept="in the database, sealed with the deployment's data key",
        rotated="`POST /api/webhooks/{webhook}/rotate`; for a day both sign",
        theft="messages to one receiver in our name",
    ),
    LastingSecret(
        name="header secrets, by which the scanner's mail is known",
        columns=("connections.sealed_headers",),
        kept="in the database, sealed with the connection's data key, and in the customer's rules",
        rotated="with a new connection",
        theft="mail to one customer that its rules take for inspected",
    ),
    LastingSecret(
        name="Google administrators' grants",
        columns=("grants.sealed",),
        kept="in the database, sealed with the connection's data key for credentials",
        rotated="with each new consent; given back to Google at the revoke, and at a halt",
        theft="what one administrator consented to, with our OAuth client's secret",
    ),
    LastingSecret(
        name="signing key of certificates",
        columns=("signing_keys.sealed",),
        kept="in the database, sealed with the deployment's data key",
        rotated="by `rotate` after a year (`FOOTPRINT_SIGNING_KEY_KEPT`)",
        theft="certificates and checkpoints that hold, until its public half is taken out of `jwks.json`",
    ),
    LastingSecret(
        name="workers' key, to which callbacks are sealed",
        columns=("workers_keys.private",),
        kept="in the database, sealed with the deployment's data key for credentials",
        rotated="by the sweep after a year",
        theft="callbacks that nobody has taken yet, for half an hour each",
    ),
)
# Deploying, the database, the queues and the storage take tokens of identities that last an hour: there is no secret.
NONE = (
    ("deployment from GitHub", "a federated identity of the environment", "tokens of ten minutes"),
    ("database, queues, storage, vaults", "the functions' own identities", "tokens of an hour"),
)


def lasting_secrets() -> str:
    """The table, and what has no secret at all."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    told = [
        (one.name, codes(f"FOOTPRINT_{name}" for name in one.settings) or "none", one.kept, one.rotated, one.theft)
        for one in SECRETS
    ]
    yield from table(("Secret", "Settings", "Where it is kept", "How it is rotated", "What its theft gives"), told)
    yield ""
    yield from table(("No secret lasts for", "Instead", "How long"), NONE)
