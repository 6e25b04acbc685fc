"""Holds the model against the simulator's router: what became of a message must be a way that the model knows."""

import ipaddress
from dataclasses import dataclass
from random import Random

from infra.local.simulators.microsoft.exchange.mail.message import Carried, Mail
from shared.platforms.microsoft365.mail_flow.classes import classes_of
from shared.platforms.microsoft365.mail_flow.journey import CLEAN, Ending, Journey, Path
from shared.platforms.microsoft365.mail_flow.message import Direction, Message, Party
from shared.platforms.microsoft365.mail_flow.passage import Passage
from shared.platforms.microsoft365.mail_flow.rulebook import Rulebook, tracked_headers
from tests.platforms.microsoft365.mail_flow import random_flows
from tests.platforms.microsoft365.mail_flow.flow import Flow


@dataclass(kw_only=True)
class Tally:
    """How many pairs of a tenant and a message were compared, and how often the model could not tell."""

    pairs: int = 0
    maybes: int = 0
    unknown: int = 0

    def __str__(self) -> str:
        share, unknown = (round(100 * part / (self.pairs or 1), 1) for part in (self.maybes, self.unknown))
        return f"{self.pairs} pairs agree; of {share} % the model said maybe, {unknown} % of all were not documented"


def compare(flow: Flow, seed: int, mails: int, tally: Tally) -> None:
    """Edit a tenant at random and compare some messages."""
    random = Random(seed)  # noqa: S311 - a test has to be repeatable
    after = flow.copy()
    random_flows.edit(random, after)
    book = Rulebook(after.listing(), after.now)
    service = after.service
    headers = tracked_headers([book], (service.return_header, service.loop_header, service.verdict_header))
    scanner = {name for name, one in book.listing.outbound.items() if service.hosts.intersection(one.hosts)}
    passage = Passage(book, headers, scanner)
    sources = classes_of([book], service, after.protected).returns_from
    for _ in range(mails):
        mail, source = random_flows.mail(random, after), random.choice(sources)
        verdict = random.choice((CLEAN, service.junk_verdict))
        carried = after.carry(mail, address=random_flows.address(source), verdict=verdict)
        paths = set(Journey(passage, service, [source]).paths(message_of(after, mail)))
        paths = {path for path in paths if path.verdict in (None, verdict) or mail.recipient not in random_flows.PEOPLE}
        agree(after, mail, carried, paths, tally)


def agree(flow: Flow, mail: Mail, carried: Carried, paths: set[Path], tally: Tally) -> None:
    """One pair. A path that nobody documents excuses every outcome; ordinary content excuses nothing else."""
    tally.pairs += 1
    if any(path.unsure for path in paths):
        tally.maybes += 1
        tally.unknown += 1
        return
    if ordinary(mail):
        paths = {path for path in paths if not path.depends}
    ways = {way(path, path.ending) for path in paths}
    secret = carried.mail.headers.get(flow.service.return_header.lower()) == flow.service.return_secret
    # The model follows nobody to the scanner a second time.
    ending = Ending.AGAIN if carried.scans > 1 else Ending(carried.end)
    delivered = ending is Ending.MAILBOX
    happened = ending, min(carried.scans, 2), carried.scl if delivered else None, delivered and secret
    rules = [one for one in flow.tenant.rules if one["State"] == "Enabled"]
    told = f"{mail}\n{carried}\nthe model: {ways}\n{rules}"
    assert happened in ways, told
    assert len(ways) == 1 or not ordinary(mail), told
    tally.maybes += len(ways) > 1


def ordinary(mail: Mail) -> bool:
    """Nothing in what it says that a rule asks for."""
    return mail.subject == "lunch" and mail.size < 10_000 and not mail.attachments and mail.kind is None


def way(path: Path, ending: Ending) -> tuple[Ending, int, int | None, bool]:
    """Where a path ends, how often it was scanned, and how the mailbox sees it."""
    delivered = ending is Ending.MAILBOX
    return ending, min(path.scans, 2), path.scl if delivered else None, delivered and path.secret


def message_of(flow: Flow, mail: Mail) -> Message:
    """The class that a concrete message is of."""
    inside = mail.recipient.partition("@")[2] in flow.tenant.accepted_domains
    direction = Direction.INCOMING if mail.server else Direction.INTERNAL if inside else Direction.OUTGOING
    return Message(
        direction=direction,
        sender=Party(address=mail.author, null=not mail.envelope_sender),
        recipient=Party(address=mail.recipient),
        source=int(ipaddress.IPv4Address(mail.server)) if mail.server else None,
        forged=flow.service.return_header.lower() in mail.headers,
    )
