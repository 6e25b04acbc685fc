"""One deployment's settings as its two halves have them: what faces the internet, and what works.

As the clouds' templates give them (infra/azure, infra/gcp), with the keys of the simulated platforms.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.harness.apart import CREDENTIALS_KEY

Settings = dict[str, str]

# What opens tenants. The account that acts in Google's domains is given by its address instead.
WORKERS_ONLY = ("FOOTPRINT_MICROSOFT__CLIENT_SECRET", "FOOTPRINT_GOOGLE__CLIENT_SECRET")
ACCOUNT = "FOOTPRINT_GOOGLE__SERVICE_ACCOUNT"


def halves(whole: Mapping[str, str]) -> tuple[Settings, Settings]:
    """The public half's settings and the private one's."""
    key = json.loads(Path(whole[ACCOUNT]).read_text())
    public = {
        **{name: value for name, value in whole.items() if name not in WORKERS_ONLY},
        "FOOTPRINT_FUNCTIONS": "public",
        ACCOUNT: key["client_email"],
        f"{ACCOUNT}_CLIENT": key["client_id"],
    }
    return public, {
        **whole,
        "FOOTPRINT_FUNCTIONS": "private",
        "FOOTPRINT_CREDENTIALS_KEY__VALUE": CREDENTIALS_KEY,
    }


def by_account(public: Settings, private: Settings, account: Path, other: Path) -> tuple[Settings, Settings]:
    """On Google each half runs as an account of its own, and the workers' one signs: neither has the key that acts."""
    run_as = "GOOGLE_APPLICATION_CREDENTIALS"
    acting = {name: public[name] for name in (ACCOUNT, f"{ACCOUNT}_CLIENT")}
    return {**public, run_as: str(account)}, {**private, **acting, run_as: str(other)}
