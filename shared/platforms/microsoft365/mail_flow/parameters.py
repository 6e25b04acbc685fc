"""The names of transport rules' predicates and actions, and what each of them needs to know of a message.

Source: learn.microsoft.com/powershell/module/exchange/new-transportrule and
learn.microsoft.com/exchange/security-and-compliance/mail-flow-rules, conditions-and-exceptions and
mail-flow-rule-actions.
"""


def is_set(value: object) -> bool:
    """Whether a record holds a predicate or an action: 0 is a value, an empty list is none."""
    return not (value is None or value is False or value in ("", [], ()))


# What the model evaluates, by the property of a message that decides it.
SCOPE = frozenset({"FromScope", "SentToScope"})
SENDER = frozenset({"SenderDomainIs", "From", "FromMemberOf"})
RECIPIENT = frozenset({"RecipientDomainIs", "SentTo", "SentToMemberOf"})
SOURCE = frozenset({"SenderIpRanges"})
# Both ends must be in one of the groups.
BETWEEN = frozenset({"BetweenMemberOf1", "BetweenMemberOf2"})
# Of the organisation's own people it is known which addresses they have.
FROM_PATTERNS = frozenset({"FromAddressMatchesPatterns", "FromAddressContainsWords"})
TO_PATTERNS = frozenset({"RecipientAddressMatchesPatterns", "RecipientAddressContainsWords"})
STAMPED = frozenset({"HeaderContainsMessageHeader", "HeaderMatchesMessageHeader", "SCLOver"})
# The other half of a pair, which says nothing alone.
HALVES = frozenset(
    {"HeaderContainsWords", "HeaderMatchesPatterns", "ADComparisonOperator"}
)  # fmt: skip
# What depends on what the message says or on attributes of its people, which the model does not see.
CONTENT = frozenset(
    """ADComparisonAttribute AnyOfCcHeader AnyOfCcHeaderMemberOf AnyOfRecipientAddressContainsWords
    AnyOfRecipientAddressMatchesPatterns AnyOfToCcHeader AnyOfToCcHeaderMemberOf AnyOfToHeader AnyOfToHeaderMemberOf
    AttachmentContainsWords AttachmentExtensionMatchesWords AttachmentHasExecutableContent AttachmentIsPasswordProtected
    AttachmentIsUnsupported AttachmentMatchesPatterns AttachmentNameMatchesPatterns AttachmentProcessingLimitExceeded
    AttachmentPropertyContainsWords AttachmentSizeOver ContentCharacterSetContainsWords
    HasClassification HasNoClassification HasSenderOverride
    ManagerAddresses ManagerForEvaluatedUser MessageContainsDataClassifications MessageSizeOver MessageTypeMatches
    RecipientADAttributeContainsWords RecipientADAttributeMatchesPatterns
    RecipientInSenderList SenderADAttributeContainsWords
    SenderADAttributeMatchesPatterns SenderInRecipientList SenderManagementRelationship SubjectContainsWords
    SubjectMatchesPatterns SubjectOrBodyContainsWords SubjectOrBodyMatchesPatterns WithImportance""".split()  # noqa: SIM905 (one name a line would hide the list)
)
PREDICATES = SCOPE | SENDER | RECIPIENT | SOURCE | BETWEEN | FROM_PATTERNS | TO_PATTERNS | STAMPED | HALVES | CONTENT

# What an action does to the way of a message.
REFUSES = frozenset(
    {
        "DeleteMessage", "RejectMessageReasonText", "RejectMessageEnhancedStatusCode", "Disconnect",
        "SmtpRejectMessageRejectStatusCode", "SmtpRejectMessageRejectText", "RedirectMessageTo",
    }
)  # fmt: skip
HOLDS = frozenset({"Quarantine", "ModerateMessageByUser", "ModerateMessageByManager"})
ADDS = frozenset({"AddToRecipients", "CopyTo", "BlindCopyTo", "AddManagerAsRecipientType"})
SEALS = frozenset({"ApplyOME", "ApplyRightsProtectionTemplate", "ApplyRightsProtectionCustomizationTemplate"})
STAMPS = frozenset({"SetHeaderName", "SetHeaderValue", "RemoveHeader", "SetSCL"})
# They change what a message says or who is told of it, and neither its way nor what is read on its way.
INERT = frozenset(
    """ApplyClassification ApplyHtmlDisclaimerFallbackAction ApplyHtmlDisclaimerLocation ApplyHtmlDisclaimerText
    GenerateIncidentReport GenerateNotification IncidentReportContent LogEventText PrependSubject RemoveOME RemoveOMEv2
    RemoveRMSAttachmentEncryption RouteMessageOutboundRequireTls SetAuditSeverity""".split()  # noqa: SIM905 (one name a line would hide the list)
)
WRITES_TEXT = frozenset({"PrependSubject", "ApplyHtmlDisclaimerText"})
TEXT = frozenset(
    {"SubjectContainsWords", "SubjectMatchesPatterns", "SubjectOrBodyContainsWords", "SubjectOrBodyMatchesPatterns"}
)
SIZES = frozenset({"MessageSizeOver"})
NOTIFIES = "NotifySender"
ROUTES = "RouteMessageOutboundConnector"
ACTIONS = REFUSES | HOLDS | ADDS | SEALS | STAMPS | INERT | {NOTIFIES, ROUTES}

# The classes under which `Get-TransportRule` lists them: a pair of parameters is one, and SCL is written Scl.
PREDICATE_CLASSES = frozenset(
    PREDICATES
    | {"HeaderContains", "HeaderMatches", "ADAttributeComparison", "BetweenMemberOf", "SclOver", "ManagerIs"}
)  # fmt: skip
ACTION_CLASSES = frozenset(
    ACTIONS
    | {
        "SetHeader", "SetScl", "RejectMessage", "RedirectMessage", "ApplyHtmlDisclaimer", "ModerateMessage",
        "SmtpRejectMessage", "RouteMessageOutboundConnector", "AddToRecipient", "BlindCopy", "Copy",
    }
)  # fmt: skip
