"""Tokens of many tenants by msal in 32 threads, an application for each tenant, all over one session."""

from __future__ import annotations

import json
import os
import resource
import sys
from concurrent.futures import ThreadPoolExecutor

import msal
import requests


def main() -> None:
    """Ask for BENCH_TOKENS tokens, each of an application that holds none."""
    session = requests.Session()
    session.verify, session.trust_env = os.environ["FOOTPRINT_CA_FILE"], False
    session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=32))

    def token(_number: int) -> None:
        application = msal.ConfidentialClientApplication(
            os.environ["FOOTPRINT_MICROSOFT__CLIENT_ID"],
            client_credential=os.environ["FOOTPRINT_MICROSOFT__CLIENT_SECRET"],
            authority=f"{os.environ['FOOTPRINT_MICROSOFT__LOGIN_URL']}/{os.environ['BENCH_TENANT']}",
            instance_discovery=False,
            http_client=session,
        )
        answer = application.acquire_token_for_client(scopes=["https://graph.microsoft.com/.default"])
        if "access_token" not in answer:
            raise RuntimeError(answer.get("error_description"))

    number, before = int(os.environ["BENCH_TOKENS"]), resource.getrusage(resource.RUSAGE_SELF)
    with ThreadPoolExecutor(32) as threads:
        list(threads.map(token, range(number)))
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    sys.stdout.write(json.dumps({"number": number, "cpu": spent}) + "\n")


if __name__ == "__main__":
    main()
