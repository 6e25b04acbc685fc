"""What an administrator may ask of a message: data, checked when it is set, and what was found when it was held."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.protection.inspection.links import ascii_host
from shared.protection.inspection.words import MAX_EXPRESSION_CHARS, checked, no_word

Kind = Literal[
    "senders",
    "subjects",
    "authentication",
    "impersonation",
    "links",
    "misleading_links",
    "attachments",
    "words",
    "expressions",
    "scanner",
]
Failure = Literal["spf-fail", "dkim-fail", "dmarc-fail", "unauthenticated"]
Attachment = Literal[
    "executable",
    "script",
    "macro",
    "archive",
    "encrypted-archive",
    "encrypted-document",
    "disk-image",
    "html",
    "svg",
    "shortcut",
    "notebook",
    "disguised",
]
# The headers by which the kinds that need no content are judged.
HEADERS = ("From", "Sender", "Reply-To", "Subject", "Authentication-Results")
FROM_CONTENT = frozenset({"links", "misleading_links", "attachments", "words", "expressions", "scanner"})


def _domain(text: str) -> str:
    host = ascii_host(text.lstrip("@."))
    if host is None:
        raise ValueError("is not a domain")
    return host


def _sender(text: str) -> str:
    local, at, domain = text.strip().rpartition("@")
    if " " in local or len(local) > 64:
        raise ValueError("is neither an address nor a domain")
    return f"{local.casefold()}{at if local else ''}{_domain(domain)}"


def _word(text: str) -> str:
    if no_word(text):
        raise ValueError("holds no word")
    return text


def _some(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


Sender = Annotated[str, Field(min_length=1, max_length=320), AfterValidator(_sender)]
Domain = Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_domain)]
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_some)]
Word = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_word)]
Expression = Annotated[str, Field(min_length=1, max_length=MAX_EXPRESSION_CHARS), AfterValidator(checked)]


class Conditions(BaseModel):
    """When a message is one of those that a policy is about: any or all of the kinds that are named here.

    Senders are addresses, or domains with all below them, as are the hosts of links. Subjects and words are found
    whatever the letter case; words and phrases only whole, in the subject and the text; expressions as they are
    written. Attachments are judged by their content, also in archives. Links are misleading if they show another host
    than they lead to. Impersonation: the sender's name is that of one of the directory's users, and the address is not
    theirs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Literal["any", "all"] = "any"
    senders: list[Sender] = Field(default=[], max_length=1000)
    subjects: list[Text] = Field(default=[], max_length=200)
    authentication: list[Failure] = Field(default=[], max_length=4)
    impersonation: bool = False
    links: list[Domain] = Field(default=[], max_length=1000)
    misleading_links: bool = False
    attachments: list[Attachment] = Field(default=[], max_length=20)
    words: list[Word] = Field(default=[], max_length=500)
    expressions: list[Expression] = Field(default=[], max_length=50)
    scanner: bool = False

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that are named: their lists are not empty, or they are switched on."""
        return frozenset(name for name in get_args(Kind) if getattr(self, name))

    @property
    def needs_content(self) -> bool:
        """Whether HEADERS are not enough to judge by."""
        return not FROM_CONTENT.isdisjoint(self.kinds)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One reason: of which kind, and a sentence for people, which holds nothing of the message but hosts and types.

    `where` says where in the message it is, `compared` what was held against what; both are "" where nothing is to be
    said. "incomplete" is what could not be looked at, so that the other findings may not be all.
    """

    kind: Kind | Literal["incomplete"]
    why: str
    where: str = ""
    compared: str = ""
