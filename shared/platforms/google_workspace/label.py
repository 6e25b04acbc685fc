"""The label that a risky message gets: found in any letter case, made where it is first needed, made anew if gone.

Its id is remembered for each mailbox, so that it may be renamed (https://developers.google.com/workspace/gmail/api/guides/labels).
"""

from shared.platforms.google_workspace.api import Api, GoogleRefused
from shared.platforms.google_workspace.methods import LABELS_CREATE, LABELS_LIST, MESSAGES_MODIFY

# Both colours are of Gmail's fixed palette.
NEW = {
    "labelListVisibility": "labelShow",
    "messageListVisibility": "show",
    "color": {"backgroundColor": "#cc3a21", "textColor": "#ffffff"},
}


async def put_on(api: Api, message: str, known: str | None, name: str) -> str:
    """Label a message and return the label's id. `name` is for a mailbox in which none is `known` yet.

    Raises Missing if the message is not there any more.
    """
    label = known or await _found_or_made(api, name)
    try:
        await _modify(api, message, label)
    except GoogleRefused as refused:
        if refused.status != 400 or known is None:
            raise
        # The id that we remember is of a label that somebody has deleted.
        label = await _found_or_made(api, name)
        await _modify(api, message, label)
    return label


async def _modify(api: Api, message: str, label: str) -> None:
    await api.call(MESSAGES_MODIFY, {"id": message}, body={"addLabelIds": [label]})


async def _found_or_made(api: Api, name: str) -> str:
    found = await _found(api, name)
    if found is not None:
        return found
    try:
        return str((await api.call(LABELS_CREATE, body={"name": name, **NEW}))["id"])
    except GoogleRefused as refused:
        if refused.status != 409:
            raise
        # Somebody was quicker, or has one in other letters that was not listed yet.
        found = await _found(api, name)
        if found is None:
            raise
        return found


async def _found(api: Api, name: str) -> str | None:
    answer = await api.call(LABELS_LIST, params={"fields": "labels(id,name,type)"})
    labels = answer.get("labels", [])
    named = {str(one.get("name")).casefold(): str(one["id"]) for one in labels if one.get("id")}
    return named.get(name.casefold())
