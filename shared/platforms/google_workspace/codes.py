"""What a person does about the codes of Google Workspace."""

from shared.foundation.codes import ATTENTION, INSIDE, REFUSED, WAITING, code

CODES = (
    code(
        WAITING,
        "delegation_not_effective",
        "The service account has no access to the customer's data yet.",
        "The administrator installs the application, or grants the delegation with the scopes on the page.",
        "The next check is in minutes; Google can take a day to spread a delegation.",
    ),
    code(
        WAITING,
        "grant_doubtful",
        "Google refused the administrator's grant once.",
        "Nothing.",
        "A second answer confirms this; then the reason is `consent_missing`.",
    ),
    code(
        ATTENTION,
        "administrator_gone",
        "The administrator who consented is suspended, deleted or restricted.",
        "Another super administrator opens the invitation link.",
    ),
    code(
        ATTENTION,
        "administrator_not_allowed",
        "Google does not allow the administrator what was asked in their name.",
        "If the account is no super administrator any more, another one opens the invitation link.",
    ),
    code(
        ATTENTION,
        "api_not_enabled",
        "An API is not enabled in this deployment's Google project.",
        "Enable the API that the sentence names.",
    ),
    code(
        ATTENTION,
        "topic_not_writable",
        "Gmail may not publish to this deployment's Pub/Sub topic.",
        "Give gmail-api-push@system.gserviceaccount.com the role Pub/Sub Publisher on it.",
    ),
    code(
        ATTENTION,
        "mailboxes_closed",
        "No mailbox of the customer can be opened.",
        "Check whether Gmail is switched on for them, and whether the delegation has the Gmail scope.",
        "Each mailbox is tried again on its own.",
    ),
    code(
        INSIDE,
        "mailbox_closed",
        "One mailbox cannot be opened; it is listed as set aside, with Google's words.",
        "Nothing, unless the person should be protected: then look why Gmail is off for them.",
        "The call is retried after 5 minutes, then ever more seldom, at least once in 20 hours.",
    ),
    code(
        WAITING,
        "listing_incomplete",
        "Google's listing of the directory lacked people who exist. Nothing was deleted.",
        "Nothing, unless it lasts a day.",
        "The directory is listed again.",
    ),
    code(
        WAITING,
        "filling_group",
        "A group has more members to change than one run should.",
        "Nothing.",
        "The next run continues in seconds.",
    ),
    code(
        WAITING,
        "subscribing",
        "There are more mailboxes to subscribe to than one run should.",
        "Nothing.",
        "The next run continues in seconds.",
    ),
    code(
        REFUSED,
        "not_an_organisation",
        "The administrator signed in with a private Google account.",
        "Use an account of the organisation.",
    ),
    code(
        REFUSED,
        "not_signed",
        "A notification was not signed by the account that sends ours.",
        "Check FOOTPRINT_GOOGLE__PUSH_ACCOUNT and PUSH_AUDIENCE; if they are right, another sender forged it.",
    ),
)
