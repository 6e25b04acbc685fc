"""What a person does about the codes of a connection's life, whatever its platform."""

from shared.foundation.codes import ATTENTION, INSIDE, LOGGED, WAITING, Shown, code

REPORTED = Shown(
    where="A line of the log bears this code; the report itself shows the sentence.",
    itself="Delivery is retried for three days, then given up. The report stays in the console.",
)
CODES = (
    code(
        WAITING,
        "consent_not_proven",
        "The administrator has consented; Footprint is using the consent for the first time.",
        "Nothing.",
        "This takes seconds, on some platforms minutes.",
    ),
    code(
        WAITING,
        "waiting_for_administrator",
        "Steps are open that only the customer's administrator can do; the sentence names them.",
        "Send the administrator the invitation link, on which the steps stand with their exact values.",
        "Each hour Footprint checks whether they are done. Those that no machine can see are marked as done by hand. "
        "After a revoke the status is `attention` from the seventh day, and after 30 days the connection ends without "
        "them: its certificate lists what still stands and what could not be checked.",
    ),
    code(
        Shown(
            where="A closed connection has this reason; an event `connection.attention`, and a line of the log.",
            itself="Nothing more: the connection is closed, and nothing is kept of it with which one could look.",
        ),
        "ended_incomplete",
        "The connection has ended, and not everything is known to be removed: the consent was gone, something could "
        "not be removed for three days, or the administrator did not answer for 30 days.",
        "Send the certificate to the customer's administrator: it lists each object with its id. What is listed as "
        "still there may still route mail, so it is removed first.",
    ),
    code(
        WAITING,
        "waiting_for_time",
        "Objects are kept for a while after those that depend on them, so that mail in transit is delivered.",
        "Nothing.",
        "The removal continues at the time that the sentence gives.",
    ),
    code(
        WAITING,
        "paused",
        "An operator has paused the connection: its mail flows unscanned. Everything else stays in place.",
        "Nothing. To end it earlier: the button on the connection's page, or `footprint connections resume`.",
        "Routing is switched on again at the time that the sentence gives.",
    ),
    code(
        ATTENTION,
        "calls_not_ours",
        "The customer's own log says that our application changed something, and our ledger does not have it.",
        "Treat it as an attack: replace the application's credential, have the customer undo the change, and look "
        "where the credential was. Then accept each finding, with the reason.",
        "Nothing is undone. The reason stays until each finding is accepted: `footprint findings accept`.",
    ),
    code(
        ATTENTION,
        "drift",
        "Objects of ours were changed in the tenant by someone else; the sentence says what that does to mail.",
        "Speak with the customer's administrator, then repair: the button on the connection's page, or `reconcile` "
        "with `--repair`.",
        "Nothing is repaired unless the connection has `repair_drift`. When the customer undoes it, the reason ends.",
    ),
    code(
        ATTENTION,
        "report_only_ended",
        "The time is over in which a policy was to report only. The sentence says what it would have acted on.",
        "Check the reports, then change the policy: let it act, set another end, or delete it.",
        "The policy continues to report only, and acts on no message, until an operator decides.",
    ),
    code(
        ATTENTION,
        "consent_missing",
        "The customer withdrew the consent, or the platform does not honour it any more.",
        "Ask the customer whether they meant to. If not, send the invitation link: an administrator consents again.",
        "The check is retried each day. During a revoke the connection ends after 24 hours, with a certificate that "
        "lists what could not be checked.",
    ),
    code(
        ATTENTION,
        "implausible_loss",
        "The directory came back with far fewer users or groups than before. Nothing was deleted from our copy.",
        "Check the tenant. If the loss is real, sync with `accept_loss`.",
    ),
    code(
        ATTENTION,
        "would_remove_many",
        "The directory's changes alone would take most members out of a protected group. They stay protected.",
        "Check the tenant. If the loss is real, sync with `accept_loss`.",
        "Additions are still made.",
    ),
    code(
        ATTENTION,
        "would_empty_group",
        "The policies' targets name no user, so a group would lose all its members. Nothing was changed.",
        "Find what the directory lost, or change the policies' targets.",
    ),
    code(
        WAITING,
        "not_settling",
        "The tenant changes again each time it is brought to the catalogue.",
        "If it lasts an hour, look in the ledger which object changes, and ask the customer what else sets it.",
    ),
    code(
        WAITING,
        "still_there",
        "An object was deleted, and the platform still lists it.",
        "Nothing, unless it lasts a day: then delete it in the tenant by hand and ask for a check.",
    ),
    code(
        WAITING,
        "not_visible_yet",
        "An object was created, and the platform does not list it yet.",
        "Nothing, unless it lasts a day: then check the platform's service health.",
    ),
    code(
        ATTENTION,
        "not_made",
        "The platform accepted an object several times and never listed it.",
        "Check the platform's service health, then reconcile again.",
    ),
    code(
        ATTENTION,
        "not_as_made",
        "The platform accepted an object and stored it otherwise than it was sent; the sentence says in what.",
        "Check whether a policy of the tenant changes the object. If not, report it.",
    ),
    code(
        ATTENTION,
        "name_taken",
        "Something in the tenant bears the name that an object of ours needs, and we did not make it.",
        "Have the customer rename or remove it, or set a name prefix; then reconcile again.",
    ),
    code(
        ATTENTION,
        "wrong_tenant",
        "The consent belongs to another tenant than the callback named. Nothing was bound.",
        "Send a new invitation link. If it happens again, treat it as an attack.",
    ),
    code(
        ATTENTION,
        "tenant_of_another_customer",
        "The tenant is connected for another customer of this deployment, or was.",
        "If the tenant has changed hands, an operator who sees all customers moves it (`POST …/move`).",
    ),
    code(
        ATTENTION,
        "tenant_taken",
        "Another open connection of the same customer has this tenant.",
        "Revoke and close that one first, or use it.",
    ),
    code(
        ATTENTION,
        "not_connected",
        "A request needed the tenant before consent was given.",
        "Send the invitation link.",
    ),
    code(
        ATTENTION,
        "permission_missing",
        "A permission that a call needs was not granted, or was taken away.",
        "Have an administrator open the invitation link and consent again.",
    ),
    code(
        ATTENTION,
        "blocked_by_customer",
        "A policy of the tenant (Conditional Access, API controls, a disabled application) keeps Footprint out.",
        "An administrator of the tenant has to allow the application.",
    ),
    code(
        ATTENTION,
        "refused",
        "The platform refused a call for a reason that Footprint does not know.",
        "Report it as an internal error, with the sentence.",
    ),
    code(
        WAITING,
        "token_refused",
        "The platform gave no token, or took back one that was good, for a reason that proves nothing.",
        "Nothing, unless it lasts a day: then compare the code in the sentence with the platform's documentation.",
        "A new token is asked for every quarter of an hour.",
    ),
    code(
        WAITING,
        "exporting_quarantine",
        "The messages in quarantine are being written to an export.",
        "Nothing.",
        "The run continues with the next part at once.",
    ),
    code(
        WAITING,
        "scanner_silent",
        "The mail scanner does not answer, and the settings say that mail waits for it.",
        "Check the scanner. To let mail continue meanwhile, set FOOTPRINT_SCANNER__UNANSWERED.",
        "The mailboxes are read again until it answers.",
    ),
    code(
        REPORTED,
        "no_mail_server",
        "There are reports to send, and no mail server is set.",
        "Set FOOTPRINT_SMTP__HOST and SENDER, or take the recipients out of the report settings.",
    ),
    code(
        REPORTED,
        "mail_server",
        "The mail server does not take reports just now.",
        "Check the mail server; the sentence has its answer.",
    ),
    code(
        Shown(
            where="An event `connection.attention`, and a line of the log.", itself="The report stays in the console."
        ),
        "report_not_taken",
        "The mail server has not taken a report for three days, so it was given up.",
        "Check the mail server, then send the report from the console by hand.",
    ),
    code(
        Shown(
            where="The log of a webhook's deliveries, the list of witnesses.",
            itself="A delivery is retried with growing pauses for three days; a witness is asked again each hour.",
        ),
        "receiver_unreachable",
        "The receiver of a webhook, or a witness, does not resolve or does not answer.",
        "Tell the operator of the receiver.",
    ),
    code(
        LOGGED,
        "webhook_abandoned",
        "A receiver has not taken an event for three days, so it was given up.",
        "Once the receiver is well, deliver it again: `POST /api/webhooks/{webhook}/deliveries/{event}/replay`.",
        "Later events are still offered.",
    ),
    code(
        LOGGED,
        "ledger_not_as_anchored",
        "A ledger differs from the one whose head was anchored: entries were cut off, rewritten or changed.",
        "Close every account that can write to the database, keep its files as evidence, and compare with a backup.",
        "The comparison is repeated each night.",
    ),
    code(
        ATTENTION,
        "ledger_unreadable",
        "A row of a ledger cannot be read: the database was changed or is damaged.",
        "Compare the row with a backup, and look who could write to the database.",
    ),
    code(
        INSIDE,
        "superseded",
        "Another run has taken over the connection, or it has changed direction.",
        "Nothing.",
        "The job begins again.",
    ),
    code(
        WAITING,
        "preflight",
        "Settings in the tenant would harm its mail once Footprint is in it; the sentence names the first.",
        "Have the customer change them, or accept each with a reason: on the connection's page, or by "
        "`footprint findings accept`.",
        "The tenant is checked again each hour; setting up continues when nothing is left that is not accepted.",
    ),
    code(
        ATTENTION,
        "halted",
        "An administrator has halted this connection, its site or everything. Nothing is sent to the platform.",
        "Find out why: `footprint halts list` says who and when. Lift the halt when the cause is gone: "
        "`footprint halts lift`.",
        "After the halt is lifted, the sweep takes the connection up again within minutes.",
    ),
    code(
        WAITING,
        "reading_directory",
        "A large directory is being read over several runs; the sentence says how far it has come.",
        "Nothing.",
        "The next run reads on from the page that was reached.",
    ),
    code(
        WAITING,
        "directory_read",
        "The directory is read to its end, and the tenant is checked by a job of its own.",
        "Nothing.",
        "The check follows within seconds.",
    ),
    code(
        WAITING,
        "listing_expired",
        "The platform ended a listing twice before it was read to its end, so the copy was left as it was.",
        "Nothing at first. If it lasts for a day, check whether the platform answers slowly.",
        "The listing is begun again.",
    ),
    code(
        WAITING,
        "listing_without_end",
        "The platform gave page after page without anything new, so the listing was stopped.",
        "If it requires action, report it to the platform's support with the time of the sentence.",
        "The listing is begun again from its beginning: once at once, then each day.",
    ),
)
