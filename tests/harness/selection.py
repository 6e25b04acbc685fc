"""Which tests run on which database, and of which so much that takes long runs in `make test`.

Patterns are of file::test, below tests/.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatch

# What asks the database, and so is tested on both kinds; the rest lives on SQLite alone.
ON_BOTH = (
    "storage/*",
    "engine/test_interruptions.py::*",  # half of the instants on each
    "engine/test_life_*::test_before_equals_after",  # one life of each platform
    "engine/test_states.py::test_lost_doubled_and_poisoned_messages",
    "engine/test_states.py::test_a_state_is_ours_and_used_once",
    "deployment/keys/test_sealing.py::*",
    "foundation/test_rate_limit.py::*",
    "protection/test_quarantine*",
    "protection/test_policies.py::test_of_two_who_change_the_same_one_wins",
    "protection/test_policies.py::test_an_exclusion_wins_over_every_target_of_its_own_policy",
    "flows/test_jobs.py::*",
    "flows/test_fence.py::*",
    "flows/test_health.py::*",
    "flows/test_metrics.py::test_the_numbers_move_with_what_happens",
    "infra/test_alerts.py::test_a_server_whose_connections_are_taken",
    "flows/webhooks/test_retries.py::*",
    "flows/webhooks/test_signed.py::test_a_life_is_told_in_order",
    "engine/test_ledger_feed.py::*",
    "flows/test_nights.py::*",
    "flows/test_refresh.py::test_an_hours_messages_keep_to_their_sites",
    "flows/test_refresh.py::test_both_tokens_are_stored_in_one_statement",
    "platforms/test_listings.py::*",
    "flows/test_frozen_processes.py::*",
    # What reports count, and that two runs make one.
    "flows/test_report*::test_mail_is_counted_by_message_day_action_and_policy",
    "flows/test_report*::test_what_came_and_went_is_told",
    "flows/test_report*::test_drift_*",
    "flows/test_report*::test_two_runs_at_once_*",
    "flows/test_report*::test_settings_are_changed_by_who_has_seen_them",
    "web/test_idempotency.py::*",
    "web/test_sessions.py::*",
    "web/test_signing_in.py::*",
    "web/test_attacks.py::*",
    "web/test_api.py::test_lists_are_read_page_by_page_to_their_end",
    "web/test_pages.py::test_the_first_page_counts_finds_and_pages",
)

# What takes a life or more for each of its cases: `make test` runs so many of them, `make test-wide` the others.
FEW: Mapping[str, int] = {
    "attacks/test_invitations.py::test_an_invitation_ends_by_itself": 0,
    "attacks/test_kill_switch.py::*": 1,
    "attacks/test_one_customer.py::test_even_its_own_administrator_*": 1,
    "attacks/test_text.py::test_a_notification_that_means_nothing_is_refused": 2,
    "engine/test_bears_our_mark.py::*": 1,
    "engine/test_creates.py::*": 1,
    "engine/test_drain.py::*": 1,
    "engine/test_drift.py::*": 1,
    "engine/test_every_revoke_ends.py::*": 1,
    "engine/test_incarnations.py::*": 1,
    "engine/test_incomplete_reads.py::*": 1,
    "engine/test_interruptions.py::*": 0,
    "engine/test_leftovers.py::*": 1,
    "engine/test_lost_answers.py::*": 1,
    "engine/test_second_look.py::*": 1,
    "engine/test_shared_application.py::*": 1,
    "engine/test_shared_lists.py::*": 1,
    "flows/test_frozen_processes.py::*": 1,
    "hosts/test_lives.py::*": 1,
    "platforms/microsoft365/mail_flow/test_drift_effects.py::*": 1,
    "platforms/microsoft365/mail_flow/test_exits.py::test_an_exit_by_the_real_jobs_*": 1,
    "platforms/test_exchange_limits.py::test_four_hundred_domains_*": 0,
    "platforms/test_group_members.py::*": 1,
    "platforms/test_listings.py::*": 1,
    "platforms/test_refusals_read_right.py::test_a_wait_without_end_*": 0,
}


def on_both(name: str) -> bool:
    """Whether a test runs on SQLite and on PostgreSQL."""
    return any(fnmatch(name, one) for one in ON_BOTH)


def first_cases(names: Iterable[str]) -> list[bool]:
    """Of each case of a test, named in their order, whether it is one of those that `make test` runs."""
    seen: dict[str, int] = {}
    chosen = []
    for name in names:
        most = next((number for pattern, number in FEW.items() if fnmatch(name, pattern)), None)
        seen[name] = seen.get(name, 0) + 1
        chosen.append(most is None or seen[name] <= most)
    return chosen
