"""What a person does about a code: one entry for each that an error, a connection or a log line can bear.

The room that raises a code explains it: the deployment's are here, the flows', the web's, the command line's and each
platform's in the module `codes` beside them. docs/runbook.md is printed from all of them.
"""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Where a code is seen, and what mostly happens by itself then."""

    where: str
    itself: str


ATTENTION = Shown(
    where="The connection has the status `attention`, with this reason.",
    itself="The run is retried each day, and at each check that an operator asks for.",
)
WAITING = Shown(
    where="The connection has the status `waiting`, with this reason.",
    itself="The run is retried within minutes at first, and hourly in the end. After a day the status is `attention`.",
)
REFUSED = Shown(
    where="The answer to a request: a problem document, or a page.",
    itself="Nothing was changed, and nothing is tried again.",
)
LOGGED = Shown(where="A line of the log bears this code.", itself="The next run tries again.")
TYPED = Shown(where="The command line prints it.", itself="Nothing was changed, and nothing is tried again.")
INSIDE = Shown(
    where="The log of a run. The run itself decides by it, so it seldom becomes a connection's reason.",
    itself="The run continues with what follows from this.",
)


@dataclass(frozen=True, kw_only=True)
class Code:
    """One code: what it means, where it shows, what to do, and what happens by itself."""

    name: str
    shown: Shown
    means: str
    do: str
    itself: str = ""

    @property
    def by_itself(self) -> str:
        """What happens without anybody's help."""
        return self.itself or self.shown.itself

    def called(self, software: str) -> Self:
        """The entry with the name by which a deployment's brand calls this software."""
        said = {part: getattr(self, part).replace("Footprint", software) for part in ("means", "do", "itself")}
        shown = Shown(where=self.shown.where, itself=self.shown.itself.replace("Footprint", software))
        return replace(self, shown=shown, **said)


def code(shown: Shown, name: str, means: str, do: str, itself: str = "") -> Code:
    """One entry."""
    return Code(name=name, shown=shown, means=means, do=do, itself=itself)


OUR_SIDE = "Fix this deployment; no customer can. Every connection that needs it waits for that."

CODES = (
    code(
        WAITING,
        "database_unavailable",
        "The database does not answer, or does not take writes.",
        "Check the database: is it up, full, locked, or out of connections? `/api/health/ready` tells which.",
        "Requests are answered 503 and jobs stay in their queue; nothing acknowledged is lost.",
    ),
    code(
        WAITING,
        "database_not_migrated",
        "The database lacks a table that this version needs: its migrations have not run.",
        "Check that the timer `migrate` runs, and its log; on one machine run `python -m shared.storage.migrate`.",
        "Requests are answered 503 until the timer has made the tables.",
    ),
    code(
        WAITING,
        "internal_error",
        "Footprint failed by a mistake of its own.",
        "Find the log line with the traceback by the request id or the connection, and report it.",
        "A job is tried again after five minutes, then ever more seldom.",
    ),
    code(
        ATTENTION,
        "poisoned",
        "A run was begun again and again and its process died each time.",
        "Look in the log for what killed it: memory, a time limit, a crash. Then ask for a check.",
        "The attempt is repeated each hour.",
    ),
    code(
        WAITING,
        "throttled",
        "A platform, or a service of the cloud, asked to be called less.",
        "Nothing, unless it lasts a day: then look who else uses the tenant's quota.",
        "The run continues once the time has passed that the platform asked for.",
    ),
    code(
        WAITING,
        "platform_unavailable",
        "A service that the sentence names answered with an error of its own (5xx), or said “not now”.",
        "Check that service's health page if this lasts an hour.",
    ),
    code(
        WAITING,
        "membership_unclear",
        "The platform fails at single users who are to be put into our group or taken out; everybody else is done.",
        "Nothing, unless this lasts a day: then check those users at the platform.",
        "They are tried again; after an hour they are listed as set aside, and tried again after growing pauses.",
    ),
    code(
        WAITING,
        "platform_unreachable",
        "A service that the sentence names did not answer at all.",
        "If more than one connection says so, check the deployment's way out: DNS, firewall, proxy, certificates.",
    ),
    code(
        WAITING,
        "unreadable_answer",
        "A service answered with something that is not what its interface promises, such as a proxy's page.",
        "If this lasts, check whether a proxy stands between; else report it with the log lines of the call.",
    ),
    code(
        ATTENTION,
        "foreign_link",
        "A platform's answer pointed to another host, where our token would have gone. The link was not followed.",
        "Check the addresses in the settings. If they are right, treat it as an attack and report it.",
    ),
    code(ATTENTION, "our_credential", "A platform or cloud does not accept this deployment's own identity.", OUR_SIDE),
    code(
        ATTENTION,
        "our_master_key",
        "The key vault does not let this deployment use its master key, or gave back something else.",
        "Check that the key exists and is enabled, and that the deployment's identity may wrap and unwrap with it.",
        "Nothing is lost: what is sealed stays sealed, and jobs wait.",
    ),
    code(
        ATTENTION,
        "sealed_by_another_key",
        "What is stored was sealed under a master key that this deployment does not have.",
        "Restore the earlier master key, or the earlier version of it, beside the present one.",
        "Nothing is deleted.",
    ),
    code(
        REFUSED,
        "credentials_closed",
        "A process that faces the internet was to open what only the workers can: a grant or a token.",
        "Report it, with the log lines of the request: what needs credentials is a worker's work.",
        "Nothing was opened.",
    ),
    code(
        REFUSED,
        "workers_not_started",
        "No worker has started since this deployment was set up, so there is no key to seal a consent for them.",
        "Start the functions with timers and queues (FOOTPRINT_FUNCTIONS=private), then open the link again.",
    ),
    code(
        ATTENTION,
        "data_key_missing",
        "The data key of a connection is not in the database, so its secrets cannot be opened.",
        "Restore the table `data_keys` from a backup. If there is none, the customer has to consent again.",
    ),
    code(
        LOGGED,
        "our_anchors",
        "The container or bucket of the anchors refused one.",
        "Check the setting, and the right of the deployment's identity to read and create objects there.",
    ),
    code(
        WAITING,
        "our_queue",
        "The queue that carries the jobs refused one.",
        "Check the queue's settings and the right of the deployment's identity to send to it.",
        "The sweep finds what was not sent, once the queue takes jobs again.",
    ),
    code(
        REFUSED,
        "issuer_incomplete",
        "The discovery document of the accounts' issuer lacks an address that is needed.",
        "Check FOOTPRINT_OPERATORS__ISSUER.",
        "The next request is sent after a minute.",
    ),
    code(
        REFUSED,
        "another_issuer",
        "The discovery document at the issuer's address is another issuer's.",
        "Set FOOTPRINT_OPERATORS__ISSUER exactly as its tokens name it.",
        "The next request is sent after a minute.",
    ),
    code(
        TYPED,
        "signature_not_valid",
        "The signature of a certificate or checkpoint does not fit its content, or its key is not in the key set.",
        "Do not rely on the document. Get the certificate again, and the key set from a copy that you trust.",
    ),
    code(
        TYPED,
        "anchor_not_valid",
        "The proof that a ledger was anchored does not hold, or the file of anchors was changed.",
        "Do not rely on the document. Compare the file of anchors with a copy, and look who could write to it.",
    ),
    code(
        TYPED,
        "cosignature_not_valid",
        "The checkpoint does not bear a cosignature that the witness's key fits.",
        "Do not rely on the witness for this document. Check the key, or get the certificate again in an hour.",
    ),
    code(
        REFUSED,
        "witness_key_not_valid",
        "A witness's key is not a verifier key of type Ed25519, or was not copied whole.",
        "Copy it from the witness's own page: NAME+ID+KEY.",
    ),
    code(
        TYPED,
        "ledger_not_valid",
        "An entry of an exported ledger was changed or left out.",
        "Do not rely on the export. Export the ledger again; if that fails as well, see `ledger_not_as_anchored`.",
    ),
    code(
        INSIDE,
        "process_ending",
        "The process that ran the job was told to end: the cloud needs fewer of them, or a release comes.",
        "Nothing.",
        "The run gives its lease back before the process ends, and the job begins again in another one.",
    ),
    code(
        INSIDE,
        "not_found",
        "The platform said, decisively, that an object does not exist.",
        "Nothing.",
    ),
)
