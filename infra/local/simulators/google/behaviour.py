"""The knobs that make one Workspace customer behave worse, or slower, than a text book's."""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.local.simulators.state import Knobs


@dataclass(frozen=True, kw_only=True)
class Behaviour(Knobs):
    """How a customer behaves. Every field is a knob of `POST /_sim/tenants/{id}/behaviour`."""

    # A fresh delegation is unknown to the token endpoint for so many requests, or so many seconds.
    delegation_lag_calls: int = 0
    delegation_lag_seconds: float = 0
    # Whether a token goes on working after its delegation was removed, or is refused from then on.
    tokens_outlive_delegation: bool = True
    # Access tokens of a grant that ended are taken for so much longer.
    revocation_lag_seconds: float = 0
    # The oldest refresh token of a person and a client is dropped, without a word, above so many.
    refresh_token_limit: int = 100
    # A refresh token that was not used for so long is dead.
    refresh_token_idle_seconds: float = 180 * 86_400
    # The customer's session control wants a person to sign in again before any refresh.
    reauth_required: bool = False
    # The customer's API controls block the application on the consent page.
    admin_policy_enforced: bool = False
    # The application is blocked at the token endpoint, or only for these addresses.
    client_blocked: bool = False
    restricted_users: list[str] = field(default_factory=list)
    # The application was installed for this part of the organisation only: "/Sales".
    installed_org_unit: str | None = None
    # A new group is unknown to reads, listings and members.insert for so long.
    group_visible_seconds: float = 0
    # What members.insert answers for a member that is there: "duplicate", "conflict" (409) or "condition" (412).
    member_conflict: str = "duplicate"
    # Users whom no group takes, by id, each with the reason that members.insert gives: "forbidden", "notFound", …
    refused_members: dict[str, str] = field(default_factory=dict)
    # A listing of derived members names those twice who are in by two ways.
    derived_members_twice: bool = True
    # Gmail's refusal of those who spent their units: 403 or 429.
    quota_status: int = 403
    # The reason given with 409 for a label's name that is taken: "aborted", "duplicate" or "alreadyExists".
    label_conflict: str = "aborted"
    # The history of a mailbox reaches back so far, and some of its records say nothing.
    history_days: float = 7
    history_bare_records: bool = True
    # Whether Gmail may publish to the topic of the service.
    topic_publisher: bool = True
    # Pushes: so many copies more, newest first, dropped above one a second, and also for changed labels.
    push_duplicates: int = 0
    push_shuffle: bool = False
    push_drop: bool = True
    push_label_changes: bool = True
    # The Policy API's listings contain empty pages that lead on; so many reads a second are answered (0: all).
    policy_empty_pages: bool = True
    policy_rate: int = 0
    # The name of a compliance rule is shown with so many blanks at its end.
    rule_description_padding: int = 0
    # A policy whose last rule was deleted stays, with an empty list.
    empty_rule_policy_kept: bool = False
    # An event shows in the audit log only so much later.
    audit_lag_seconds: float = 0
