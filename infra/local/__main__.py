"""`python -m infra.local run` keeps a whole cloud on this machine; `… demo` lives a life on each platform in it."""

import asyncio
import errno
import logging
import os
import shutil
import sys
from pathlib import Path

from infra.local import controls
from infra.local.demo import google_workspace, microsoft365, story
from infra.local.machine import machine
from shared.flows import grant
from shared.web.accounts import sign_in_link

FOLDER = Path(".local").resolve()
PYTHON = os.path.relpath(sys.executable)
PORT = int(os.environ.get("PORT", "8080"))
STORIES = (microsoft365.STORY, google_workspace.STORY)


async def run() -> int:
    """Start everything and say where it is, until interrupted."""
    # The simulated tenants begin anew at each start, so what was known of them is of no use.
    await asyncio.to_thread(shutil.rmtree, FOLDER, ignore_errors=True)
    await asyncio.to_thread(FOLDER.mkdir)
    async with machine(FOLDER, PORT) as running:
        consents = ""
        for story in STORIES:
            new = grant.NewConnection.model_validate({**story.connection, "tenant": story.domain})
            made = await grant.create(running.app, new, "this machine")
            consents += f"  {f'Consent page of {new.name}':<25} {made.consent_url}\n"
        say = sys.stdout.write
        say(f"""
Footprint runs on this machine, with two simulated Microsoft 365 tenants and two Google Workspace customers.

  Console (sign in once)    {await sign_in_link(running.app)}
{consents}  Simulator controls  {running.address}/_local

Contoso: consent as its administrator, assign the role under “Simulator controls”, and watch it being set up in
the console. Orchard: consent as a super administrator, install the application, then add route, gateway and rule; let
a risky message arrive and look for its label under “Tenant snapshot (JSON)”. Then revoke, do what the console asks
for, and move the clock on by a day. Stop with Ctrl-C.

The simulators use a self-signed certificate; accept the browser warning. A
session ends after an hour, by the clock that you move: “Simulator controls” has a button back to the console,
and prints these lines again.

In another terminal, for the command line and for the API:

{controls.exports(running.app, running.simulators)}
{PYTHON} -m shared connections list
curl -H "Authorization: Bearer $FOOTPRINT_TOKEN" $FOOTPRINT_URL/api/connections
""")
        sys.stdout.flush()
        await asyncio.Event().wait()
    return 0


async def live() -> int:
    """Live a life on each platform, and say whether everything held."""
    return await story.main(STORIES)


def main() -> int:
    """Do what the first word says."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    commands = {"run": run, "demo": live}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.stderr.write("usage: python -m infra.local run|demo\n")
        return 2
    try:
        return asyncio.run(commands[sys.argv[1]]())
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sys.stderr.write(f"Port {PORT} is taken on this machine. Choose another: PORT=8081 make run\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
