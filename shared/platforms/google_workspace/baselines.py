"""What our settings in Gmail do to a public security baseline: which rules look at them, and what they find.

Source: github.com/cisagov/ScubaGoggles, scubagoggles/baselines/gmail.md, version 0.6.
"""

from shared.engine.rows import BaselineRule

SCUBA = "CISA SCuBA, Gmail"

GATEWAY = (
    BaselineRule(
        id="GWS.GMAIL.14.1v0.6",
        baseline=SCUBA,
        asks="An email allowlist is not used.",
        met=True,
        why="The service's addresses stand in the inbound gateway, and the email allowlist stays as it is.",
        worth="Gmail judges what comes back by the address before ours, and its spam filter sees it as ever.",
    ),
)
RULE = (
    BaselineRule(
        id="GWS.GMAIL.15.2v0.6",
        baseline=SCUBA,
        asks="Another product's scanning before delivery should offer what Google's does.",
        met=None,
        why="What the rule routes is scanned by the service, and by Gmail when it comes back.",
        worth="The scanning service answers for its filter; this software cannot.",
    ),
    BaselineRule(
        id="GWS.GMAIL.18.1v0.6",
        baseline=SCUBA,
        asks="Domains are not added to lists that bypass spam filters.",
        met=True,
        why="The rule changes the route and bypasses no filter; lists of approved senders are left alone.",
        worth="",
    ),
)
