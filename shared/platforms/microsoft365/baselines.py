"""What our objects do to public security baselines: which rules look at them, what they find, and what that is worth.

Sources: github.com/cisagov/ScubaGear, PowerShell/ScubaGear/baselines/exo.md and docs/configuration/configuration.md;
CIS Microsoft 365 Foundations Benchmark, 4.0.0 for 2.1.12 and 5.0.0 for 6.2.2, as www.tenable.com/audits shows them.
"""

from shared.engine.rows import BaselineRule

SCUBA, CIS = "CISA SCuBA, Exchange Online", "CIS Microsoft 365 Foundations"
SCANNED = "Everything that comes from these addresses was scanned by the service first, and the list ends with it."

ALLOW_LIST = (
    BaselineRule(
        id="MS.EXO.12.1v1",
        baseline=SCUBA,
        asks="IP allow lists should not be created.",
        met=False,
        why="The service's addresses stand in the list, so that the mail it returns is not refused.",
        worth=f"{SCANNED} What comes from them skips Microsoft's spam filter and sender checks.",
        exclusion=f'OmitPolicy:\n  MS.EXO.12.1v1:\n    Rationale: "Addresses of the mail scanner. {SCANNED}"\n',
    ),
    BaselineRule(
        id="2.1.12",
        baseline=CIS,
        asks="The connection filter's IP allow list is not used.",
        met=False,
        why="The same entries.",
        worth=SCANNED,
    ),
    BaselineRule(
        id="MS.EXO.12.2v1",
        baseline=SCUBA,
        asks="Safe lists should not be enabled.",
        met=True,
        why="The switch stays as the customer has set it.",
        worth="",
    ),
)
CLEAN_MAIL = (
    BaselineRule(
        id="6.2.2",
        baseline=CIS,
        asks="Mail transport rules do not allow specific domains.",
        met=True,
        why="The rule sets SCL -1 and names no domain: it asks for the service's addresses and a secret of the tenant.",
        worth="A check that looks for SCL -1 alone may list the rule. What it means was scanned and found clean.",
    ),
    BaselineRule(
        id="MS.EXO.14.3v1",
        baseline=SCUBA,
        asks="Allowed domains are not added to anti-spam policies.",
        met=True,
        why="Anti-spam policies are left alone.",
        worth="",
    ),
    BaselineRule(
        id="MS.EXO.14.4v1",
        baseline=SCUBA,
        asks="Another product's filter should offer what Microsoft's does.",
        met=None,
        why="What the scanner found clean is not judged by Microsoft's spam filter again; malware is.",
        worth="The scanning service answers for its filter; this software cannot.",
    ),
)
