"""The names that customers see in their tenants and in what they are told: by default, the published table's.

A name may hold `{prefix}`, and `{word}` for the prefix with a hyphen in place of what is no letter or digit. Keys of
rows, codes and settings are never made of these. A connection keeps the names that it was made with (see
`shared/connections/record.py`), so no object is orphaned or renamed when a deployment's names change.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a platform takes as a name: how many characters, and which."""

    characters: int
    pattern: re.Pattern[str]
    says: str


# No quotation marks, wildcards or braces: the names stand in commands, queries and instructions.
_TEXT = re.compile(r"[\w(](?:[\w .,()&'+-]*[\w).+])?")
_WORDS = "of letters, digits, spaces and . , ( ) & ' + -, with no space at either end"
# RFC 5322 takes more, but only X- keeps the headers of the mail itself out of the rules that remove and match these.
_HEADER = re.compile(r"[Xx]-[A-Za-z0-9-]*[A-Za-z0-9]")

_TOLD = Limit(characters=120, pattern=_TEXT, says=_WORDS)
# https://learn.microsoft.com/powershell/module/exchange/new-transportrule: -Name has at most 64 characters.
MAX_NAME_CHARS = 64
_IN_EXCHANGE = Limit(characters=MAX_NAME_CHARS, pattern=_TEXT, says=_WORDS)
# https://learn.microsoft.com/graph/api/resources/group: displayName has at most 256 characters.
_IN_GRAPH = Limit(characters=256, pattern=_TEXT, says=_WORDS)
# Google's help for administrators on creating a group: its name has at most 73 characters.
_AT_GOOGLE = Limit(characters=73, pattern=_TEXT, says=_WORDS)
# https://developers.google.com/workspace/gmail/api/guides/labels: the names of system labels are reserved.
_ON_MAIL = Limit(
    characters=225,
    says=f"{_WORDS}, and none of Gmail's own labels",
    pattern=re.compile(
        r"(?!(?i:INBOX|SPAM|TRASH|UNREAD|STARRED|IMPORTANT|SENT|DRAFTS?|CHATS?|CATEGORY_\w+)$)" + _TEXT.pattern
    ),
)
_IN_MAIL = Limit(characters=76, pattern=_HEADER, says="of letters, digits and hyphens after “X-”")

Told = Annotated[str, _TOLD]
InExchange = Annotated[str, _IN_EXCHANGE]
InGraph = Annotated[str, _IN_GRAPH]
AtGoogle = Annotated[str, _AT_GOOGLE]
OnMail = Annotated[str, _ON_MAIL]
Header = Annotated[str, _IN_MAIL]

# What the published names say of their vendor and no prefix replaces.
OF_THE_VENDOR = ("application", "service", "gmail_label", "loop_header")


class Brand(BaseModel):
    """What everything is called in customers' tenants, mail and instructions. By default the published names.

    With another `PREFIX`, set `APPLICATION`, `SERVICE`, `GMAIL_LABEL` and `LOOP_HEADER` too; every other name follows
    the prefix unless it is set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: str = Field(
        "TMCAS",
        pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9 .-]*[A-Za-z0-9])?$",
        max_length=20,
        description="begins the names of objects and, in lower case, the addresses of groups; at most 20 characters, "
        "and 13 where the names of rules are not set one by one",
    )
    application: Told = Field(
        "Trend Micro Cloud App Security",
        description="the application that administrators let in, as it is registered at Microsoft and at Google",
    )
    service: Told = Field(
        "Cloud Email and Collaboration Protection",
        description="the email-protection service, as the published table calls it",
    )
    software: Told = Field("Footprint", description="this software, as pages, mails and the marks on objects call it")
    group_incoming: InGraph = Field(
        "{prefix} Inline Incoming O365 Virtual Group", description="group of the users whose incoming mail is routed"
    )
    group_outgoing: InGraph = Field(
        "{prefix} Inline Outgoing O365 Virtual Group", description="group of the users whose outgoing mail is routed"
    )
    inbound_incoming: InExchange = Field(
        "{prefix} Inline Inbound Connector for Incoming Message",
        description="connector that brings scanned incoming mail back",
    )
    inbound_outgoing: InExchange = Field(
        "{prefix} Inline Inbound Connector for Outgoing Message",
        description="connector that brings scanned outgoing mail back",
    )
    outbound_incoming: InExchange = Field(
        "{prefix} Inline Outbound Connector for Incoming Message",
        description="connector that takes incoming mail to the scanning service",
    )
    outbound_outgoing: InExchange = Field(
        "{prefix} Inline Outbound Connector for Outgoing Message",
        description="connector that takes outgoing mail to the scanning service",
    )
    rule_junk: InExchange = Field(
        "{prefix} Inline Incoming Move to Junk Folder Transport Rule",
        description="transport rule that moves mail with the junk verdict to the junk folder",
    )
    rule_skip_spam: InExchange = Field(
        "{prefix} Inline Incoming Skip Spam Filter Transport Rule",
        description="transport rule that does not filter scanned mail again",
    )
    rule_incoming_domain: InExchange = Field(
        "{prefix} Inline Incoming Domain Transport Rule",
        description="transport rule that routes mail to the protected domains",
    )
    rule_incoming_user: InExchange = Field(
        "{prefix} Inline Incoming User Transport Rule",
        description="transport rule that routes mail to the protected users",
    )
    rule_outgoing_domain: InExchange = Field(
        "{prefix} Inline Outgoing Domain Transport Rule",
        description="transport rule that routes mail from the protected domains",
    )
    rule_outgoing_user: InExchange = Field(
        "{prefix} Inline Outgoing User Transport Rule",
        description="transport rule that routes mail from the protected users",
    )
    gmail_group: AtGoogle = Field(
        "{prefix} Inline Incoming Gmail Virtual Group", description="group of the users whose mail Gmail routes"
    )
    gmail_rule: AtGoogle = Field(
        "{prefix} Content Compliance Rule for Incoming Messages",
        description="content compliance rule that the administrator adds in Gmail",
    )
    gmail_route: AtGoogle = Field(
        "{prefix} inbound",
        description="mail route that the administrator adds in Gmail; eight characters that tell connections apart "
        "follow",
    )
    gmail_label: OnMail = Field("Risky (by Trend Micro)", description="label of a message that violates a policy")
    return_header: Header = Field(
        "X-{word}-Inline-Return-Identifier",
        description="header with the connection's secret, by which a tenant knows scanned mail again",
    )
    loop_header: Header = Field(
        "X-TrendMicro-CAS-OUT-LOOP-IDENTIFIER",
        description="header with the connection's secret on outgoing mail, by which it is scanned only once",
    )
    verdict_header: Header = Field(
        "X-{word}-Inline-Verdict", description="header in which the scanning service writes its verdict"
    )

    @property
    def word(self) -> str:
        """The prefix as a part of headers and addresses."""
        return re.sub(r"[^A-Za-z0-9]+", "-", self.prefix)

    @property
    def in_exchange(self) -> list[str]:
        """The fields that are names in Exchange."""
        return [name for name, field in type(self).model_fields.items() if _IN_EXCHANGE in field.metadata]

    def mark(self, connection_id: str) -> str:
        """What is written on objects that have a comment, so that we know our own and people know whose they are."""
        return f"Managed by {self.software}, connection {connection_id}. Please do not edit."

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name.upper() for name in OF_THE_VENDOR if name not in self.model_fields_set]
        if self.prefix != type(self).model_fields["prefix"].default and missing:
            raise ValueError(f"with another PREFIX set {', '.join(missing)} too, or published names stand beside yours")
        for name, field in type(self).model_fields.items():
            text = str(getattr(self, name)).replace("{prefix}", self.prefix).replace("{word}", self.word)
            # The one place where a frozen value is completed, before anybody has it.
            self.__dict__[name] = text
            for limit in field.metadata:
                if isinstance(limit, Limit):
                    _check(name, text, limit)
        self._tell_apart()
        return self

    def _tell_apart(self) -> None:
        """A tenant does not take two rules or connectors of one name, and one header cannot say two things."""
        seen: dict[str, str] = {}
        for name, field in type(self).model_fields.items():
            text = str(getattr(self, name)).casefold()
            if not {_IN_EXCHANGE, _IN_GRAPH, _IN_MAIL}.isdisjoint(_limits(field.metadata)):
                if text in seen:
                    raise ValueError(f"{seen[text].upper()} and {name.upper()} are the same: “{getattr(self, name)}”")
                seen[text] = name


def _limits(metadata: list[object]) -> set[Limit]:
    return {one for one in metadata if isinstance(one, Limit)}


def _check(name: str, text: str, limit: Limit) -> None:
    if len(text) > limit.characters:
        raise ValueError(
            f"{name.upper()} has {len(text)} characters, and the platform takes {limit.characters}: “{text}”. "
            "Shorten PREFIX, or set this name."
        )
    if not limit.pattern.fullmatch(text):
        raise ValueError(f"{name.upper()} is “{text}”; it must be {limit.says}")


PUBLISHED = Brand()


@lru_cache(maxsize=64)
def recorded(names: str) -> Brand:
    """The brand that a connection was made with, from the JSON of what was set in it."""
    return Brand.model_validate_json(names)
