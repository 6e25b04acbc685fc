"""The Groups Settings API: an old one, in which every yes and no is a string."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.simulators.google import activities
from infra.local.simulators.google.admin.users import check_administrator, check_local
from infra.local.simulators.google.api.host import Asked, Handler
from infra.local.simulators.google.api.refusals import invalid, refused
from infra.local.simulators.wire import Record

KIND = "groupsSettings#groups"
YES_OR_NO = frozenset({"true", "false"})
MEMBERS = frozenset({"ALL_IN_DOMAIN_CAN_VIEW", "ALL_MEMBERS_CAN_VIEW", "ALL_MANAGERS_CAN_VIEW", "ALL_OWNERS_CAN_VIEW"})
MODERATORS = frozenset({"ALL_MEMBERS", "OWNERS_AND_MANAGERS", "OWNERS_ONLY", "NONE"})
# What may be set, and to what. The rest can be read only.
VALUES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            "allowExternalMembers",
            "allowWebPosting",
            "archiveOnly",
            "enableCollaborativeInbox",
            "includeCustomFooter",
            "includeInGlobalAddressList",
            "isArchived",
            "membersCanPostAsTheGroup",
            "sendMessageDenyNotification",
        ),
        YES_OR_NO,
    ),
    "whoCanJoin": frozenset(
        {"ANYONE_CAN_JOIN", "ALL_IN_DOMAIN_CAN_JOIN", "INVITED_CAN_JOIN", "CAN_REQUEST_TO_JOIN"},
    ),
    "whoCanViewMembership": MEMBERS,
    "whoCanViewGroup": MEMBERS | {"ANYONE_CAN_VIEW"},
    "whoCanDiscoverGroup": frozenset(
        {"ANYONE_CAN_DISCOVER", "ALL_IN_DOMAIN_CAN_DISCOVER", "ALL_MEMBERS_CAN_DISCOVER"},
    ),
    "whoCanPostMessage": frozenset(
        {
            "NONE_CAN_POST",
            "ALL_MANAGERS_CAN_POST",
            "ALL_MEMBERS_CAN_POST",
            "ALL_OWNERS_CAN_POST",
            "ALL_IN_DOMAIN_CAN_POST",
            "ANYONE_CAN_POST",
        },
    ),
    "whoCanLeaveGroup": frozenset({"ALL_MANAGERS_CAN_LEAVE", "ALL_MEMBERS_CAN_LEAVE", "NONE_CAN_LEAVE"}),
    "whoCanContactOwner": frozenset(
        {"ALL_IN_DOMAIN_CAN_CONTACT", "ALL_MANAGERS_CAN_CONTACT", "ALL_MEMBERS_CAN_CONTACT", "ANYONE_CAN_CONTACT"},
    ),
    "whoCanModerateMembers": MODERATORS,
    "whoCanModerateContent": MODERATORS,
    "messageModerationLevel": frozenset(
        {"MODERATE_ALL_MESSAGES", "MODERATE_NON_MEMBERS", "MODERATE_NEW_MEMBERS", "MODERATE_NONE"},
    ),
    "spamModerationLevel": frozenset({"ALLOW", "MODERATE", "SILENTLY_MODERATE", "REJECT"}),
}
DEFAULTS: Record = {
    "allowExternalMembers": "false",
    "allowWebPosting": "true",
    "archiveOnly": "false",
    "enableCollaborativeInbox": "false",
    "includeCustomFooter": "false",
    "includeInGlobalAddressList": "true",
    "isArchived": "false",
    "membersCanPostAsTheGroup": "false",
    "sendMessageDenyNotification": "false",
    "whoCanJoin": "CAN_REQUEST_TO_JOIN",
    "whoCanViewMembership": "ALL_MEMBERS_CAN_VIEW",
    "whoCanViewGroup": "ALL_MEMBERS_CAN_VIEW",
    "whoCanDiscoverGroup": "ALL_IN_DOMAIN_CAN_DISCOVER",
    "whoCanPostMessage": "ANYONE_CAN_POST",
    "whoCanLeaveGroup": "ALL_MEMBERS_CAN_LEAVE",
    "whoCanContactOwner": "ANYONE_CAN_CONTACT",
    "whoCanModerateMembers": "OWNERS_AND_MANAGERS",
    "whoCanModerateContent": "OWNERS_AND_MANAGERS",
    "messageModerationLevel": "MODERATE_NONE",
    "spamModerationLevel": "MODERATE",
}


def _get(asked: Asked) -> Mapping[str, Any]:
    return _printed(asked, _group(asked))


def _patch(asked: Asked) -> Mapping[str, Any]:
    group = _group(asked)
    for name, value in asked.body.items():
        if name not in VALUES or value not in VALUES[name]:
            raise invalid(name)
    before = asked.customer.group_settings.get(group["id"], DEFAULTS)
    changed = {**before, **asked.body}
    # A group that is an archive takes no messages, whatever else was asked for.
    if changed["archiveOnly"] == "true":
        changed["whoCanPostMessage"] = "NONE_CAN_POST"
    elif changed["whoCanPostMessage"] == "NONE_CAN_POST":
        raise invalid("whoCanPostMessage")
    asked.customer.group_settings[group["id"]] = changed
    for name in sorted(name for name, value in changed.items() if before.get(name) != value):
        about = activities.event(
            "GROUP_SETTINGS",
            "CHANGE_GROUP_SETTING",
            GROUP_EMAIL=group["email"],
            SETTING_NAME=name,
            NEW_VALUE=changed[name],
        )
        activities.log(asked.customer, "admin", about, actor=asked.actor, now=asked.now)
    return _printed(asked, group)


def _group(asked: Asked) -> Record:
    """Find the group; this API knows groups by their address only."""
    check_administrator(asked)
    key = asked.args["groupUniqueId"]
    if "@" not in key:
        raise invalid("groupUniqueId")
    group = asked.customer.group(key)
    made = asked.customer.group_made.get(group["id"]) if group else None
    lag = asked.customer.behaviour.group_visible_seconds
    if group is None or (made is not None and (asked.now - made).total_seconds() < lag):
        check_local(asked, key)
        raise refused(404, "notFound", "Not Found")
    return group


def _printed(asked: Asked, group: Record) -> Mapping[str, Any]:
    known = asked.customer.group_settings.get(group["id"], DEFAULTS)
    about = {"kind": KIND, "email": group["email"], "name": group["name"], "description": group["description"]}
    return {**about, **known}


HANDLERS: Mapping[str, Handler] = {"groupsSettings.groups.get": _get, "groupsSettings.groups.patch": _patch}
