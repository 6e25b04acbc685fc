"""What only the customer's administrator can do: the application, the delegation, and Gmail's own settings.

Each with the exact values to type, the page on which it is done, and what a machine can see of it.
"""

from datetime import timedelta

from shared.connections.stages import Stage
from shared.engine.rows import ByAdministrator
from shared.foundation.brand import Brand
from shared.platforms.google_workspace import baselines, checks
from shared.platforms.google_workspace.modes import BY_ROUTE
from shared.platforms.google_workspace.scopes import AUDIT, CUSTOMER, POLICIES, USERS
from shared.platforms.google_workspace.shared_application import held_up, still_used

# A changed setting may take Gmail a day to act on, and mail that the scanner holds still comes back: without the
# gateway it fails its sender's authentication.
UNTIL_MAIL_IS_BACK = timedelta(hours=24)
CONSOLE = "https://admin.google.com"
GMAIL_SETTINGS = f"{CONSOLE}/ac/apps/gmail"
# What must be gone before the application may go; the group stays, as published.
ENDED = ("grant", "tokens", "directory", "policies", "group-members", "watches", "rule", "route", "gateway")


def application(brand: Brand) -> ByAdministrator:
    """The Marketplace application."""
    return ByAdministrator(
        key="application",
        title=brand.application,
        why="the Marketplace application with which the organisation lets our service account in",
        accounts_for=("cleanup-app",),
        removed_in=Stage.CLEANUP,
        serves=ENDED,
        set_up=(
            "As a super administrator, open the Marketplace listing, choose Admin install, Everyone at your "
            "organisation, and accept. If it is installed already, open it under Apps, Google Workspace Marketplace "
            "apps, Apps list, Data access, and choose Grant access."
        ),
        removal=(
            "In the Admin console, under Apps > Google Workspace Marketplace apps > Apps list, open "
            f"{brand.application} and choose Uninstall app."
        ),
        link=CONSOLE,
        values=(("Marketplace listing", "{marketplace}"),),
        check=checks.application,
        without="nothing can be checked or protected",
        still_used=still_used,
        held_up=held_up,
    )


DELEGATION = ByAdministrator(
    key="delegation",
    title="Domain-wide delegation",
    why="lets the service account read the directory and the mailboxes, within its permissions",
    accounts_for=("cleanup-app",),
    permissions=(USERS, CUSTOMER),
    removed_in=Stage.CLEANUP,
    serves=ENDED,
    implied=True,
    set_up="In the Admin console, under Security, API controls, Domain-wide delegation, add the client.",
    removal=(
        "The grant goes with the application. If granted by hand: in the Admin console, under Security, API controls, "
        "Domain-wide delegation, delete the client {client_id}."
    ),
    link=f"{CONSOLE}/ac/owl/domainwidedelegation",
    values=(("Client ID", "{client_id}"), ("OAuth scopes", "{scopes}")),
    check=checks.delegation,
    # Google's servers do not all hear of it at once.
    confirmed_after=timedelta(hours=1),
    still_used=still_used,
    held_up=held_up,
)

# In the order in which they are set up. The rule comes after them and goes first, for it needs both.
ROUTING: tuple[ByAdministrator, ...] = (
    ByAdministrator(
        key="route",
        title="Mail route",
        why="says where mail is sent to be scanned",
        accounts_for=("cleanup-route",),
        modes=BY_ROUTE,
        permissions=(AUDIT,),
        removed_in=Stage.CLEANUP,
        serves=("rule",),
        set_up=(
            "In the Admin console, under Apps > Google Workspace > Gmail > Hosts, add a route with these values. "
            "No API shows us what is there already: look under Routing that no setting sends incoming mail another way."
        ),
        removal="In the Admin console, under Apps > Google Workspace > Gmail > Hosts, delete the route {route}.",
        link=f"{GMAIL_SETTINGS}/hosts",
        values=(("Name", "{route}"), ("Single host", "{host}"), ("Port", "{port}")),
        check=checks.route,
        without="mail flows unscanned",
    ),
    ByAdministrator(
        key="gateway",
        title="Inbound gateway",
        why="scanned mail that comes back is judged by its sender and not by our address",
        accounts_for=("cleanup-gateway",),
        modes=BY_ROUTE,
        permissions=(AUDIT,),
        removed_in=Stage.CLEANUP,
        serves=("rule",),
        kept_for=UNTIL_MAIL_IS_BACK,
        set_up=(
            "In the Admin console, under Apps > Google Workspace > Gmail > Spam, phishing and malware, at the top "
            "organisational unit, enable the inbound gateway and type these values. If it is enabled already, add our "
            "addresses to those that are there."
        ),
        removal=(
            "In the Admin console, under Apps > Google Workspace > Gmail > Spam, phishing and malware, take our "
            "addresses out of the inbound gateway, and disable it if none is left."
        ),
        link=f"{GMAIL_SETTINGS}/spam",
        values=(
            ("Gateway IPs", "{egress}"),
            ("Automatically detect external IP", "on"),
            ("Reject all mail not from gateway IPs", "off"),
            ("Require TLS", "on"),
        ),
        check=checks.gateway,
        baselines=baselines.GATEWAY,
        without="returned mail may be taken for a forgery",
    ),
)


def rule(brand: Brand) -> ByAdministrator:
    """The content compliance rule."""
    return ByAdministrator(
        key="rule",
        title=brand.gmail_rule,
        why="routes incoming mail of the group's members to be scanned",
        accounts_for=("cleanup-rule",),
        modes=BY_ROUTE,
        permissions=(POLICIES,),
        removed_in=Stage.CLEANUP,
        serves=("group-members",),
        set_up=(
            "In the Admin console, under Apps > Google Workspace > Gmail > Compliance, choose "
            "Configure or Add another rule and type these values."
        ),
        removal=(
            "In the Admin console, under Apps > Google Workspace > Gmail > Compliance, delete the rule "
            f"{brand.gmail_rule}. To disable it is not enough."
        ),
        link=f"{GMAIL_SETTINGS}/compliance",
        values=(
            ("Name", brand.gmail_rule),
            ("Email messages to affect", "Inbound"),
            ("Expression", "If all of these match; Advanced content match; Full headers; Not contains text"),
            ("Content", "{return_header}"),
            ("Do the following", "Modify message; Change route to {route}"),
            ("Options, envelope filter", "Only affect specific envelope recipients; Group membership: {group}"),
        ),
        check=checks.rule,
        baselines=baselines.RULE,
        confirmed_after=timedelta(minutes=5),
        without="mail flows unscanned",
    )
