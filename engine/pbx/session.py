"""One App WebSocket session as a state machine: log in, then tell the base protocol's messages from those of the APIs.

Either side may open the socket and the one that does logs in (innovaphone SDK, AppWebsocket); what differs between
the two is a log-in object, everything after it is the same.
"""

from dataclasses import dataclass
from typing import Protocol

from engine.pbx.failures import PbxFailure, PbxNotUnderstood
from engine.pbx.messages import Message, decode, text_of

MESSAGES_BEFORE_LOGIN = 16
"""A log-in takes two of each side's; somebody who says much more does not mean to log in."""


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

    @property
    def accepts(self) -> bool:
        """Whether the peer is the one that logs in."""
        return self._login.accepts

    def start(self) -> tuple[SessionOutput, ...]:
        """Return what to send when the socket has opened."""
        return self._login.start()

    def receive(self, text: str) -> tuple[SessionOutput, ...]:
        """Take the text of one message; whatever is unknown or comes at the wrong time is passed over.

        PbxInfo counts at any time: it is documented only for the direction in which the PBX logs in.
        Raises `PbxLoginRefused`, `PbxNotUnderstood`.
        """
        message = decode(text)
        api, mt = text_of(message, "api"), text_of(message, "mt")
        if not self._ready:
            self._count_before_login()
        if api:
            return (ApiMessage(api, mt, text_of(message, "src"), message),) if self._ready else ()
        if mt == "PbxInfo":
            return (_pbx_info(message),)
        outputs = self._login.receive(message, text)
        self._ready = self._ready or any(isinstance(output, LoggedIn) for output in outputs)
        return outputs

    def unanswered(self) -> PbxFailure:
        """Return what it means that the log-in makes no progress."""
        return self._login.unanswered()

    def closed(self) -> PbxFailure | None:
        """Return what it means that the peer closes the connection now, None if nothing in particular."""
        return self._login.closed()

    def _count_before_login(self) -> None:
        self._before_login += 1
        if self._before_login > MESSAGES_BEFORE_LOGIN:
            raise PbxNotUnderstood("too many messages before the log-in")


def _pbx_info(message: Message) -> PbxInfo:
    apis = message.get("apis")
    names = frozenset(api for api in apis if isinstance(api, str)) if isinstance(apis, list) else frozenset[str]()
    return PbxInfo(pbx=text_of(message, "pbx"), domain=text_of(message, "domain"), apis=names)
