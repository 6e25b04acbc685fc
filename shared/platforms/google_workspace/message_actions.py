"""What is done to a message, each so that twice comes to the same as once; and how what was taken out is put back."""

import base64
import re
from collections.abc import Collection, Sequence

from shared.platforms.google_workspace import label
from shared.platforms.google_workspace.api import Api, GoogleRefused
from shared.platforms.google_workspace.methods import (
    LABELS_LIST,
    MESSAGES_GET,
    MESSAGES_MODIFY,
    MESSAGES_TRASH,
    MESSAGES_UNTRASH,
)

# By Gmail's own estimate, in bytes. What is larger is judged by its headers, and counted as not inspected.
MAX_MESSAGE_BYTES = 40_000_000
NOT_BASE64 = re.compile(r"[^A-Za-z0-9_-]")
# What a message takes in memory, as answer, text, bytes and parts side by side; tests measure it.
MEMORY_A_BYTE, SMALL_MESSAGE = 9, 2_000_000
# What a message bears once it has been moved.
PLACE = {"spam": "SPAM", "trash": "TRASH", "quarantine": "TRASH"}
# Nobody can put these on; and where a message must not be when it is back.
NOT_OURS = frozenset({"SENT", "DRAFT", "CHAT", "TRASH", "SPAM"})


async def take(api: Api, action: str, message: str, known: str | None, name: str) -> str | None:
    """Carry an action out. Returns the id of our label where it was put on, else what was `known` of it.

    `name` is what the label is called if there is none yet.

    Raises Missing if the message is not there any more.
    """
    match action:
        case "label":
            return await label.put_on(api, message, known, name)
        case "spam":
            await api.call(
                MESSAGES_MODIFY, {"id": message}, body={"addLabelIds": ["SPAM"], "removeLabelIds": ["INBOX"]}
            )
        case "trash" | "quarantine":
            await api.call(MESSAGES_TRASH, {"id": message})
    return known


async def take_back(api: Api, action: str, message: str, before: Sequence[str]) -> None:
    """Undo an action on a message that bore these labels. Our label stays, for it moves nothing.

    Raises Missing if the message is not there any more.
    """
    match action:
        case "spam":
            inbox = [one for one in before if one == "INBOX"]
            await api.call(MESSAGES_MODIFY, {"id": message}, body={"addLabelIds": inbox, "removeLabelIds": ["SPAM"]})
        case "trash" | "quarantine":
            await put_back(api, message, before)


def taken(action: str, labels: Collection[str], known: str | None) -> bool:
    """Whether a message's labels show that an action was carried out."""
    return PLACE.get(action, known) in labels


async def labels_of(api: Api, message: str) -> list[str]:
    """The ids of a message's labels. Raises Missing if there is no such message."""
    found = await api.call(MESSAGES_GET, {"id": message}, params={"format": "minimal", "fields": "id,labelIds"})
    return list(found.get("labelIds", []))


async def put_back(api: Api, message: str, before: Sequence[str]) -> bool:
    """Put a message back out of the trash, with the labels it bore before; False if it does not lie there.

    Labels come first: after a death in between the message is still in the trash, and both are done once more.
    """
    now, wanted = await labels_of(api, message), [one for one in before if one not in NOT_OURS]
    if "TRASH" not in now:
        return set(wanted) <= set(now)
    if missing := [one for one in wanted if one not in now]:
        try:
            await _add(api, message, missing)
        except GoogleRefused as refused:
            if refused.status != 400:
                raise
            # One of them was deleted meanwhile.
            listed = await api.call(LABELS_LIST, params={"fields": "labels(id)"})
            known = {str(one["id"]) for one in listed.get("labels", []) if one.get("id")}
            await _add(api, message, [one for one in missing if one in known])
    await api.call(MESSAGES_UNTRASH, {"id": message})
    return True


async def _add(api: Api, message: str, labels: Sequence[str]) -> None:
    if labels:
        await api.call(MESSAGES_MODIFY, {"id": message}, body={"addLabelIds": list(labels)})


async def content(api: Api, message: str) -> bytes:
    """A whole message as it came. Raises Missing if there is no such message."""
    found = await api.call(MESSAGES_GET, {"id": message}, params={"format": "raw", "fields": "id,raw"})
    text = NOT_BASE64.sub("", str(found.pop("raw", "")))
    # A character that is left alone holds no whole byte.
    text = text[: len(text) - (len(text) % 4 == 1)] + "=" * (-len(text) % 4)
    return base64.urlsafe_b64decode(text)


def memory_of(size: int) -> int:
    """The bytes that fetching and inspecting a message of a size takes at most."""
    return SMALL_MESSAGE + MEMORY_A_BYTE * size
