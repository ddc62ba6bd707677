"""PbxApi as far as it is about presence (innovaphone SDK, PbxApi)."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from engine.simulator.pbx.ledger import PresenceWrite
from engine.simulator.pbx.presence import Entry
from engine.simulator.pbx.state import PbxState
from engine.simulator.pbx.users import PbxUser
from engine.simulator.pbx.wire import Message, ProtocolBroken, error_result, result


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
        guid, contact = str(message.get("guid", "")), str(message.get("contact", ""))
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

    def _refusal(self, guid: str, contact: str, *texts: object) -> str | None:
        if guid not in self._pbx.users:
            return "unknown user"
        if not contact or not all(text is None or isinstance(text, str) for text in texts):
            return "wrong parameters"
        return self._pbx.behaviour.refused_presence.get(guid)

    def _subscribe(self, message: Message) -> None:
        user = self._user(message)
        if user is None:
            self._send(error_result(message, "unknown user"))
            return
        self._subscriptions[user.guid] = message.get("src")
        self._send(result(message))
        about = {"up": True, "sip": user.h323, "dn": user.cn, "email": next(iter(user.emails), "")}
        self._send({"api": self.NAME, "mt": "PresenceState", "src": message.get("src"), **about})
        self.changed(user.guid)

    def _unsubscribe(self, message: Message) -> None:
        user = self._user(message)
        if user is not None and self._subscriptions.get(user.guid) == message.get("src"):
            del self._subscriptions[user.guid]
        self._send(result(message))

    def _user(self, message: Message) -> PbxUser | None:
        guid = self._pbx.guids_by_name.get(str(message.get("sip")))
        return None if guid is None else self._pbx.users[guid]


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
