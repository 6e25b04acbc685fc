"""What a person does about the codes that a request is answered with."""

from shared.foundation.codes import REFUSED, Shown, code

AGAIN = "Send the request again as the sentence says."
NEW_LINK = "Open the invitation link again; if it has ended, ask for a new one."

CODES = (
    code(
        Shown(where="`GET /api/health/ready` answers 503.", itself="Each request checks again."),
        "not_ready",
        "The deployment does not do all its work; the sentence names what is wrong.",
        "Database: is it up, locked, full? Revision: run the migrations. Timers: check the scheduler and its log. "
        "Queue, connections: check whether jobs run, and why not. Syncs, subscriptions: see the site's connections.",
    ),
    code(REFUSED, "no_such_page", "There is nothing at this address.", "Check the address."),
    code(REFUSED, "no_such_action", "The page has no such button.", "Load the page again."),
    code(REFUSED, "method_not_allowed", "The address does not take this method.", "See the header Allow."),
    code(REFUSED, "not_valid", "A field of the request is not valid; the sentence names the field.", AGAIN),
    code(REFUSED, "not_json", "The body is not declared as JSON.", AGAIN),
    code(REFUSED, "not_a_message", "The body is not declared as a message.", AGAIN),
    code(REFUSED, "body_too_large", "The body is larger than this address takes.", "Send less."),
    code(
        REFUSED, "body_too_slow", "The body did not arrive in time.", "Check the network, and send the request again."
    ),
    code(
        REFUSED,
        "cursor_not_valid",
        "The cursor is not one that a page of this list ended with.",
        "Begin again without a cursor.",
    ),
    code(
        REFUSED,
        "key_not_valid",
        "The Idempotency-Key is not 1 to 255 visible ASCII characters.",
        AGAIN,
    ),
    code(
        REFUSED,
        "idempotency_key_reused",
        "The Idempotency-Key was sent before, with another body.",
        "Use a new key for each new request.",
    ),
    code(
        REFUSED,
        "still_being_answered",
        "The same request, with the same key, is still under way.",
        "Send it again after Retry-After; the answer is then the first one's.",
    ),
    code(
        REFUSED,
        "exists_already",
        "The object exists, and the request asked only to create a new one.",
        "Read it first.",
    ),
    code(
        REFUSED,
        "precondition_required",
        "The object exists, and the request does not say which version to change.",
        "Send the ETag of what you have read as If-Match.",
    ),
    code(
        REFUSED,
        "plan_outdated",
        "The tenant has changed since the plan was made. Nothing was done.",
        "Plan again, read it, and apply the new one.",
    ),
    code(
        REFUSED,
        "too_many_requests",
        "The account, or the address, sends more requests than a minute allows.",
        "Wait for Retry-After. The settings under FOOTPRINT_API__ hold the limits.",
    ),
    code(
        REFUSED,
        "looked_often_enough",
        "The holder of the invitation asked for checks too often within the hour.",
        "Nothing.",
        "The tenant is checked within the hour.",
    ),
    code(
        REFUSED,
        "sign_in_first",
        "There is no account in the request, or its token or session has ended.",
        "Sign in again, or get a new token.",
    ),
    code(REFUSED, "no_role", "The account has no role here.", "Have the issuer's administrator give it one."),
    code(
        REFUSED,
        "no_customer",
        "The account's claim names neither one customer nor all of them.",
        "Have the issuer's administrator set the claim that FOOTPRINT_OPERATORS__CUSTOMER_CLAIM names.",
    ),
    code(REFUSED, "operators_only", "The account may read, but not act.", "Use an account with the role operator."),
    code(REFUSED, "another_customer", "The account is for one customer, and this is another's.", "Use their account."),
    code(REFUSED, "another_origin", "A form was sent from a page of another site.", "If you did not, report it."),
    code(
        REFUSED,
        "issuer_unreachable",
        "The issuer that verifies accounts does not answer, so no one can sign in.",
        "Check the issuer's health, and the deployment's way out.",
        "Sessions that have begun go on. The issuer is asked again at the next request.",
    ),
    code(REFUSED, "issuer_refused_us", "The issuer refuses this deployment's client.", "Check OPERATORS__CLIENT_ID."),
    code(
        REFUSED,
        "no_sign_in",
        "No issuer is set whose page people could sign in at.",
        "Set FOOTPRINT_OPERATORS__CLIENT_ID, or use a one-time link.",
    ),
    code(REFUSED, "sign_in_declined", "The issuer reports that the sign-in was not completed.", "Begin again."),
    code(REFUSED, "sign_in_over", "The sign-in is over, or was begun in another browser.", "Begin again."),
    code(REFUSED, "sign_in_not_proven", "The issuer's answer does not prove who signed in.", "Begin again."),
    code(REFUSED, "link_not_valid", "The invitation has expired, or never existed.", "Ask for a new one."),
    code(
        REFUSED,
        "connection_given_up",
        "The connection ended before the administrator consented.",
        "Make a new connection if the customer still wants one.",
    ),
    code(REFUSED, "connection_ended", "The connection is closed, so an invitation cannot be sent.", "Make a new one."),
    code(REFUSED, "consent_over", "The consent is over, or was begun in another browser.", NEW_LINK),
    code(REFUSED, "callback_not_valid", "The platform's answer cannot be used, or was used before.", NEW_LINK),
    code(
        REFUSED,
        "consent_declined",
        "The platform reports that the administrator did not consent, or may not.",
        "Ask the administrator; the sentence has the platform's own code.",
    ),
    code(
        REFUSED,
        "consent_incomplete",
        "The administrator did not grant every permission.",
        "Have them open the link again and leave every box ticked.",
    ),
    code(
        REFUSED,
        "another_tenant",
        "The administrator signed in to another organisation than the link is for.",
        "Have them sign in to the right one, or make a connection for the other.",
    ),
    code(
        REFUSED,
        "not_an_administrator",
        "Who signed in may not consent for the organisation.",
        "Have an administrator of the kind that the sentence names open the link.",
    ),
    code(REFUSED, "not_closed", "Only a closed connection is erased.", "Revoke it, and wait for its end."),
    code(REFUSED, "no_certificate_yet", "The certificate is drawn up in clean-up.", "Wait until it has begun."),
    code(
        REFUSED,
        "certificate_altered",
        "The stored certificate is not the one that was signed.",
        "Compare it with the customer's copy and with a backup; look who could write to the database.",
    ),
    code(REFUSED, "export_not_ready", "The export is being made.", "Ask again in a minute."),
    code(REFUSED, "no_such_export", "There is no such part of an export.", "Ask for one first."),
    code(
        REFUSED,
        "administrators_only",
        "The action cannot be undone, so it takes the role admin.",
        "Ask an administrator of this deployment.",
    ),
    code(
        REFUSED,
        "second_person_needed",
        "This deployment asks a second administrator for such actions. The request is noted.",
        "Have another administrator send the same request within an hour.",
    ),
    code(REFUSED, "no_such_scope", "A halt is for `everything`, `site:…` or `connection:…`.", "Name one of those."),
    code(REFUSED, "no_such_session", "There is no open session of this id.", "List the sessions."),
    code(
        REFUSED, "no_break_glass", "The deployment has no break-glass account.", "Set FOOTPRINT_OPERATORS__BREAK_GLASS."
    ),
    code(
        REFUSED,
        "secret_not_valid",
        "The secret is not the deployment's break-glass secret. Each attempt is logged as critical.",
        "Take the secret from its vault. If none of your administrators tried, treat this as an attack.",
    ),
    code(
        REFUSED,
        "issuer_answers",
        "The break-glass account works only while the issuer does not answer.",
        "Sign in at the issuer.",
    ),
    code(
        REFUSED,
        "answer_lost",
        "The same request was carried out before, and its answer was lost with the process that had it.",
        "Read what there is now; send a new key only for a new request.",
    ),
    code(
        REFUSED,
        "carried_out_by_another",
        "The same request was sent twice, and the other process carries it out.",
        "Send it again after a minute: the answer is then the other one's.",
    ),
    code(REFUSED, "name_not_typed", "The name was not typed as it is written.", "Type the name of the connection."),
    code(REFUSED, "no_reason", "The decision has no reason, or one that is too long.", "Say why, in a sentence."),
)
