"""What a customer may do in Google Workspace and what it does to mail: `python -m tests.gmail_edits` prints the table.

edits.json has the edits with the effects that Google's documentation makes right, and a test holds the model to each.
"""

import json
from pathlib import Path
from typing import Any, cast

from infra.local.markdown import table

EDITS = Path(__file__).parent / "platforms" / "google_workspace" / "mail_flow" / "edits.json"
DOCUMENT = Path(__file__).parents[1] / "docs" / "mail-flow-edits-gmail.md"
HEAD = """# Edits in Google Workspace, and what they do to mail

Each line is a change that another user makes in a customer where everybody is protected, the effect that is told of
it, and whether it touches all protected people or some. [The mail flow](mail-flow.md) says what the effects mean.
`python -m tests.gmail_edits` prints this page from the cases that the tests hold the model to.
"""


def edits() -> list[dict[str, Any]]:
    """Every edit: `what` it is, the administrator's `acts`, `effect`, and `share`, which is all if it is not said.

    An act is one of the simulator's, `mx` with the hosts of domains, or `group` with what our group is like then.
    """
    return cast("list[dict[str, Any]]", json.loads(EDITS.read_text()))


def printed() -> str:
    """The page."""
    lines = [
        (
            one["what"],
            " ".join(f"`{effect}`" for effect in one["effect"]) or "none",
            one.get("share", "all") if one["effect"] else "",
        )
        for one in edits()
    ]
    return "\n".join([HEAD, *table(("Edit", "`effect`", "Touches"), lines), ""])


if __name__ == "__main__":
    DOCUMENT.write_text(printed())
