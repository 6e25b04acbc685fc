"""The database's connections are budgeted: every instance that can be there, with its pool, fits the server's limit."""

import re
from pathlib import Path

from shared.deployment.queues import QUEUES
from shared.foundation.schedule import TIMERS

INFRA = Path(__file__).parents[2] / "infra"
# For people, backups and the server's own.
RESERVED = 20


def number(text: str, pattern: str) -> int:
    """The number that the one match of a pattern holds."""
    (found,) = re.findall(pattern, text)
    return int(found)


def test_google_functions_fit_the_server() -> None:
    functions, database = (INFRA / "gcp/functions.tf").read_text(), (INFRA / "gcp/database.tf").read_text()
    instances = sum(map(int, re.findall(r"\bmost = (\d+)", functions)))
    each = number(functions, r'FOOTPRINT_DATABASE_CONNECTIONS\s*= "(\d+)"')
    limit = number(database, r'name\s*= "max_connections"\s*value\s*= "(\d+)"')
    assert instances > 10
    assert instances * each + RESERVED <= limit


def test_azure_functions_fit_the_server() -> None:
    app, database = ((INFRA / "azure/modules" / name).read_text() for name in ("app.bicep", "database.bicep"))
    most = number(app, r"maximumInstanceCount: (\d+)")
    each = number(app, r"FOOTPRINT_DATABASE_CONNECTIONS: '(\d+)'")
    limit = number(database, r"name: 'max_connections'\s*properties: \{ value: '(\d+)'")
    # Each queue has a function for its messages and one for those that are given up; a timer runs once at a time. The
    # routes are there twice: the staging app has them too.
    instances = most * (2 + 2 * len(QUEUES)) + len(TIMERS)
    assert instances * each + RESERVED <= limit
