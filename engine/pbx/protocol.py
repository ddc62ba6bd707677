"""The App WebSocket protocol: messages, the session's states, presence. No I/O.

Either side may open the socket, and the one that does logs in (innovaphone SDK, AppWebsocket). The two directions
differ in the log-in object; everything after it is the same.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from engine.core import bounded
from engine.core.presence.model import CLEARED, Presence
from engine.display import one_line
from engine.pbx.entries import PresenceEntry
from engine.pbx.errors import PbxFailure, PbxNotUnderstood
from engine.settings.model import ClearWith

Message = dict[str, object]

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""The PBX's own limit is not documented; a user row is a few kilobytes."""

MAX_ACCEPTED_BYTES = 1024 * 1024
"""Limit for a PBX that connects to the engine."""

LONGEST_NAME = 60
"""Characters kept and shown of a name that a peer gives itself."""

_LONGEST_REASON = 200

_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
"""Escapes of JSON (RFC 8259, section 7): of a surrogate pair, of half of one, and any other."""


def decode(text: str) -> Message:
    """Return the message in `text`; raises `PbxNotUnderstood` when it is not a JSON object."""
    try:
        message = bounded.json(text, object)
    except bounded.NotReadable:
        message = _decoded(_ESCAPE.sub(_paired, text))
    if not isinstance(message, dict):
        raise PbxNotUnderstood("a message is not a JSON object")
    return message


def _decoded(text: str) -> object:
    try:
        return bounded.json(text, object)
    except bounded.NotReadable as error:
        raise PbxNotUnderstood(f"a message is not JSON: {error}") from None


def _paired(escape: re.Match[str]) -> str:
    """Replace half of a surrogate pair, which JavaScript can cut texts into but which is no character."""
    return "\\ufffd" if escape["half"] else escape[0]


def encode(message: object) -> str:
    """Return the compact JSON text of a message or a part of one, without unnecessary escapes."""
    return msgspec.json.encode(message).decode()


def text_of(message: Mapping[str, object], key: str) -> str:
    """Return the text member `key`; "" if it is missing or no text, because the PBX leaves out empty members."""
    value = message.get(key)
    return value if isinstance(value, str) else ""


def objects_of(message: Mapping[str, object], key: str) -> tuple[Message, ...]:
    """Return the objects in the list member `key`; anything else in it is ignored."""
    value = message.get(key)
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def name_of(message: Mapping[str, object], key: str) -> str:
    """Return the name that a peer gives itself in the text member `key`, cut and cleaned; "" as with `text_of`."""
    return one_line(text_of(message, key), LONGEST_NAME)


def refusal_of(result: Mapping[str, object]) -> str | None:
    """Return why a request was refused, in the PBX's words; None when the result carries no error.

    The error is documented as a number; others send a text.
    """
    error, reason = result.get("error"), one_line(text_of(result, "errorText"), _LONGEST_REASON)
    if error in (None, False, 0, "", "0") and not reason:
        return None
    if reason:
        return reason
    if isinstance(error, str):
        return one_line(error, _LONGEST_REASON) or "an error"
    return f"error {error}" if isinstance(error, int) and not isinstance(error, bool) else "an error"


MESSAGES_BEFORE_LOGIN = 16
"""A log-in takes two messages from each side; a peer that sends many more does not intend to log in."""

LONGEST_BEFORE_LOGIN = 64 * 1024
"""Characters of one message; the longest of a log-in lists the groups and apps of a user."""

LONGEST_DOMAIN = 253
"""Characters of a system name, as of any domain name (RFC 1035)."""

MOST_APIS = 64
"""Limit on the API names kept from a PbxInfo; the PBX has about ten."""

PRESENCE_API = "PbxApi"
USERS_API = "PbxTableUsers"

_ANSWERS_WITHOUT_API = {
    **dict.fromkeys(
        (
            "SetPresenceResult",
            "SubscribePresenceResult",
            "UnsubscribePresenceResult",
            "PresenceState",
            "PresenceUpdate",
        ),
        PRESENCE_API,
    ),
    **dict.fromkeys(
        ("ReplicateStartResult", "ReplicateNextResult", "ReplicateAdd", "ReplicateUpdate", "ReplicateDel"), USERS_API
    ),
}
"""The API of a message that does not name one, as some peers send them."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this message."""

    message: Message


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The log-in is complete. `domain` is the system name that came with it, "" if none did.

    `app_object` identifies the App object if it was the PBX that logged in.
    """

    domain: str
    app_object: str = ""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the connection because of `failure`, once everything queued before has been sent."""

    failure: PbxFailure


@dataclass(frozen=True, slots=True)
class PbxInfo:
    """The PBX's description of itself: its name, the system domain, and the APIs that the App object may use."""

    pbx: str
    domain: str
    apis: frozenset[str]


@dataclass(frozen=True, slots=True)
class ApiMessage:
    """A message of the API `api`; `src` is the label of the request it belongs to."""

    api: str
    mt: str
    src: str
    body: Message


SessionOutput = Send | LoggedIn | HangUp | PbxInfo | ApiMessage


class Login(Protocol):
    """One side's part of the log-in; `accepts` is whether the peer is the one that logs in."""

    accepts: bool

    def start(self) -> tuple[SessionOutput, ...]:
        """Return what to send when the socket has opened."""
        ...

    def receive(self, message: Message, text: str) -> tuple[SessionOutput, ...]:
        """Process one message of the base protocol, given as decoded and as received."""
        ...

    def unanswered(self) -> PbxFailure:
        """Return the failure to raise when the peer does not answer at this stage."""
        ...

    def closed(self) -> PbxFailure | None:
        """Return the failure to raise when the peer closes the connection at this stage, None for no special one."""
        ...


class AppSession:
    """Protocol state of one session: takes messages, returns what to send and what has happened."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._ready = False
        self._before_login = 0
        self._held: tuple[PbxInfo, ...] = ()

    @property
    def accepts(self) -> bool:
        """Whether the peer is the one that logs in."""
        return self._login.accepts

    def start(self) -> tuple[SessionOutput, ...]:
        """Return what to send when the socket has opened."""
        return self._login.start()

    def receive(self, text: str) -> tuple[SessionOutput, ...]:
        """Process the text of one message; anything unknown or at the wrong time is ignored.

        Before the log-in only its own messages are processed. A PbxInfo from a PBX that we dialled is held until the
        log-in is complete, because its position is documented only for the direction in which the PBX logs in. Raises
        `PbxLoginRefused`, `PbxNotUnderstood`.
        """
        if not self._ready:
            self._count_before_login(text)
        message = decode(text)
        mt = text_of(message, "mt")
        if not self._ready:
            return self._before_log_in(mt, message, text)
        if api := text_of(message, "api") or _ANSWERS_WITHOUT_API.get(mt, ""):
            return (ApiMessage(api, mt, text_of(message, "src"), message),)
        return (_pbx_info(message),) if mt == "PbxInfo" else self._login.receive(message, text)

    def unanswered(self) -> PbxFailure:
        """Return the failure to raise when the log-in makes no progress."""
        return self._login.unanswered()

    def closed(self) -> PbxFailure | None:
        """Return the failure to raise when the peer closes the connection at this stage, None for no special one."""
        return self._login.closed()

    def _before_log_in(self, mt: str, message: Message, text: str) -> tuple[SessionOutput, ...]:
        if mt == "PbxInfo" and not self.accepts:
            self._held = (_pbx_info(message),)
            return ()
        outputs = self._login.receive(message, text)
        self._ready = any(isinstance(output, LoggedIn) for output in outputs)
        return (*self._held, *outputs) if self._ready else outputs

    def _count_before_login(self, text: str) -> None:
        self._before_login += 1
        if self._before_login > MESSAGES_BEFORE_LOGIN:
            raise PbxNotUnderstood("too many messages before the log-in")
        if len(text) > LONGEST_BEFORE_LOGIN:
            raise PbxNotUnderstood("a message before the log-in is too long")


def _pbx_info(message: Message) -> PbxInfo:
    apis = message.get("apis")
    names = (api for api in apis[:MOST_APIS] if isinstance(api, str)) if isinstance(apis, list) else ()
    return PbxInfo(
        pbx=name_of(message, "pbx"),
        domain=one_line(text_of(message, "domain"), LONGEST_DOMAIN),
        apis=frozenset(one_line(name, LONGEST_NAME) for name in names),
    )


_MOST_ENTRIES = 100
"""Entries of one user that are looked at; a real PBX has one for each source."""

_ONLINE = "online"
"""The activity that clears a presence, as the PBX's Teams connector writes it."""


def set_presence(guid: str, presence: Presence, *, contact: str, clear: ClearWith) -> Message:
    """Return the request that makes `presence` the user's entry for `contact`.

    How the PBX treats a cleared entry is not documented, so the way of clearing one is a setting (`clear`).
    """
    request: Message = {"api": PRESENCE_API, "mt": "SetPresence", "guid": guid, "contact": contact}
    if presence == CLEARED and clear is ClearWith.OMIT:
        return request
    activity = _ONLINE if presence == CLEARED and clear is ClearWith.ONLINE else presence.activity
    return {**request, "activity": activity, "note": presence.note}


def subscribe_presence(user_name: str) -> Message:
    """Return the request that makes the PBX send PresenceUpdate, at once and at every change of the presence."""
    return {"api": PRESENCE_API, "mt": "SubscribePresence", "sip": user_name}


def unsubscribe_presence(user_name: str) -> Message:
    """Return the request that ends a subscription; it must have the same src."""
    return {"api": PRESENCE_API, "mt": "UnsubscribePresence", "sip": user_name}


def entries_in(update: Message) -> tuple[PresenceEntry, ...]:
    """Return the first entries in a PresenceUpdate, in their order: the newest first."""
    return tuple(_entry(each) for each in objects_of(update, "presence")[:_MOST_ENTRIES])


def _entry(entry: Message) -> PresenceEntry:
    activity = text_of(entry, "activity")
    presence = Presence("" if activity == _ONLINE else activity, text_of(entry, "note"))
    return PresenceEntry(text_of(entry, "contact"), presence)
