"""The knobs that make one tenant behave worse, or slower, than a text book's."""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.local.simulators.state import Knobs


@dataclass(frozen=True, kw_only=True)
class Behaviour(Knobs):
    """How a tenant behaves. Every field is a knob of `POST /_sim/tenants/{id}/behaviour`."""

    # The token endpoint does not know a freshly consented application for so many calls, or so many seconds.
    consent_lag_calls: int = 0
    consent_lag_seconds: float = 0
    # Whether a person's id token names their directory roles (`wids`), as the application's manifest asks for.
    roles_in_id_token: bool = True
    # More identical token requests than this within a minute are refused as a loop.
    token_loop_limit: int = 100
    # Whether a token goes on working after its application was removed, or is refused from then on.
    tokens_outlive_application: bool = True
    # A group made in Graph is unknown to Exchange, or even to Graph's own reads, for so long.
    group_visible_in_exchange_seconds: float = 30
    group_visible_in_graph_seconds: float = 0
    # The tenant's expiration policy: a Microsoft 365 group lasts for so many days unless it is renewed; 0: for ever.
    group_lifetime_days: float = 0
    # The tenant's naming policy: groups' names begin so, and hold none of these words. An application without a
    # directory role is held to it (learn.microsoft.com/entra/identity/users/groups-naming-policy).
    group_name_prefix: str = ""
    blocked_words: list[str] = field(default_factory=list)
    # The directory takes no further object: Directory_QuotaExceeded (learn.microsoft.com/graph/errors).
    directory_full: bool = False
    # Users whom no group takes, by id, each with the status of the refusal: 400, 403, 404, 409, 423 or 500.
    refused_members: dict[str, int] = field(default_factory=dict)
    # The directory's own log tells of a change so much later; Microsoft says minutes, and sometimes it is hours.
    audit_lag_seconds: float = 120
    # The organisation has never been customised: writes of rules and connectors fail.
    dehydrated: bool = False
    # How long writes go on failing after the flag says that the organisation is customised.
    hydration_seconds: float = 1800
    # A connector from the organisation's own server is created switched off, and stays so.
    onprem_connector_disabled: bool = False
    # A spoof entry is answered with a record, and not stored.
    spoof_not_created: bool = False
    # Whether an application without a directory role for it may delete a group for good.
    purge_app_only: bool = False
    # Removing an outbound connector that a rule still names is an error.
    referenced_connector_refused: bool = True
    # How Exchange writes the ranges that it keeps: "as_given", with a "mask", or as a "span" from first to last.
    range_form: str = "as_given"
    exchange_page_size: int = 1000
    # An application is refused every page of a cmdlet's answer but the first (office-docs-powershell #10907).
    exchange_pages_refused: bool = False
    graph_page_size: int = 100
    # Delta pages repeat the last item of the page before, and a round of changes opens with an empty page.
    delta_replay: bool = True
    delta_empty_page: bool = True
    # "syncStateNotFound" or "resyncRequired": every stored delta token is refused that way.
    delta_error: str | None = None
