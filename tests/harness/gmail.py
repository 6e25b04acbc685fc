"""What tests see of Gmail: our label, what we know of a mailbox, and pushes that are not Gmail's."""

from typing import Any

import jwt

from shared.connections.record import Connection
from shared.protection import mailboxes
from tests.harness import workspace as google
from tests.harness.workspace import ADMIN, LABEL
from tests.harness.world import World


def labelled(world: World, address: str = ADMIN) -> dict[str, int]:
    """Messages that bear the label, with how often they were modified."""
    box = google.mailbox(world, address)
    ours = {key for key, one in box.labels.items() if one["name"].casefold() == LABEL.casefold()}
    bearing = [key for key, one in box.messages.items() if ours & set(one["labelIds"])]
    calls = [call.path.split("/")[-2] for call in world.sims.cloud.calls if call.path.endswith("/modify")]
    return {key: calls.count(key) for key in bearing}


async def known(world: World, connection: Connection, address: str = ADMIN) -> mailboxes.Mailbox:
    """What we know of a mailbox."""
    listed = await mailboxes.listed(world.app.database, connection.id)
    return next(box for box in listed if box.address == address)


def forged(world: World, push: dict[str, Any], kind: str, **more: Any) -> dict[str, Any]:
    """A push that must not be taken."""
    name = next(name for name in push["headers"] if name.lower() == "authorization")
    token = push["headers"][name].removeprefix("Bearer ")
    claims, key = jwt.decode(token, options={"verify_signature": False}), jwt.get_unverified_header(token)["kid"]
    changed = {
        "another account": claims | {"email": "push@another.iam.gserviceaccount.com"},
        "not verified": claims | {"email_verified": False},
        "another audience": claims | {"aud": "https://another.example/api/notifications/gmail"},
        "another issuer": claims | {"iss": "https://issuer.example"},
        "signed again": claims | more,
        "too old": claims | {"iat": claims["iat"] - 9000, "exp": claims["iat"] - 5400},
    }
    match kind:
        case "none":
            text = ""
        case "unsigned":
            text = jwt.encode(claims, None, algorithm="none", headers={"kid": key})
        case "symmetric":
            text = jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"kid": key})
        case "wrong signature":
            text = token[:-6] + "AAAAAA"
        case _:
            text = world.sims.google.signer.sign(changed[kind])
    return push | {"headers": push["headers"] | {name: f"Bearer {text}"}}
