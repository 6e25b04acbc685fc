"""The service as Google knows it: its OAuth client, its service accounts, its Marketplace listing, its topic."""

from __future__ import annotations

PROJECT = "footprint-sim"
PROJECT_NUMBER = "402211774903"
CLIENT_ID = f"{PROJECT_NUMBER}-d4e8footprint0sim.apps.googleusercontent.com"
CLIENT_SECRET = "GOCSPX-sim-secret-of-the-demo-client"  # noqa: S105 (only the simulators know it)
# The account that acts in the customers' domains, under delegation.
SERVICE_ACCOUNT = f"footprint@{PROJECT}.iam.gserviceaccount.com"
SERVICE_CLIENT_ID = "104450813377290612084"
# The account the functions run as. It has no rights in any domain; it may sign for the other one.
RUNTIME_ACCOUNT = f"runtime@{PROJECT}.iam.gserviceaccount.com"
RUNTIME_CLIENT_ID = "113918465520071943366"
# The account that the functions run as which face the internet. It may sign for nobody.
PUBLIC_ACCOUNT = f"public@{PROJECT}.iam.gserviceaccount.com"
PUBLIC_CLIENT_ID = "108830274419650037152"
# The account whose token Pub/Sub puts on a push.
PUSH_ACCOUNT = f"pubsub-push@{PROJECT}.iam.gserviceaccount.com"
PUSH_SUBJECT = "117702936615840028195"
MARKETPLACE_APP = "402211774903"
TOPIC = f"projects/{PROJECT}/topics/gmail"
REDIRECT_PATH = "/api/consent/google"
_PREFIX = "https://www.googleapis.com/auth/"
# What the Marketplace listing declares, and so what an installation delegates.
SCOPES = tuple(
    f"{_PREFIX}{one}"
    for one in (
        "admin.directory.customer.readonly",
        "admin.directory.domain.readonly",
        "admin.directory.group",
        "admin.directory.group.member",
        "admin.directory.group.member.readonly",
        "admin.directory.group.readonly",
        "admin.directory.rolemanagement.readonly",
        "admin.directory.user.readonly",
        "admin.directory.user.security",
        "admin.reports.audit.readonly",
        "apps.groups.settings",
        "cloud-identity.policies.readonly",
        "gmail.labels",
        "gmail.metadata",
        "gmail.modify",
        "gmail.readonly",
    )
)
