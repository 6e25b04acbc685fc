"""What a customer may do in their own tenant and what it does to mail: `python -m tests.mail_edits` prints the table.

edits.json has the edits with the effects that the documentation makes right, and a test holds the model to each.
"""

import json
from pathlib import Path
from typing import Any, cast

from infra.local.markdown import table

EDITS = Path(__file__).parent / "platforms" / "microsoft365" / "mail_flow" / "edits.json"
DOCUMENT = Path(__file__).parents[1] / "docs" / "mail-flow-edits.md"
HEAD = """# Edits of a tenant, and what they do to mail

Each line is a change that another user makes in a Microsoft 365 tenant where everybody is protected (or three people,
where it says so), and the effect that is told of it. [The mail flow](mail-flow.md) says what the effects mean.
`python -m tests.mail_edits` prints this page from the cases that the tests hold the model to.
"""


def edits() -> list[dict[str, Any]]:
    """Every edit: `what` it is, the `cmdlet` with what is `given` to it, `effect`, and whether `people` are protected.
    `share` says where only some mail is touched.

    Instead of a cmdlet there is `mx` with the hosts of domains, `domain` with a name that is removed, and `members`
    with the members of our groups.
    """
    return cast("list[dict[str, Any]]", json.loads(EDITS.read_text()))


def printed() -> str:
    """The page."""
    lines = [
        (
            one["what"] + (" (three people)" if one.get("people") else ""),
            " ".join(f"`{effect}`" for effect in one["effect"]) or "none",
        )
        for one in edits()
    ]
    return "\n".join([HEAD, *table(("Edit", "`effect`"), lines), ""])


if __name__ == "__main__":
    DOCUMENT.write_text(printed())
