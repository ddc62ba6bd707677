"""One App WebSocket session as a state machine: log in, then tell the base protocol's messages from those of the APIs.

Either side may open the socket and the one that does logs in (innovaphone SDK, AppWebsocket); what differs between
the two is a log-in object, everything after it is the same.
"""

from dataclasses import dataclass
from typing import Protocol

from engine.display import one_line
from engine.pbx.failures import PbxFailure, PbxNotUnderstood
from engine.pbx.messages import LONGEST_NAME, Message, decode, name_of, text_of

MESSAGES_BEFORE_LOGIN = 16
"""A log-in takes two of each side's; somebody who says much more does not mean to log in."""

LONGEST_BEFORE_LOGIN = 64 * 1024
"""Characters of one message; the longest of a log-in lists the groups and apps of a user."""

LONGEST_DOMAIN = 253
"""Characters of a system name, as of any domain name (RFC 1035)."""

MOST_APIS = 64
"""So many names of APIs are kept of a PbxInfo; the PBX has about ten."""

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
"""Which API a message belongs to that does not name one, as some peers send them."""


@dataclass(frozen=True, slots=True)
class Send:
    """Put this on the wire."""

    message: Message


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The log-in is complete. `domain` is the system name that came with it, "" when none did.

    `app_object` tells one App object from another where it was the PBX that logged in.
    """

    domain: str
    app_object: str = ""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the connection because of `failure` as soon as everything before has been sent."""

    failure: PbxFailure


@dataclass(frozen=True, slots=True)
class PbxInfo:
    """What the PBX tells about itself: its name, the system domain, and the APIs the App object may use."""

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
    """One side's part of the log-in; `accepts` tells whether the peer is the one that logs in."""

    accepts: bool

    def start(self) -> tuple[SessionOutput, ...]:
        """Return what to send when the socket has opened."""
        ...

    def receive(self, message: Message, text: str) -> tuple[SessionOutput, ...]:
        """Take one message of the base protocol, as it was decoded and as it came."""
        ...

    def unanswered(self) -> PbxFailure:
        """Return what it means that the peer stays silent now."""
        ...

    def closed(self) -> PbxFailure | None:
        """Return what it means that the peer closes the connection now, None if nothing in particular."""
        ...


class Session:
    """Takes messages, returns what is to be sent and what has happened."""

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
        """Take the text of one message; whatever is unknown or comes at the wrong time is passed over.

        Before the log-in only its own messages are looked at. What the PBX that we dialled tells about itself meanwhile
        counts when the log-in is complete: when that comes is documented only for the direction in which the PBX logs
        in. Raises `PbxLoginRefused`, `PbxNotUnderstood`.
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
        """Return what it means that the log-in makes no progress."""
        return self._login.unanswered()

    def closed(self) -> PbxFailure | None:
        """Return what it means that the peer closes the connection now, None if nothing in particular."""
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
            raise PbxNotUnderstood("too long a message before the log-in")


def _pbx_info(message: Message) -> PbxInfo:
    apis = message.get("apis")
    names = (api for api in apis[:MOST_APIS] if isinstance(api, str)) if isinstance(apis, list) else ()
    return PbxInfo(
        pbx=name_of(message, "pbx"),
        domain=one_line(text_of(message, "domain"), LONGEST_DOMAIN),
        apis=frozenset(one_line(name, LONGEST_NAME) for name in names),
    )
