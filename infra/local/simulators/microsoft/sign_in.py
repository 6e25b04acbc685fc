"""The sign-in host: discovery, key sets and the token endpoint for an application without a person."""

from __future__ import annotations

import re
import uuid
from typing import Any

from infra.local.simulators.microsoft import applications, consent, people
from infra.local.simulators.microsoft.sign_in_errors import sign_in_refusal
from infra.local.simulators.microsoft.state import Microsoft
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.wire import Answer, Record, Refusal, Request

SHARED_AUTHORITIES = ("common", "organizations", "consumers")
TOKEN_LIFE = 3599
LOOP_WINDOW = 60  # seconds
TOKEN_PATH = re.compile(r"/([^/]+)/oauth2/v2\.0/token")
DISCOVERY_PATH = re.compile(r"/([^/]+)/v2\.0/\.well-known/openid-configuration")
KEYS_PATH = re.compile(r"/[^/]+/discovery/v2\.0/keys")


class SignIn:
    """Answers what an OAuth client, an administrator's browser and a token's reader ask."""

    def __init__(self, microsoft: Microsoft) -> None:
        self._microsoft = microsoft

    def answer(self, request: Request, quirk: str | None = None) -> Answer:  # noqa: ARG002 (all hosts alike)
        """Answer one request; refusals come back in the sign-in host's own shape."""
        try:
            return self._route(request)
        except Refusal as refusal:
            return refusal.answer

    def _route(self, request: Request) -> Answer:
        if found := TOKEN_PATH.fullmatch(request.path):
            return self._token(found[1], request) if request.method == "POST" else Answer(status=405)
        if consent.PATH.fullmatch(request.path) or request.path == consent.DECISION_PATH:
            return consent.answer(self._microsoft, request)
        if people.PATH.fullmatch(request.path) or request.path == people.DECISION_PATH:
            return people.answer(self._microsoft, request)
        if request.method != "GET":
            return Answer(status=405)
        if request.path == "/common/discovery/instance":
            return self._instance()
        if found := DISCOVERY_PATH.fullmatch(request.path):
            return self._discovery(found[1])
        if KEYS_PATH.fullmatch(request.path):
            return Answer(body=self._microsoft.signer.jwks)
        text = f"The sign-in host's {request.path} is not simulated."
        return Answer(status=501, body={"error": "not_simulated", "error_description": text})

    def _instance(self) -> Answer:
        host = self._microsoft.login_url.removeprefix("https://")
        return Answer(
            body={
                "tenant_discovery_endpoint": (
                    f"{self._microsoft.login_url}/common/v2.0/.well-known/openid-configuration"
                ),
                "api-version": "1.1",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    def _discovery(self, name: str) -> Answer:
        """A domain in the question becomes the tenant's identity in the answer."""
        if name in SHARED_AUTHORITIES:
            authority, issuer = name, f"{self._microsoft.login_url}/{{tenantid}}/v2.0"
        else:
            authority = self._tenant(name).id
            issuer = f"{self._microsoft.login_url}/{authority}/v2.0"
        base = f"{self._microsoft.login_url}/{authority}"
        return Answer(
            body={
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": issuer,
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
                "msgraph_host": "graph.microsoft.com",
            }
        )

    def _tenant(self, name: str) -> Tenant:
        tenant = self._microsoft.tenant(name)
        if tenant is None:
            text = f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID."
            raise sign_in_refusal(90002, "invalid_request", text)
        return tenant

    def _token(self, name: str, request: Request) -> Answer:
        form = request.form()
        # A code has its scopes already.
        needed = ("grant_type", "client_id") + (() if "code" in form else ("scope",))
        for field in needed:
            if not form.get(field):
                text = f"The request body must contain the following parameter: '{field}'."
                raise sign_in_refusal(900144, "invalid_request", text)
        if form["grant_type"] == "authorization_code":
            return self._redeem(name, form)
        if form["grant_type"] != "client_credentials":
            raise sign_in_refusal(70003, "unsupported_grant_type", "The app requested an unsupported grant type.")
        if name in SHARED_AUTHORITIES:
            text = f"Specified tenant identifier '{name}' is neither a valid DNS name, nor a tenant's identity."
            raise sign_in_refusal(900023, "invalid_request", text)
        tenant = self._tenant(name)
        if form["client_id"] != applications.CLIENT_ID:
            raise self._unknown_application(tenant, form["client_id"])
        audience = self._audience(form["scope"])
        self._refuse_loops(tenant, form["scope"])
        self._check_proof(form, name, tenant.id)
        principal = self._principal(tenant)
        return self._mint(tenant, principal, audience)

    def _redeem(self, name: str, form: dict[str, str]) -> Answer:
        """A person's code, which the application exchanges and nobody else."""
        if form["client_id"] != applications.CLIENT_ID:
            text = f"Application with identifier '{form['client_id']}' was not found in the directory."
            raise sign_in_refusal(700016, "unauthorized_client", text)
        self._check_proof(form, name)
        return people.exchange(self._microsoft, form)

    def _check_proof(self, form: dict[str, str], *authorities: str) -> None:
        login = self._microsoft.login_url
        audiences = {f"{login}/{one}/oauth2/v2.0/token" for one in authorities}
        audiences |= {f"{login}/{one}/v2.0" for one in authorities}
        self._microsoft.proofs.check(form, audiences, self._microsoft.clock.seconds())

    def _audience(self, scope: str) -> str:
        """One resource per request, and only its `.default`."""
        scopes = scope.split()
        if len(scopes) != 1 or not scopes[0].endswith("/.default"):
            text = f"The provided request must include a single '/.default' scope. The scope {scope} is not valid."
            raise sign_in_refusal(1002012, "invalid_scope", text)
        return scopes[0].removesuffix("/.default").rstrip("/")

    def _refuse_loops(self, tenant: Tenant, scope: str) -> None:
        """A client without a token cache is refused once it asks the same thing too often."""
        now = self._microsoft.clock.seconds()
        recent = [one for one in tenant.token_requests.get(scope, ()) if now - one < LOOP_WINDOW]
        if len(recent) >= tenant.behaviour.token_loop_limit:
            text = "The server terminated an operation because it encountered a client request loop."
            raise sign_in_refusal(50196, "invalid_grant", text)
        tenant.token_requests[scope] = (*recent, now)

    def _unknown_application(self, tenant: Tenant, client_id: str) -> Refusal:
        text = (
            f"Application with identifier '{client_id}' was not found in the directory '{tenant.name}'. "
            "This can happen if the application has not been installed by the administrator of the tenant."
        )
        return sign_in_refusal(700016, "unauthorized_client", text)

    def _principal(self, tenant: Tenant) -> Record:
        """The application's presence; after consent it takes the token endpoint a while to see it."""
        principal = tenant.service_principal_of(applications.CLIENT_ID)
        if principal is None:
            text = f"The client application {applications.CLIENT_ID} is missing service principal in the tenant"
            raise sign_in_refusal(7000229, "unauthorized_client", f"{text} {tenant.id}.")
        if tenant.consented_at is not None:
            tenant.consent_calls += 1
            waited = (self._microsoft.clock.now() - tenant.consented_at).total_seconds()
            lag = tenant.behaviour
            if tenant.consent_calls <= lag.consent_lag_calls or waited < lag.consent_lag_seconds:
                raise self._unknown_application(tenant, applications.CLIENT_ID)
        if not principal["accountEnabled"]:
            text = f"Application '{applications.CLIENT_ID}' is disabled."
            raise sign_in_refusal(7000112, "unauthorized_client", text)
        return principal

    def _mint(self, tenant: Tenant, principal: Record, audience: str) -> Answer:
        """What the application may do is written into the token now and does not change in it later."""
        app_id = applications.RESOURCES.get(audience)
        if app_id is None or tenant.service_principal_of(app_id) is None:
            text = f"The resource principal named {audience} was not found in the tenant named {tenant.name}."
            raise sign_in_refusal(500011, "invalid_resource", text)
        now = int(self._microsoft.clock.seconds())
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{tenant.id}/",
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_LIFE,
            "appid": applications.CLIENT_ID,
            "idtyp": "app",
            "oid": principal["id"],
            "sub": principal["id"],
            "tid": tenant.id,
            "uti": str(uuid.uuid4()),
            "ver": "1.0",
            "wids": [*applications.directory_roles_of(tenant, principal["id"]), applications.NO_DIRECTORY_ROLE],
        }
        # A token for a resource where the application holds nothing has no such claim at all.
        if roles := applications.permissions_of(tenant, principal["id"], app_id):
            claims["roles"] = roles
        return Answer(
            body={
                "token_type": "Bearer",
                "expires_in": TOKEN_LIFE,
                "ext_expires_in": TOKEN_LIFE,
                "access_token": self._microsoft.signer.sign(claims),
            },
            headers={"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"},
        )
