"""What a person does about the codes of Microsoft 365."""

from shared.foundation.codes import ATTENTION, INSIDE, WAITING, code

CODES = (
    code(
        WAITING,
        "consent_not_effective",
        "Microsoft's sign-in has not heard of the consent yet.",
        "Nothing.",
        "The question is repeated every 20 seconds, for a quarter of an hour.",
    ),
    code(
        WAITING,
        "our_credential_not_known_yet",
        "Microsoft does not know this deployment's certificate yet.",
        "If it lasts an hour, check that the certificate was added to the app registration.",
    ),
    code(
        ATTENTION,
        "exchange_not_licensed",
        "The tenant has no Exchange Online.",
        "The customer needs a licence for it before mail can be protected.",
    ),
    code(
        ATTENTION,
        "tenant_gone",
        "Microsoft does not know the tenant any more, or it cannot be used.",
        "Ask the customer. A tenant that was deleted leaves nothing to remove: revoke the connection.",
    ),
    code(
        ATTENTION,
        "tenant_not_found",
        "No Microsoft tenant has this id or domain.",
        "Check the tenant that the connection was made for.",
    ),
    code(
        ATTENTION,
        "service_disabled",
        "A service that Footprint needs is switched off in the tenant, or its subscription has lapsed.",
        "The customer renews it, or enables it under Enterprise applications.",
    ),
    code(
        ATTENTION,
        "tenant_in_another_cloud",
        "The tenant belongs to a national cloud of Microsoft's.",
        "Connect it from a deployment whose FOOTPRINT_MICROSOFT__ addresses are that cloud's.",
    ),
    code(
        ATTENTION,
        "delegated_administrator_blocked",
        "The tenant does not let a delegated administrator (GDAP) consent.",
        "An administrator of the tenant's own opens the invitation link.",
    ),
    code(
        WAITING,
        "token_loop",
        "Microsoft saw too many equal token requests.",
        "If this lasts, check whether another deployment uses the same app registration.",
        "The question is repeated after an hour.",
    ),
    code(
        ATTENTION,
        "roles_not_shown",
        "Microsoft does not say which directory roles the administrator has, so nobody can consent.",
        "Set groupMembershipClaims to DirectoryRole in this deployment's app registration.",
        "Nothing; the administrator opens the link again afterwards.",
    ),
    code(
        WAITING,
        "exchange_role_missing",
        "The application has no Exchange role in the tenant, or Exchange has not heard of it yet.",
        "The customer's administrator assigns the role Exchange Administrator, as the step on the page says, or a role "
        "group with the cmdlet that the sentence names.",
        "The role is checked each minute, then less often.",
    ),
    code(
        WAITING,
        "exchange_roles_not_ready",
        "Exchange has the role, and does not offer all its cmdlets yet.",
        "Nothing; it can take some hours after the role was assigned.",
    ),
    code(
        WAITING,
        "organisation_dehydrated",
        "Exchange has the tenant's configuration packed away, and refuses new objects.",
        "Nothing, unless it lasts a day: then the customer runs Enable-OrganizationCustomization.",
        "Footprint has it enabled and looks again.",
    ),
    code(
        WAITING,
        "exchange_failed",
        "Exchange failed at a cmdlet with an error of its own.",
        "If it lasts a day, open a support case with Microsoft, with the request id from the ledger.",
    ),
    code(
        ATTENTION,
        "exchange_refused",
        "Exchange refused a cmdlet; the sentence has its words.",
        "Do what they say in the tenant, then reconcile again.",
    ),
    code(
        ATTENTION,
        "our_request_refused",
        "Exchange does not understand a cmdlet as Footprint sent it.",
        "Report it as an internal error, with the sentence.",
    ),
    code(
        WAITING,
        "exchange_pages_refused",
        "Exchange refuses the next page of a listing, so the listing is not complete.",
        "If it lasts a day, report it with the sentence.",
    ),
    code(
        WAITING,
        "incomplete_listing",
        "Exchange said that there is more than it listed. Nothing is decided by half a listing.",
        "If it lasts a day, report it with the sentence.",
    ),
    code(
        WAITING,
        "group_not_visible",
        "Exchange does not list a new group yet.",
        "Nothing, unless it lasts a day.",
        "The next check is in minutes.",
    ),
    code(
        ATTENTION,
        "group_naming_policy",
        "The tenant's naming policy for groups refuses our names.",
        "The customer exempts the application from the policy, or set FOOTPRINT_MICROSOFT__NAME_PREFIX.",
    ),
    code(
        ATTENTION,
        "rule_too_large",
        "A transport rule would be larger than Exchange takes. Nothing was sent.",
        "Name less in the policies, or shorten the name prefix or brand.",
    ),
    code(
        ATTENTION,
        "rule_without_condition",
        "A transport rule would apply to all mail of the organisation. The rule was not sent.",
        "Report it as an internal error.",
    ),
    code(
        ATTENTION,
        "no_room",
        "A list of the tenant is as long as Exchange lets it be.",
        "The customer removes entries that they do not need, then reconcile again.",
    ),
    code(
        INSIDE,
        "already_exists",
        "Exchange says that an object with this name is there already.",
        "Nothing.",
    ),
    code(
        INSIDE,
        "resync",
        "Graph does not know our place in its changes any more.",
        "Nothing.",
        "The whole directory is listed again.",
    ),
)
