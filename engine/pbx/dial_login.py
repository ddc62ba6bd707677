"""Our part of the log-in where we opened the socket: we prove that we know the App object's password."""

from enum import Enum, auto

from engine.core.secret import Secret
from engine.display import one_line
from engine.pbx.digest import login_digest
from engine.pbx.failures import NotAPbx, PbxFailure, PbxLoginRefused, PbxNotUnderstood, PbxUnreachable
from engine.pbx.messages import Message, encode, refusal_of, text_of
from engine.pbx.session import LONGEST_DOMAIN, LoggedIn, Send

LOGIN = "AppLogin"
"""The message that proves the password."""


class _Awaiting(Enum):
    CHALLENGE = auto()
    RESULT = auto()
    NOTHING = auto()


class DialLogin:
    """AppChallenge, AppLogin, AppLoginResult (innovaphone SDK, AppWebsocket).

    User and domain stay empty: since 13r3 a session with a user has that user's rights and not the App object's.
    """

    accepts = False

    def __init__(self, app: str, password: Secret) -> None:
        self._app = app
        self._password = password
        self._awaiting = _Awaiting.CHALLENGE

    @property
    def is_sent(self) -> bool:
        """Whether the proof of the password is on its way, and not answered yet."""
        return self._awaiting is _Awaiting.RESULT

    def start(self) -> tuple[Send, ...]:
        """Return what to send when the socket has opened."""
        return (Send({"mt": "AppChallenge"}),)

    def receive(self, message: Message, text: str) -> tuple[Send | LoggedIn, ...]:
        """Take one message of the base protocol. Raises `PbxLoginRefused`, `PbxNotUnderstood`."""
        match text_of(message, "mt"), self._awaiting:
            case "AppChallengeResult", _Awaiting.CHALLENGE:
                self._awaiting = _Awaiting.RESULT
                return (Send(self._login(message)),)
            case "AppLoginResult", _Awaiting.RESULT:
                if message.get("ok") is not True:
                    raise PbxLoginRefused(self._refusal(refusal_of(message)))
                self._awaiting = _Awaiting.NOTHING
                return (LoggedIn(one_line(text_of(message, "domain"), LONGEST_DOMAIN)),)
        return ()

    def unanswered(self) -> PbxFailure:
        """Return what it means that the peer stays silent now."""
        if self._awaiting is _Awaiting.CHALLENGE:
            return NotAPbx("AppChallenge was not answered")
        return PbxUnreachable("AppLogin was not answered")

    def closed(self) -> PbxFailure | None:
        """Return what it means that the peer closes the connection now, None if nothing in particular."""
        if self._awaiting is _Awaiting.RESULT:
            return PbxLoginRefused(self._refusal("the PBX closed the connection instead of answering"))
        return None

    def _refusal(self, reason: str | None) -> str:
        return f"App object {self._app}: {reason}" if reason else f"App object {self._app}"

    def _login(self, challenge_result: Message) -> Message:
        challenge = text_of(challenge_result, "challenge")
        if not challenge:
            raise PbxNotUnderstood("AppChallengeResult without a challenge")
        info: Message = {}
        digest = login_digest(self._password, challenge, app=self._app, info=encode(info))
        who: Message = {"app": self._app, "domain": "", "sip": "", "guid": "", "dn": ""}
        return {"mt": LOGIN, **who, "info": info, "digest": digest}
