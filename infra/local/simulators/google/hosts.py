"""Google's hosts: which there are, what answers on each, whose a request is, and how the service finds them."""

from __future__ import annotations

import json
from pathlib import Path

import jwt

from infra.local.simulators.cloud import Cloud
from infra.local.simulators.google import application, marketplace
from infra.local.simulators.google.admin import groups, members, organisation, policies, reports
from infra.local.simulators.google.admin import users as directory
from infra.local.simulators.google.api.host import Api
from infra.local.simulators.google.gmail import mailboxes as gmail
from infra.local.simulators.google.sign_in import iam
from infra.local.simulators.google.sign_in.consent import Accounts
from infra.local.simulators.google.sign_in.grants import holder
from infra.local.simulators.google.sign_in.host import OAuth
from infra.local.simulators.google.www import Www
from infra.local.simulators.wire import Request

NAMES = ("accounts", "oauth2", "admin", "gmail", "cloudidentity", "appsmarket", "iam", "www")
ADMIN = {
    **directory.HANDLERS,
    **organisation.HANDLERS,
    **groups.HANDLERS,
    **members.HANDLERS,
    **reports.HANDLERS,
}


class Hosts:
    """All of Google's hosts around one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.admin = Api(cloud, "admin", ADMIN)
        self.www = Www(cloud)
        self.by_name: dict[str, Accounts | OAuth | Api | Www] = {
            "accounts": Accounts(cloud),
            "oauth2": OAuth(cloud),
            "admin": self.admin,
            "gmail": Api(cloud, "gmail", gmail.HANDLERS),
            "cloudidentity": Api(cloud, "cloudidentity", policies.HANDLERS),
            "appsmarket": Api(cloud, "appsmarket", marketplace.HANDLERS),
            "iam": Api(cloud, "iam", iam.HANDLERS),
            "www": self.www,
        }

    def whose(self, request: Request) -> str | None:
        """Say which customer a request is about: by its token, or by what it wants a token for."""
        if bearer := (request.header("authorization") or "").removeprefix("Bearer "):
            token = self._cloud.google_tokens.get(bearer)
            return token.customer_id if token else None
        form = request.form() if request.method == "POST" else {}
        if assertion := form.get("assertion"):
            try:
                subject = str(jwt.decode(assertion, options={"verify_signature": False}).get("sub", ""))
            except jwt.InvalidTokenError:
                return None  # The host will refuse it; here it only means that no customer can be named.
            customer = self._cloud.customer(subject.partition("@")[2])
            return customer.id if customer else None
        if code := self._cloud.google_codes.get(form.get("code", "")):
            return code.customer_id
        text = form.get("refresh_token") or form.get("token") or ""
        if found := holder(self._cloud, text):
            return found[0].id
        token = self._cloud.google_tokens.get(text)
        return token.customer_id if token else None


def settings(cloud: Cloud, folder: Path) -> tuple[dict[str, str], Path]:
    """Write the key files into a folder; return what the service has to be told, and the runtime's key file."""
    at = cloud.addresses.google
    paths = {}
    for address, account in cloud.google_project.accounts.items():
        path = paths[address] = folder / f"{address.partition('@')[0]}.json"
        path.write_text(json.dumps(account.key_file(f"{at['oauth2']}/token"), indent=2))
        path.chmod(0o600)
    told = {
        "ACCOUNTS_URL": at["accounts"],
        "TOKEN_URL": at["oauth2"],
        "ADMIN_URL": at["admin"],
        "GMAIL_URL": at["gmail"],
        "CLOUDIDENTITY_URL": at["cloudidentity"],
        "APPSMARKET_URL": at["appsmarket"],
        "IAM_URL": at["iam"],
        "GROUPSSETTINGS_URL": at["www"],
        "CERTS_URL": f"{at['www']}/oauth2/v3/certs",
        "CLIENT_ID": application.CLIENT_ID,
        "CLIENT_SECRET": application.CLIENT_SECRET,
        "SERVICE_ACCOUNT": str(paths[application.SERVICE_ACCOUNT]),
        "MARKETPLACE_APP": application.MARKETPLACE_APP,
        "TOPIC": application.TOPIC,
        "PUSH_ACCOUNT": application.PUSH_ACCOUNT,
    }
    return {f"FOOTPRINT_GOOGLE__{name}": value for name, value in told.items()}, paths[application.RUNTIME_ACCOUNT]
