"""One App WebSocket session as a state machine: log in, then tell the base protocol's messages from those of the APIs.

Either side may open the socket and the one that does logs in (innovaphone SDK, AppWebsocket); what differs between
the two is a log-in object, everything after it is the same.
"""

from dataclasses import dataclass
from enum import Enum, auto

from engine.core.secret import Secret
from engine.pbx.digest import login_digest
from engine.pbx.failures import NotAPbx, PbxFailure, PbxLoginRefused, PbxNotUnderstood, PbxUnreachable
from engine.pbx.messages import Message, encode, refusal_of, text_of


@dataclass(frozen=True, slots=True)
class Send:
    """Put this on the wire."""

    message: Message


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The log-in is complete. `domain` is the one that came with it, "" when none did."""

    domain: str


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


SessionOutput = Send | LoggedIn | PbxInfo | ApiMessage


class _Awaiting(Enum):
    CHALLENGE = auto()
    RESULT = auto()
    NOTHING = auto()


class DialLogin:
    """The log-in of the side that opened the socket: AppChallenge, AppLogin, AppLoginResult.

    User and domain stay empty: since 13r3 a session with a user has that user's rights and not the App object's.
    """

    def __init__(self, app: str, password: Secret) -> None:
        self._app = app
        self._password = password
        self._awaiting = _Awaiting.CHALLENGE

    def start(self) -> tuple[Send, ...]:
        """Return what to send when the socket has opened."""
        return (Send({"mt": "AppChallenge"}),)

    def receive(self, message: Message) -> tuple[Send | LoggedIn, ...]:
        """Take one message of the base protocol. Raises `PbxLoginRefused`, `PbxNotUnderstood`."""
        match text_of(message, "mt"), self._awaiting:
            case "AppChallengeResult", _Awaiting.CHALLENGE:
                self._awaiting = _Awaiting.RESULT
                return (Send(self._login(message)),)
            case "AppLoginResult", _Awaiting.RESULT:
                if message.get("ok") is not True:
                    raise PbxLoginRefused(refusal_of(message) or f"App object {self._app}")
                self._awaiting = _Awaiting.NOTHING
                return (LoggedIn(text_of(message, "domain")),)
        return ()

    def unanswered(self) -> PbxFailure:
        """Return what it means that the peer stays silent now."""
        if self._awaiting is _Awaiting.CHALLENGE:
            return NotAPbx("AppChallenge was not answered")
        return PbxUnreachable("AppLogin was not answered")

    def _login(self, challenge_result: Message) -> Message:
        challenge = text_of(challenge_result, "challenge")
        if not challenge:
            raise PbxNotUnderstood("AppChallengeResult without a challenge")
        info: Message = {}
        digest = login_digest(self._password, challenge, app=self._app, info=encode(info))
        who: Message = {"app": self._app, "domain": "", "sip": "", "guid": "", "dn": ""}
        return {"mt": "AppLogin", **who, "info": info, "digest": digest}


class Session:
    """Takes decoded messages, returns what is to be sent and what has happened."""

    def __init__(self, login: DialLogin) -> None:
        self._login = login
        self._ready = False

    def start(self) -> tuple[SessionOutput, ...]:
        """Return what to send when the socket has opened."""
        return self._login.start()

    def receive(self, message: Message) -> tuple[SessionOutput, ...]:
        """Take one message; whatever is unknown or comes at the wrong time is passed over.

        PbxInfo counts at any time: it is documented only for the direction in which the PBX logs in.
        Raises `PbxLoginRefused`, `PbxNotUnderstood`.
        """
        api, mt = text_of(message, "api"), text_of(message, "mt")
        if api:
            return (ApiMessage(api, mt, text_of(message, "src"), message),) if self._ready else ()
        if mt == "PbxInfo":
            return (_pbx_info(message),)
        outputs = self._login.receive(message)
        self._ready = self._ready or any(isinstance(output, LoggedIn) for output in outputs)
        return outputs

    def unanswered(self) -> PbxFailure:
        """Return what it means that the log-in makes no progress."""
        return self._login.unanswered()


def _pbx_info(message: Message) -> PbxInfo:
    apis = message.get("apis")
    names = frozenset(api for api in apis if isinstance(api, str)) if isinstance(apis, list) else frozenset[str]()
    return PbxInfo(pbx=text_of(message, "pbx"), domain=text_of(message, "domain"), apis=names)
