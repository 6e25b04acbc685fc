"""The published table for Microsoft 365, line by line. A test sees to it that the catalogue claims every line."""

from shared.connections.stages import Stage
from shared.engine.rows import Area, Published


def _line(id: str, stage: Stage, area: Area, text: str) -> Published:  # noqa: A002
    return Published(id=id, stage=stage, area=area, text=text)


ADMIN, MAIL = Area.ADMIN_CENTER, Area.MAIL

PUBLISHED = (
    _line("grant-app", Stage.GRANT, ADMIN, "Adds the Trend Micro Cloud App Security app in Azure AD."),
    _line("grant-groups", Stage.GRANT, ADMIN, "Creates Microsoft 365 virtual groups."),
    _line("grant-mail-flow", Stage.GRANT, MAIL, "Creates mail flow connectors and transport rules."),
    _line("grant-token", Stage.GRANT, MAIL, "Uses OAuth 2.0 to obtain Exchange Online's access token."),
    _line(
        "grant-spoof", Stage.GRANT, MAIL,
        "Adds a domain pair for Cloud Email and Collaboration Protection to the allow entries for spoofed senders in "
        "the Tenant Allow/Block List.",
    ),
    _line(
        "grant-ip", Stage.GRANT, MAIL,
        "Adds the IP addresses of Cloud Email and Collaboration Protection to the IP Allow List in connection "
        "filtering.",
    ),
    _line(
        "run-groups", Stage.RUN, ADMIN,
        "Updates the Microsoft 365 virtual groups when the policy target changes.",
    ),
    _line(
        "run-sync", Stage.RUN, ADMIN,
        "Synchronizes with Microsoft 365 daily to obtain information about new users, groups, verified domains, and "
        "MX records.",
    ),
    _line("run-rules", Stage.RUN, MAIL, "Updates mail flow transport rules."),
    _line("run-token", Stage.RUN, MAIL, "Refreshes the access token every hour."),
    _line("revoke-sync", Stage.REVOKE, ADMIN, "Stops daily synchronization with Microsoft 365."),
    _line("revoke-reports", Stage.REVOKE, ADMIN, "Stops generating scheduled reports."),
    _line("revoke-groups", Stage.REVOKE, ADMIN, "Removes the Microsoft 365 virtual groups."),
    _line(
        "revoke-mail-flow", Stage.REVOKE, MAIL,
        "Removes the mail flow connectors for outbound protection and the transport rules for rerouting messages.",
    ),
    _line("cleanup-app", Stage.CLEANUP, ADMIN, "Removes the Trend Micro Cloud App Security from Azure AD."),
    _line(
        "cleanup-spoof", Stage.CLEANUP, ADMIN,
        "Removes the domain pair for Cloud Email and Collaboration Protection from the allow entries for spoofed "
        "senders in the Tenant Allow/Block List.",
    ),
    _line(
        "cleanup-ip", Stage.CLEANUP, ADMIN,
        "Removes the IP addresses of Cloud Email and Collaboration Protection from the IP Allow List in connection "
        "filtering.",
    ),
    _line("cleanup-skip-spam", Stage.CLEANUP, MAIL, "Deletes TMCAS Inline Incoming Skip Spam Filter Transport Rule."),
    _line("cleanup-junk", Stage.CLEANUP, MAIL, "Deletes TMCAS Inline Incoming Move to Junk Folder Transport Rule."),
    _line("cleanup-inbound-in", Stage.CLEANUP, MAIL, "Deletes TMCAS Inline Inbound Connector for Incoming Message."),
    _line("cleanup-inbound-out", Stage.CLEANUP, MAIL, "Deletes TMCAS Inline Inbound Connector for Outgoing Message."),
)  # fmt: skip
