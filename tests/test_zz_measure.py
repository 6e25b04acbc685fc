import asyncio, time
from tests.conftest import *  # noqa
async def test_m(world):
    from shared import targets, policies
    from shared.policies import Policy, EVERYONE
    from tests import google
    from tests.world import HARBOUR
    from shared.google_workspace.judging import everybody
    users = google.some_users(world, 3, HARBOUR)
    c = await google.connect(world, modes=["inline"], domain=HARBOUR, policies=[Policy(name="x", users=users)])
    d = world.app.database
    async def put(p):
        async with d.write() as w: await policies.put(w, c.id, p)
    def t(): return time.perf_counter()
    b=t(); await targets.covered_users(d, c.id, "incoming"); print("3 users", t()-b)
    await put(Policy(name="x", everyone=True))
    b=t(); r=await targets.covered_users(d, c.id, "incoming"); print("everyone", len(r), t()-b)
    b=t(); await targets.protected_domains(d, c.id, "incoming"); await targets.protected_users(d, c.id, "incoming"); print("prot everyone", t()-b)
    await put(Policy(name="x", everyone=True, except_users=users))
    b=t(); r=await targets.protected_users(d, c.id, "incoming"); print("except", len(r), t()-b)
    p=Policy(name="x", everyone=True, conditions={"impersonation": True})
    b=t(); k=await everybody(world.app, c, [p]); print("known", len(k.people), t()-b)
