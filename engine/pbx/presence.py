"""Presence on the wire: how it is written, cleared and read back (innovaphone SDK, PbxApi)."""

from engine.core.presence.model import CLEARED, Presence
from engine.core.settings.model import ClearWith
from engine.pbx.messages import Message, objects_of, text_of
from engine.pbx.session import PRESENCE_API

_ONLINE = "online"
"""The activity that unsets a presence, as the PBX's Teams connector writes it."""


def set_presence(guid: str, presence: Presence, *, contact: str, clear: ClearWith) -> Message:
    """Return the request that makes `presence` the user's entry for `contact`.

    What the PBX makes of a cleared entry is not documented, so how one is written is a setting (`clear`).
    """
    request: Message = {"api": PRESENCE_API, "mt": "SetPresence", "guid": guid, "contact": contact}
    if presence == CLEARED and clear is ClearWith.OMIT:
        return request
    activity = _ONLINE if presence == CLEARED and clear is ClearWith.ONLINE else presence.activity
    return {**request, "activity": activity, "note": presence.note}


def subscribe_presence(user_name: str) -> Message:
    """Return the request after which PresenceUpdate tells the user's presence, now and at every change."""
    return {"api": PRESENCE_API, "mt": "SubscribePresence", "sip": user_name}


def unsubscribe_presence(user_name: str) -> Message:
    """Return the request that ends a subscription; it must carry the same src."""
    return {"api": PRESENCE_API, "mt": "UnsubscribePresence", "sip": user_name}


def presence_in(update: Message, *, contact: str) -> Presence:
    """Return the entry for `contact` in a PresenceUpdate; `CLEARED` when there is none."""
    for entry in objects_of(update, "presence"):
        if text_of(entry, "contact") == contact:
            activity = text_of(entry, "activity")
            return Presence("" if activity == _ONLINE else activity, text_of(entry, "note"))
    return CLEARED
