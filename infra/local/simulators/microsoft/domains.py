"""A tenant's domains, as Graph and as Exchange describe them; neither list implies the other."""

from __future__ import annotations

from infra.local.simulators.wire import Record


def mail_exchange(name: str) -> str:
    """Return the host that takes mail for a domain of Exchange Online."""
    return f"{name.replace('.', '-')}.mail.protection.outlook.com"


def domain(
    name: str, *, verified: bool = True, default: bool = False, initial: bool = False, email: bool = False
) -> Record:
    """Return a domain the way Graph describes it."""
    return {
        "id": name,
        "authenticationType": "Managed",
        "availabilityStatus": None,
        "isAdminManaged": True,
        "isDefault": default,
        "isInitial": initial,
        "isRoot": name.count(".") == 1,
        "isVerified": verified,
        "passwordNotificationWindowInDays": None,
        "passwordValidityPeriodInDays": None,
        "supportedServices": ["Email", "OfficeCommunicationsOnline"] if email else [],
    }


def accepted_domain(name: str, *, default: bool = False, initial: bool = False) -> Record:
    """Return a domain the way Exchange describes it."""
    return {
        "DomainName": name,
        "DomainType": "Authoritative",
        "Default": default,
        "InitialDomain": initial,
        "MatchSubDomains": False,
        "SmtpDaneStatus": "Disabled",
        "AuthenticationType": "Managed",
        "RawAuthenticationType": "Managed",
        "ExternallyManaged": False,
        "PendingRemoval": False,
        "PendingCompletion": False,
        "OutboundOnly": False,
        "EmailOnly": False,
        "AddressBookEnabled": True,
        "SendingFromDomainDisabled": False,
        "SendingToDomainDisabled": False,
        "IsCoexistenceDomain": initial,
        "CatchAllRecipientID": None,
        "FederatedOrganizationLink": "",
        "Name": name,
        "DistinguishedName": f"CN={name},CN=Accepted Domains",
        "ExchangeVersion": "0.10 (14.0.100.0)",
        "AdminDisplayName": "",
        "MailFlowRegion": "EUR",
        "AzureProvisioningRegion": "",
    }
