"""Which tests run on which database, and which of those that take long run in `make test`.

Patterns are of file::test, below tests/.
"""

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

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
    "flows/test_people.py::*",
    "flows/test_fence.py::*",
    "flows/test_health.py::*",
    "flows/test_restore.py::*",
    "flows/test_metrics.py::test_the_numbers_move_with_what_happens",
    "infra/test_alerts.py::test_a_server_whose_connections_are_taken",
    "flows/webhooks/test_retries.py::*",
    "flows/webhooks/test_deployment_alerts.py::test_what_is_wrong_is_told_once_and_again_when_it_is_right",
    "flows/webhooks/test_ledger_push.py::*",
    "flows/webhooks/test_signed.py::test_a_life_is_told_in_order",
    "engine/test_ledger_feed.py::*",
    "flows/test_nights.py::*",
    "flows/test_refresh.py::test_an_hours_messages_keep_to_their_sites",
    "flows/test_refresh.py::test_both_tokens_are_stored_in_one_statement",
    "platforms/test_listings.py::*",
    "flows/test_frozen_processes.py::*",
    "flows/test_frozen_at_each_instant.py::*",
    # What reports count, and that two runs make one.
    "flows/test_report*::test_mail_is_counted_by_message_day_action_and_policy",
    "flows/test_report*::test_what_came_and_went_is_told",
    "flows/test_report*::test_drift_*",
    "flows/test_report*::test_two_runs_at_once_*",
    "flows/test_report*::test_settings_are_changed_by_who_has_seen_them",
    "web/test_idempotency.py::*",
    "web/test_sessions.py::*",
    "web/test_signing_in.py::*",
    "attacks/test_requests.py::*",
    "web/test_api.py::test_lists_are_read_page_by_page_to_their_end",
    "web/test_pages.py::test_the_first_page_counts_finds_and_pages",
    "web/test_indexes.py::*",
    "web/test_trends.py::*",
)

# Tests that take half a second of a core or more for each case, with that figure: `make measure` writes them down. They
# are left to `make test-wide`, but for the first case of those that follow: what a life is made of, each once.
DEAR = Path(__file__).with_name("dear_tests.txt")
ONCE = (
    "attacks/test_kill_switch.py::test_a_run_under_way_ends_before_its_next_call_and_notes_what_it_did",
    "attacks/test_queue.py::test_not_even_a_message_of_ours_repairs_what_nobody_has_ordered",
    "cli/test_commands.py::*",
    "documents/*",
    "engine/test_creates.py::test_a_lost_request_is_made_after_all",
    "engine/test_drift.py::test_an_edit_of_our_rule_is_recorded_and_left",
    "engine/test_incomplete_reads.py::test_a_listing_cut_in_half_removes_and_makes_nothing",
    "engine/test_life_google_workspace.py::test_before_equals_after",
    "engine/test_life_microsoft365.py::test_before_equals_after",
    "engine/test_life_microsoft365.py::test_every_object_is_marked_and_every_mark_is_true",
    "engine/test_second_look.py::*",
    "engine/test_shared_lists.py::test_what_the_customer_removed_and_added_again_is_theirs",
    "flows/test_check.py::test_one_finding_is_repaired_and_another_of_a_connection_that_repairs_is_only_told",
    "flows/test_counts.py::*",
    "flows/test_fence.py::*",
    "flows/test_jobs.py::*",
    "flows/test_people.py::*",
    "platforms/google_workspace/test_mail.py::test_a_label_renamed_is_kept_and_one_deleted_is_made_anew_once",
    "platforms/microsoft365/test_preflight.py::test_what_would_harm_mail_is_told_before_the_first_write",
    "platforms/test_group_members.py::test_a_leaver_whom_our_copy_still_has_is_no_drift",
    "platforms/test_listings.py::test_a_full_resync_heals_a_copy_that_went_wrong",
    "protection/test_policies.py::test_who_is_excluded_in_a_domain_breaks_it_up",
    "web/test_api.py::*",
    "web/test_certificates.py::test_a_certificate_that_anyone_signed_again_is_refused",
)


def on_both(name: str) -> bool:
    """Whether a test runs on SQLite and on PostgreSQL."""
    return any(fnmatch(name, one) for one in ON_BOTH)


def first_cases(names: Iterable[str]) -> list[bool]:
    """Of each case of a test, named in their order, whether it is one of those that `make test` runs."""
    dear = {line.split()[1] for line in DEAR.read_text().splitlines()}
    seen, chosen = set[str](), []
    for name in names:
        once = name not in seen and any(fnmatch(name, one) for one in ONCE)
        chosen.append(name not in dear or once)
        seen.add(name)
    return chosen
