"""`python -m infra.local run` keeps a whole cloud on this machine; `… demo` lives a connection's life in it."""

import asyncio
import errno
import logging
import os
import shutil
import sys
from pathlib import Path

from infra.local import demo
from infra.local.machine import machine
from shared.handlers import grant
from shared.schedule import Site
from shared.web.operators import sign_in_link

FOLDER = Path(".local").resolve()
PORT = int(os.environ.get("PORT", "8080"))


async def run() -> int:
    """Start everything and say where it is, until interrupted."""
    # The simulated tenants begin anew at each start, so what was known of them is of no use.
    await asyncio.to_thread(shutil.rmtree, FOLDER, ignore_errors=True)
    await asyncio.to_thread(FOLDER.mkdir)
    async with machine(FOLDER, PORT) as running:
        new = grant.NewConnection(platform="microsoft365", site=Site.EU, name="Contoso", tenant="contoso.com")
        made = await grant.create(running.app, new, "this machine")
        token = running.simulators.operator_token()
        say = sys.stdout.write
        say(f"""
Footprint runs on this machine, with two simulated Microsoft 365 tenants.

  Console (sign in once)    {await sign_in_link(running.app)}
  Contoso's consent page    {made["consent_url"]}
  Clock and administrators  {running.address}/_local

  For the API               curl -H "Authorization: Bearer {token}" {running.address}/api/connections

Consent as Contoso's administrator, assign the role under “Clock and administrators”, watch it being set up in the
console, revoke, move the clock on by a day, remove the application. Stop with Ctrl-C.
""")
        sys.stdout.flush()
        await asyncio.Event().wait()
    return 0


def main() -> int:
    """Do what the first word says."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    commands = {"run": run, "demo": demo.main}
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
