"""The published table for Microsoft 365, line by line. A test sees to it that the catalogue claims every line."""

from shared.connections.stages import Stage
from shared.engine.rows import Area, Published
from shared.foundation.brand import Brand


def _line(id: str, stage: Stage, area: Area, text: str) -> Published:  # noqa: A002
    return Published(id=id, stage=stage, area=area, text=text)


ADMIN, MAIL = Area.ADMIN_CENTER, Area.MAIL


def published(brand: Brand) -> tuple[Published, ...]:
    """The table, with the names of a brand."""
    return (
        _line("grant-app", Stage.GRANT, ADMIN, f"Adds the {brand.application} app in Azure AD."),
        _line("grant-groups", Stage.GRANT, ADMIN, "Creates Microsoft 365 virtual groups."),
        _line("grant-mail-flow", Stage.GRANT, MAIL, "Creates mail flow connectors and transport rules."),
        _line("grant-token", Stage.GRANT, MAIL, "Uses OAuth 2.0 to obtain Exchange Online's access token."),
        _line(
            "grant-spoof",
            Stage.GRANT,
            MAIL,
            f"Adds a domain pair for {brand.service} to the allow entries for spoofed senders in "
            "the Tenant Allow/Block List.",
        ),
        _line(
            "grant-ip",
            Stage.GRANT,
            MAIL,
            f"Adds the IP addresses of {brand.service} to the IP Allow List in connection filtering.",
        ),
        _line(
            "run-groups",
            Stage.RUN,
            ADMIN,
            "Updates the Microsoft 365 virtual groups when the policy target changes.",
        ),
        _line(
            "run-sync",
            Stage.RUN,
            ADMIN,
            "Synchronizes with Microsoft 365 daily to obtain information about new users, groups, verified domains, "
            "and MX records.",
        ),
        _line("run-rules", Stage.RUN, MAIL, "Updates mail flow transport rules."),
        _line("run-token", Stage.RUN, MAIL, "Refreshes the access token every hour."),
        _line("revoke-sync", Stage.REVOKE, ADMIN, "Stops daily synchronization with Microsoft 365."),
        _line("revoke-reports", Stage.REVOKE, ADMIN, "Stops generating scheduled reports."),
        _line("revoke-groups", Stage.REVOKE, ADMIN, "Removes the Microsoft 365 virtual groups."),
        _line(
            "revoke-mail-flow",
            Stage.REVOKE,
            MAIL,
            "Removes the mail flow connectors for outbound protection and the transport rules for rerouting messages.",
        ),
        _line("cleanup-app", Stage.CLEANUP, ADMIN, f"Removes the {brand.application} from Azure AD."),
        _line(
            "cleanup-spoof",
            Stage.CLEANUP,
            ADMIN,
            f"Removes the domain pair for {brand.service} from the allow entries for spoofed "
            "senders in the Tenant Allow/Block List.",
        ),
        _line(
            "cleanup-ip",
            Stage.CLEANUP,
            ADMIN,
            f"Removes the IP addresses of {brand.service} from the IP Allow List in connection filtering.",
        ),
        _line("cleanup-skip-spam", Stage.CLEANUP, MAIL, f"Deletes {brand.rule_skip_spam}."),
        _line("cleanup-junk", Stage.CLEANUP, MAIL, f"Deletes {brand.rule_junk}."),
        _line("cleanup-inbound-in", Stage.CLEANUP, MAIL, f"Deletes {brand.inbound_incoming}."),
        _line("cleanup-inbound-out", Stage.CLEANUP, MAIL, f"Deletes {brand.inbound_outgoing}."),
    )
