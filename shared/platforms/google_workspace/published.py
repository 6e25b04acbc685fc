"""What the vendor tells customers it will change in Gmail, and when: the published table, line by line."""

from shared.connections.stages import Stage
from shared.engine.rows import Area, Published
from shared.foundation.brand import Brand


def _line(id: str, stage: Stage, text: str, area: Area = Area.MAIL) -> Published:  # noqa: A002
    return Published(id=id, stage=stage, area=area, text=text)


def published(brand: Brand) -> tuple[Published, ...]:
    """The table, with the names of a brand."""
    return (
        _line("grant-token", Stage.GRANT, "Uses OAuth 2.0 to obtain Gmail's access token."),
        _line("grant-group", Stage.GRANT, f"Adds the user group {brand.gmail_group}."),
        _line(
            "grant-directory",
            Stage.GRANT,
            f"Saves user and group information to the {brand.service} database.",
        ),
        _line("run-sync", Stage.RUN, "Synchronizes with Gmail daily to obtain information about new users and groups."),
        _line(
            "run-label",
            Stage.RUN,
            'If an email message violates a policy that specifies the "Label email" action: Creates a label called '
            f'"{brand.gmail_label}" and labels the message.',
        ),
        _line("run-log", Stage.RUN, "Updates the access or operation logs for the service account during scanning."),
        _line("run-token", Stage.RUN, "Refreshes the access token every hour."),
        _line(
            "run-watch",
            Stage.RUN,
            "Refreshes the subscription to all mailboxes' event notifications during scheduled synchronization every "
            "day.",
        ),
        _line("revoke-sync", Stage.REVOKE, "Stops daily synchronization with Gmail."),
        _line("revoke-reports", Stage.REVOKE, "Stops generating scheduled reports."),
        _line("revoke-policies", Stage.REVOKE, "Removes administrator-set policies."),
        _line("revoke-directory", Stage.REVOKE, "Removes user and group information."),
        _line("revoke-token", Stage.REVOKE, "Removes the access token obtained."),
        _line(
            "cleanup-app",
            Stage.CLEANUP,
            f"Removes the {brand.service} application from the Google Workspace admin console and "
            "from the admin's Google Account.",
            Area.ADMIN_CENTER,
        ),
        _line(
            "cleanup-rule", Stage.CLEANUP, f"Removes the content compliance rule {brand.gmail_rule}.", Area.ADMIN_CENTER
        ),
        _line(
            "cleanup-route",
            Stage.CLEANUP,
            f"Removes the mail route for routing emails to {brand.service}.",
            Area.ADMIN_CENTER,
        ),
        _line(
            "cleanup-gateway",
            Stage.CLEANUP,
            f"Removes the inbound gateway for receiving emails delivered from {brand.service}.",
            Area.ADMIN_CENTER,
        ),
    )
