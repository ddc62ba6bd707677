"""PbxApi as far as it is about presence (innovaphone SDK, PbxApi)."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from engine.simulator.pbx.ledger import PresenceWrite
from engine.simulator.pbx.presence import Entry
from engine.simulator.pbx.state import PbxState
from engine.simulator.pbx.users import PbxUser
from engine.simulator.pbx.wire import Message, ProtocolBroken, error_result, result

_OWN = "tel:"
"""The contact of a presence that names none: the user's own."""

_WITHOUT_EFFECT = ("DelAlienCall", "AddProfile", "DelProfile", "UpdateProfile")
"""Documented, and of no consequence for presence."""


class _Sender(Protocol):
    def __call__(self, message: Message, delay: float = 0.0) -> None: ...


class PresenceApi:
    """The API for one connection."""

    NAME = "PbxApi"

    def __init__(self, pbx: PbxState, send: _Sender) -> None:
        self._pbx = pbx
        self._send = send
        self._subscriptions: dict[str, object] = {}
        self._operations: dict[str, Callable[[Message], None]] = {
            "SetPresence": self._set,
            "SubscribePresence": self._subscribe,
            "UnsubscribePresence": self._unsubscribe,
            "GetNodeInfo": self._node_info,
            "AddAlienCall": self._alien_call,
            **dict.fromkeys(_WITHOUT_EFFECT, self._accept),
        }

    def receive(self, mt: str, message: Message) -> None:
        """Answer one message."""
        operation = self._operations.get(mt)
        if operation is None:
            raise ProtocolBroken(f"{mt} is unknown")
        operation(message)

    def changed(self, guid: str) -> None:
        """Send PresenceUpdate when the client has subscribed to that user."""
        if guid in self._subscriptions:
            presence = msgspec.to_builtins(self._pbx.board.entries(guid))
            src = self._subscriptions[guid]
            self._send({"api": self.NAME, "mt": "PresenceUpdate", "src": src, "presence": presence})

    def _set(self, message: Message) -> None:
        guid, contact = self._target(message), str(message.get("contact", _OWN))
        activity, note = message.get("activity"), message.get("note")
        refusal = self._refusal(guid, contact, activity, note)
        write = PresenceWrite(
            self._pbx.clock.now(), guid, contact, _text_or_none(activity), _text_or_none(note), refusal is None
        )
        self._pbx.ledger.add_write(write)
        if refusal is None:
            self._pbx.put_presence(
                guid, Entry(contact, write.activity or "", (write.note or "")[: self._pbx.behaviour.notes_cut_at])
            )
            if self._pbx.on_write is not None:
                self._pbx.on_write(write)
        if self._pbx.behaviour.answers_presence:
            answer = result(message) if refusal is None else error_result(message, refusal)
            self._send(answer, self._pbx.behaviour.result_delay)

    def _target(self, message: Message) -> str:
        """Return whose presence it is: `guid`, or the user named `sip`."""
        guid = str(message.get("guid") or "")
        if not guid:
            return self._pbx.guids_by_name.get(str(message.get("sip")), "")
        return guid if guid in self._pbx.users else guid.lower()

    def _refusal(self, guid: str, contact: str, activity: object, note: object) -> str | None:
        if guid not in self._pbx.users:
            return "unknown user"
        if not contact or not all(text is None or isinstance(text, str) for text in (activity, note)):
            return "wrong parameters"
        longest = self._pbx.behaviour.notes_refused_from
        if longest is not None and len(str(note or "")) >= longest:
            return "the note is too long"
        return self._pbx.behaviour.refused_presence.get(guid)

    def _subscribe(self, message: Message) -> None:
        user = self._user(message)
        if user is None:
            self._send(error_result(message, "unknown user"))
            return
        self._subscriptions[user.guid] = message.get("src")
        self._send(result(message))
        about = {"up": True, "sip": user.h323, "num": user.e164, "dn": user.cn, "email": next(iter(user.emails), "")}
        self._send({"api": self.NAME, "mt": "PresenceState", "src": message.get("src"), **about})
        self.changed(user.guid)

    def _unsubscribe(self, message: Message) -> None:
        user = self._user(message)
        if user is not None and self._subscriptions.get(user.guid) == message.get("src"):
            del self._subscriptions[user.guid]
        self._send(result(message))

    def _node_info(self, message: Message) -> None:
        prefixes = {"prefix_intl": "00", "prefix_ntl": "0", "prefix_subs": "", "country_code": "49"}
        self._send(result(message, name=self._pbx.name, **prefixes))

    def _alien_call(self, message: Message) -> None:
        self._send(result(message, id=1))

    def _accept(self, message: Message) -> None:
        self._send(result(message))

    def _user(self, message: Message) -> PbxUser | None:
        by_name = self._pbx.guids_by_name.get(str(message.get("sip")))
        guid = by_name or self._pbx.guids_by_number.get(str(message.get("num")))
        return None if guid is None else self._pbx.users[guid]


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
