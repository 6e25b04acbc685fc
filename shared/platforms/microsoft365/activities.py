"""What is done on a timer while a connection to Microsoft 365 runs."""

from shared.engine.rows import Activity

ACTIVITIES = (
    Activity(
        key="daily-sync",
        title="Daily synchronisation",
        why="new users, groups, verified domains and MX records; then the tenant is compared with this table",
        accounts_for=("run-sync", "revoke-sync"),
        job="sync",
        when="daily at the site's time",
    ),
    Activity(
        key="hourly-token",
        title="Hourly token refresh",
        why="a consent that was withdrawn is noticed within the hour",
        accounts_for=("run-token",),
        job="refresh",
        when="hourly",
    ),
    Activity(
        key="reports",
        title="Scheduled reports",
        why="report messages scanned, syncs, changes, drift, and required actions",
        accounts_for=("revoke-reports",),
        job="report",
        when="daily, weekly or monthly, after midnight at the site",
    ),
)
