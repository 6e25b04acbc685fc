"""What a person does about the codes of marked messages and of the scanner's own reports."""

from shared.foundation.codes import REFUSED, Shown, code

MARKED = Shown(
    where="The marked message has this code; an event `connection.attention`, and a line of the log.",
    itself="Nothing: only one message is concerned. The mail flow is checked as ever.",
)

CODES = (
    code(
        MARKED,
        "marked_message_not_taken",
        "The mail server that reports are handed to has refused a marked message, or not taken it for an hour.",
        "Read the mail server's log, then send another one.",
    ),
    code(
        MARKED,
        "marked_message_not_seen",
        "A marked message was sent an hour ago, and the scanner has not reported it: mail to this recipient may reach "
        "the mailbox unscanned, or nobody at all.",
        "Open the connection's mail flow and its findings. Check that the scanner reports to "
        "/api/scanner/sightings, then send another one.",
    ),
    code(
        MARKED,
        "marked_message_seen_twice",
        "The scanner has reported a marked message more than once: mail goes round, or two rules route it.",
        "Open the connection's mail flow and its findings, repair them, then send another one.",
    ),
    code(
        MARKED,
        "marked_message_not_returned",
        "The scanner saw a marked message, and an hour later the platform has not taken it back.",
        "Read the scanner's log: it says how the platform refused. Mostly the inbound connector is off or changed.",
    ),
    code(
        REFUSED,
        "not_routed_by_us",
        "No rule of ours routes the connection's mail, so a marked message would show nothing.",
        "Nothing: the customer's administrator has set the routing, or there is none.",
    ),
    code(
        REFUSED,
        "no_scanner_secret",
        "A marked message is of use only if the scanner can report it.",
        "Set FOOTPRINT_SCANNER__SECRET, and give the scanner the same secret.",
    ),
    code(
        REFUSED,
        "recipient_not_protected",
        "The recipient's incoming mail is not protected by any policy, so it never comes to the scanner.",
        "Name a user whose mail is protected.",
    ),
    code(
        REFUSED,
        "too_many_marked_messages",
        "Ten marked messages of this connection are on their way.",
        "Wait until they have arrived or failed; after an hour each has.",
    ),
    code(
        REFUSED,
        "not_the_scanner",
        "A report of the scanner is not signed with its secret, or its time is more than five minutes off.",
        "Compare the secrets on both sides and the scanner's clock. If none of yours sent it, a stranger is trying.",
    ),
    code(REFUSED, "no_such_mark", "The scanner reports a mark that no message of ours bears.", "Nothing."),
)
