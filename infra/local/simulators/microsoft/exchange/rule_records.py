"""What a transport rule is made of, and how Exchange shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.simulators.wire import Record

NAMESPACE = "Microsoft.Exchange.MessagingPolicies.Rules.Tasks"
# What a rule has besides conditions, exceptions and actions, and the value of a rule that never set it.
DEFAULTS: dict[str, Any] = {
    "Priority": None,
    "Comments": None,
    "ActivationDate": None,
    "ExpiryDate": None,
    "Mode": "Enforce",
    "RuleErrorAction": "Ignore",
    "RuleSubType": "None",
    "SenderAddressLocation": "Header",
    "RecipientAddressType": "Resolved",
    "StopRuleProcessing": False,
    "State": "Enabled",
}
CONDITIONS = frozenset(
    """ADComparisonAttribute ADComparisonOperator AnyOfCcHeader AnyOfCcHeaderMemberOf
    AnyOfRecipientAddressContainsWords AnyOfRecipientAddressMatchesPatterns AnyOfToCcHeader
    AnyOfToCcHeaderMemberOf AnyOfToHeader AnyOfToHeaderMemberOf AttachmentContainsWords
    AttachmentExtensionMatchesWords AttachmentHasExecutableContent AttachmentIsPasswordProtected
    AttachmentIsUnsupported AttachmentMatchesPatterns AttachmentNameMatchesPatterns
    AttachmentProcessingLimitExceeded AttachmentPropertyContainsWords AttachmentSizeOver BetweenMemberOf1
    BetweenMemberOf2 ContentCharacterSetContainsWords From FromAddressContainsWords FromAddressMatchesPatterns
    FromMemberOf FromScope HasClassification HasNoClassification HeaderContainsMessageHeader HeaderContainsWords
    HeaderMatchesMessageHeader HeaderMatchesPatterns ManagerAddresses ManagerForEvaluatedUser MessageSizeOver
    MessageTypeMatches RecipientADAttributeContainsWords RecipientADAttributeMatchesPatterns
    RecipientAddressContainsWords RecipientAddressMatchesPatterns RecipientDomainIs
    RecipientInSenderList SCLOver SenderADAttributeContainsWords SenderADAttributeMatchesPatterns SenderDomainIs
    SenderInRecipientList SenderIpRanges SenderManagementRelationship SentTo SentToMemberOf SentToScope
    SubjectContainsWords SubjectMatchesPatterns SubjectOrBodyContainsWords SubjectOrBodyMatchesPatterns
    WithImportance""".split()  # noqa: SIM905 (one name a line would hide the list)
)
EXCEPTIONS = frozenset(f"ExceptIf{name}" for name in CONDITIONS)
PREDICATES = CONDITIONS | EXCEPTIONS
ACTIONS = frozenset(
    """AddManagerAsRecipientType AddToRecipients ApplyClassification ApplyHtmlDisclaimerFallbackAction
    ApplyHtmlDisclaimerLocation ApplyHtmlDisclaimerText ApplyOME ApplyRightsProtectionCustomizationTemplate
    ApplyRightsProtectionTemplate BlindCopyTo CopyTo DeleteMessage Disconnect GenerateIncidentReport
    GenerateNotification IncidentReportContent LogEventText ModerateMessageByManager ModerateMessageByUser
    NotifySender PrependSubject Quarantine RedirectMessageTo RejectMessageEnhancedStatusCode
    RejectMessageReasonText RemoveHeader RemoveOME RemoveOMEv2 RemoveRMSAttachmentEncryption
    RouteMessageOutboundConnector RouteMessageOutboundRequireTls SetAuditSeverity SetHeaderName SetHeaderValue
    SetSCL SmtpRejectMessageRejectStatusCode SmtpRejectMessageRejectText""".split()  # noqa: SIM905 (one name a line would hide the list)
)
# Two parameters, one predicate or action.
PAIRS = {
    f"{prefix}{name}": (f"{prefix}{first}", f"{prefix}{second}")
    for prefix in ("", "ExceptIf")
    for name, first, second in (
        ("HeaderContains", "HeaderContainsMessageHeader", "HeaderContainsWords"),
        ("HeaderMatches", "HeaderMatchesMessageHeader", "HeaderMatchesPatterns"),
        ("BetweenMemberOf", "BetweenMemberOf1", "BetweenMemberOf2"),
        ("ADAttributeComparison", "ADComparisonAttribute", "ADComparisonOperator"),
    )
} | {"SetHeader": ("SetHeaderName", "SetHeaderValue")}
_CLASS = {half: name for name, halves in PAIRS.items() for half in halves} | {
    "SetSCL": "SetScl",
    "SCLOver": "SclOver",
    "ExceptIfSCLOver": "ExceptIfSclOver",
}
SWITCHES = frozenset({"DeleteMessage", "Quarantine", "ApplyOME", "RemoveOME", "RouteMessageOutboundRequireTls"})

_UNSET = {name: False if name in SWITCHES else None for name in sorted(PREDICATES | ACTIONS)}


def _classes(record: Record, names: frozenset[str], suffix: str) -> tuple[str, ...] | None:
    """Return the class names of what is set, in a steady order; nothing at all is null."""
    held = dict.fromkeys(_CLASS.get(name, name).removeprefix("ExceptIf") for name in sorted(names) if name in record)
    return tuple(f"{NAMESPACE}.{name}{suffix}" for name in held) or None


def shown(record: Record, place: int, groups: Mapping[str, str], connectors: Mapping[str, str]) -> Record:
    """Return a rule the way `Get-TransportRule` prints it.

    A group is shown by its address; one that no longer exists stays as the bare identity it was kept by.
    """
    result: dict[str, Any] = {
        "Priority": place,
        "DlpPolicy": None,
        "DlpPolicyId": "00000000-0000-0000-0000-000000000000",
        "CreatedBy": "Simulated administrator",
        "LastModifiedBy": "Simulated administrator",
        "ManuallyModified": False,
        "Description": _description(record),
        "Conditions": _classes(record, CONDITIONS, "Predicate"),
        "Exceptions": _classes(record, EXCEPTIONS, "Predicate"),
        "Actions": _classes(record, ACTIONS, "Action") or (),
        "IsValid": True,
    }
    result |= _UNSET
    for name in record.keys() & _UNSET.keys():
        value = record[name]
        if "MemberOf" in name:
            value = tuple(groups.get(one, one) for one in value)
        elif name == "RouteMessageOutboundConnector":
            value = connectors.get(value, value)
        result[name] = value
    settings = {name: record[name] for name in DEFAULTS if name != "Priority"}
    identity = {name: record[name] for name in ("Name", "Identity", "Guid", "WhenChanged")}
    return result | settings | identity | {"ImmutableId": record["Guid"], "DistinguishedName": f"CN={record['Name']}"}


def _description(record: Record) -> str:
    """Return the sentence an administrator reads, with every value in it."""

    def part(names: frozenset[str]) -> str:
        return "; ".join(f"{name} {record[name]}" for name in sorted(names) if name in record)

    conditions = part(CONDITIONS) or "Apply to all messages"
    exceptions = part(EXCEPTIONS)
    text = f"If the message: {conditions}\r\nTake the following actions: {part(ACTIONS)}\r\n"
    return text + (f"Except if the message: {exceptions}\r\n" if exceptions else "")
