"""The attacks that are tried, as docs/security.md shows them: by test, what the attacker does.

`python -m tests.attacks` tries all of them and prints the table; what is expected is the test's own name.
"""

from collections.abc import Mapping

ATTACKS: Mapping[str, Mapping[str, str]] = {
    "test_accounts": {
        "test_two_accounts_of_one_name_are_two": "take the display name of an operator",
        "test_entras_own_id_of_an_account_counts_before_one_for_a_single_application": "be two at API and console",
        "test_words_that_mean_another_role_are_no_names": "call oneself “the tenant's administrator”",
        "test_a_row_that_somebody_wrote_signs_nobody_in": "write or change a row of the sessions",
        "test_a_role_that_is_taken_away_ends_within_a_quarter_of_an_hour": "go on after dismissal",
        "test_a_role_that_is_changed_holds_within_a_quarter_of_an_hour": "go on with an old role",
        "test_administrators_see_and_end_the_sessions_of_others": "hold a session unseen; end another customer's",
        "test_what_cannot_be_undone_takes_an_administrator": "do what cannot be undone with the role operator",
        "test_a_second_person_has_to_ask_for_the_same": "approve one's own request, or another one",
        "test_break_glass_opens_while_the_issuer_is_down_and_is_loud": "guess the break-glass secret",
        "test_the_console_of_an_administrator_has_the_grave_buttons": "sign in with an account of the role admin",
    },
    "test_bodies": {
        "test_twenty_large_bodies_of_nobody_cost_nothing": "post twenty bodies of 30 MiB without an account",
        "test_a_length_that_is_no_length_is_too_long": "lie about a body's length",
        "test_a_body_that_does_not_arrive_is_given_up": "send a body a byte at a time",
        "test_every_route_refuses_what_is_larger_than_it_takes_before_it_asks_who_sends_it": "send too much",
        "test_what_a_route_takes_is_data_and_an_address_without_one_takes_nothing": "post where no route is",
        "test_azures_host_refuses_what_no_route_takes": "send to Azure's host what no route takes",
    },
    "test_consent": {
        "test_a_forged_callback_binds_no_tenant": "call back with a victim's tenant",
        "test_two_databases_and_one_application_take_nothing_from_each_other": "use another site's consent",
        "test_a_consent_ends_in_the_browser_in_which_it_was_begun": "have a victim end a consent that one began",
        "test_googles_callback_is_its_own_browsers_too": "the same at Google",
        "test_only_who_may_consent_for_a_tenant_connects_it": "consent as a plain user of the tenant",
        "test_a_code_is_good_for_its_own_sign_in_only": "use a code of another sign-in",
        "test_the_browser_is_told_to_keep_its_secret": "read the browser's cookie by script or in the open",
        "test_an_honest_consent_that_is_effective_later_continues": "none: Microsoft is slow",
        "test_a_thief_gains_nothing_by_the_consents_lag": "be quicker than a consent is effective",
        "test_who_signed_in_and_never_consented_is_asked_again": "claim a consent that was never given",
        "test_a_declined_sign_in_changes_nothing": "decline, and hope for a trace",
    },
    "test_database": {
        "test_a_copy_holds_no_secret_in_clear": "steal a copy of the database",
        "test_what_is_sealed_opens_in_no_other_row": "move sealed values or keys to another connection",
        "test_a_rewritten_ledger_is_seen": "rewrite a whole ledger, with good hashes",
    },
    "test_grants_in_use": {
        "test_a_consent_that_fails_half_way_leaves_the_grant_in_use": "break a running connection by a failing consent",
        "test_a_box_left_unticked_leaves_the_grant_in_use": "break it by an incomplete one",
        "test_a_proven_consent_replaces_the_old_grant": "keep an old grant alive",
        "test_a_consent_that_comes_while_access_is_revoked_is_given_back": "consent while access is being revoked",
    },
    "test_invitations": {
        "test_names_and_abandoned_invitations_stop_and_slow_nobody": "name other people's domains, 1 500 times",
        "test_an_invitation_ends_by_itself": "leave invitations lying about",
        "test_a_link_is_renewed_and_ended_by_an_operator": "use a link that was ended",
        "test_the_console_renews_a_link": "use a link that was renewed at the console",
        "test_a_holder_of_a_link_does_not_renew_it": "keep a link alive for ever",
        "test_a_link_ends_with_its_connection_and_does_not_come_back": "use a closed connection's link",
        "test_a_link_costs_a_bounded_number_of_looks_an_hour": "have a tenant looked at again and again",
        "test_no_invitation_stands_in_a_path_or_is_handed_in_from_elsewhere": "read links in logs",
    },
    "test_kill_switch": {
        "test_nothing_is_sent_after_the_call_with_many_in_flight": "act with 200 connections in flight, after a halt",
        "test_a_halt_holds_for_its_scope_in_every_process_until_it_is_lifted": "go on in another process",
        "test_a_run_under_way_ends_before_its_next_call_and_notes_what_it_did": "go on with a run that has begun",
        "test_grants_are_given_back_and_keys_destroyed": "use what was stored, after a halt that destroys",
        "test_a_grant_that_another_connection_lives_by_is_kept": "stop others by a halt of one's own",
        "test_one_call_halts_one_lifts_and_the_console_shows_it": "halt another customer's connection",
        "test_an_administrators_consent_waits_while_it_is_halted": "consent while it is halted",
    },
    "test_one_customer": {
        "test_even_its_own_administrator_gives_a_tenant_to_no_other_customer": "show an administrator one's own link",
        "test_modes_do_not_part_two_customers": "take another mode of another customer's tenant",
        "test_an_operator_of_all_customers_moves_a_tenant": "move a tenant as one customer's operator",
        "test_a_tenant_that_was_moved_is_taken_only_once_it_is_free": "take a moved tenant while it is in use",
    },
    "test_queue": {
        "test_a_message_that_we_did_not_sign_is_a_look_at_most": "put messages of every kind on the queue",
        "test_not_even_a_message_of_ours_repairs_what_nobody_has_ordered": "send our own messages again",
        "test_an_order_outlives_its_lost_message_and_not_its_direction": "throw messages away",
        "test_an_order_stands_while_its_run_waits": "none: the platform is down",
        "test_garbage_costs_no_look": "put garbage on the queue",
    },
    "test_reading": {
        "test_an_export_that_is_fetched_is_told": "read mail without a trace",
        "test_a_report_that_is_fetched_is_told": "read reports without a trace",
    },
    "test_strangers": {
        "test_a_flood_of_one_address_is_refused_and_stops_nobody_else": "flood from one address",
        "test_what_one_address_asks_too_much_is_not_taken_from_all": "use up what all addresses have",
        "test_a_sign_in_that_ends_badly_leaves_no_row": "begin sign-ins and never end them",
        "test_what_is_over_is_deleted_by_the_sweep_and_by_nobody_else": "fill the database with links",
        "test_a_caller_without_an_account_is_counted_unless_it_costs_nothing": "find a route that is not counted",
        "test_an_address_is_the_one_that_the_host_has_seen": "claim another address",
    },
    "test_text": {
        "test_no_text_becomes_a_formula": "write formulas into names",
        "test_no_text_at_all_becomes_a_formula": "write anything at all into names",
        "test_what_is_harmless_stays_as_it_is": "none: honest text",
        "test_a_name_shows_as_it_is_written": "hide in a name's direction or control characters",
        "test_a_name_of_any_language_is_taken": "none: honest names",
        "test_a_notification_that_means_nothing_is_refused": "push notifications that mean nothing",
        "test_browsers_that_come_by_https_keep_to_it": "meet a browser without https",
        "test_reports_go_to_the_tenant_and_to_the_operator_only": "have reports mailed elsewhere",
    },
}
