"""The log-in by digest, in both directions."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from enum import Enum, auto

import msgspec

from engine.core.secret import Secret
from engine.display import one_line
from engine.pbx.errors import (
    NotAPbx,
    PbxFailure,
    PbxLoginRefused,
    PbxNotUnderstood,
    PbxPasswordWrong,
    PbxUnreachable,
    UserLoginRefused,
)
from engine.pbx.protocol import (
    LONGEST_DOMAIN,
    LONGEST_NAME,
    HangUp,
    LoggedIn,
    Message,
    Send,
    SessionOutput,
    encode,
    name_of,
    refusal_of,
    text_of,
)


def login_digest(
    password: Secret,
    challenge: str,
    *,
    app: str,
    domain: str = "",
    sip: str = "",
    guid: str = "",
    dn: str = "",
    info: str | None = None,
) -> str:
    """Return the lower-case hexadecimal SHA-256 that AppLogin carries (innovaphone SDK, AppWebsocket, AppLogin).

    `info` is the JSON text of the info object exactly as it stands in the message; None if the message has none,
    which differs from an empty object. Empty fields keep their colon.
    """
    parts = [app, domain, sip, guid, dn, challenge, password.reveal()]
    if info is not None:
        parts.insert(5, info)
    return hashlib.sha256(":".join(parts).encode()).hexdigest()


LOGIN = "AppLogin"
"""The message that carries the proof of the password."""


class _Awaiting(Enum):
    CHALLENGE = auto()
    RESULT = auto()
    NOTHING = auto()


class DialLogin:
    """The log-in where the engine connects: AppChallenge, AppLogin, AppLoginResult (innovaphone SDK, AppWebsocket).

    User and domain stay empty: since 13r3 a session with a user has that user's rights and not the App object's.
    """

    accepts = False

    def __init__(self, app: str, password: Secret) -> None:
        self._app = app
        self._password = password
        self._awaiting = _Awaiting.CHALLENGE

    @property
    def is_sent(self) -> bool:
        """Whether the proof of the password has been sent and not been answered yet."""
        return self._awaiting is _Awaiting.RESULT

    def start(self) -> tuple[Send, ...]:
        """Return what to send when the socket has opened."""
        return (Send({"mt": "AppChallenge"}),)

    def receive(self, message: Message, text: str) -> tuple[Send | LoggedIn, ...]:
        """Process one message of the base protocol. Raises `PbxLoginRefused`, `PbxNotUnderstood`."""
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
        """Return the failure to raise when the peer does not answer at this stage."""
        if self._awaiting is _Awaiting.CHALLENGE:
            return NotAPbx("AppChallenge was not answered")
        return PbxUnreachable("AppLogin was not answered")

    def closed(self) -> PbxFailure | None:
        """Return the failure to raise when the peer closes the connection at this stage, None for no special one."""
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


_LARGEST_NUMBER = 2**53
"""Largest integer that JavaScript represents exactly."""


class _RawInfo(msgspec.Struct):
    info: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class ListenLogin:
    """The log-in where the PBX connects: AppChallengeResult, AppLoginResult, and answers to its other requests.

    See the innovaphone SDK, AppWebsocket. Any App object that knows the password is accepted, whatever app name its
    URL contains. `new_challenge` returns at most 16 printable characters, never the same twice; each is valid for one
    AppLogin.
    """

    accepts = True

    def __init__(self, password: Secret, new_challenge: Callable[[], str]) -> None:
        self._password = password
        self._new_challenge = new_challenge
        self._challenge: str | None = None
        self._logged_in = False

    def start(self) -> tuple[SessionOutput, ...]:
        """Return what to send when the socket has opened: nothing, the PBX begins."""
        return ()

    def receive(self, message: Message, text: str) -> tuple[SessionOutput, ...]:
        """Process one message of the base protocol; `text` is needed because `info` is hashed as it was sent."""
        match text_of(message, "mt"):
            case "AppChallenge" if not self._logged_in:
                self._challenge = self._new_challenge()
                return (_answer(message, "AppChallengeResult", challenge=self._challenge),)
            case "AppLogin" if self._challenge is not None:
                challenge, self._challenge = self._challenge, None
                return self._log_in(message, text, challenge)
            case "AppCheckLogin":
                return self._check(message, text)
            case "AppInfo":
                return (_answer(message, "AppInfoResult", app=text_of(message, "app"), info={}, serviceInfo={}),)
            case "CheckBuild":
                return (_answer(message, "CheckBuildResult", url=""),)
        return ()

    def unanswered(self) -> PbxFailure:
        """Return the failure to raise when the log-in is not complete in time."""
        return PbxUnreachable("it connected but did not log in")

    def closed(self) -> None:
        """Return None: closing the connection has no special meaning here."""

    def _log_in(self, message: Message, text: str, challenge: str) -> tuple[SessionOutput, ...]:
        name = name_of(message, "sip") or name_of(message, "dn") or "without a name"
        app, domain = text_of(message, "app"), text_of(message, "domain")
        if not self._proves_password(message, text, challenge):
            refused = _answer(message, "AppLoginResult", app=app, ok=False)
            return (refused, HangUp(PbxPasswordWrong(f"App object {name}")))
        if _is_user(message):
            reason = "This app has no user interface."
            refused = _answer(message, "AppLoginResult", app=app, domain=domain, ok=False, errorText=reason)
            return (refused, HangUp(UserLoginRefused(name)))
        self._logged_in = True
        accepted = _answer(message, "AppLoginResult", app=app, domain=domain, ok=True)
        object_id = one_line(text_of(message, "guid"), LONGEST_NAME).lower() or name
        return (accepted, LoggedIn(one_line(domain, LONGEST_DOMAIN), object_id))

    def _check(self, message: Message, text: str) -> tuple[SessionOutput, ...]:
        """Answer a password test of the PBX Manager, which hashes a challenge of its own."""
        ok = self._proves_password(message, text, text_of(message, "challenge"))
        answer = _answer(message, "AppCheckLoginResult", ok=ok)
        return (answer,) if ok else (answer, HangUp(PbxPasswordWrong("password test of the PBX Manager")))

    def _proves_password(self, message: Message, text: str, challenge: str) -> bool:
        who = {name: text_of(message, name) for name in ("app", "domain", "sip", "guid", "dn")}
        digest = text_of(message, "digest").encode()
        proved = False
        for info in _forms_of_info(message, text):
            expected = login_digest(self._password, challenge, **who, info=info).encode()
            proved |= hmac.compare_digest(digest, expected)
        return proved


def new_challenge() -> str:
    """Return 16 random digits, the form of innovaphone's own challenges."""
    return f"{secrets.randbelow(10**16):016d}"


def _forms_of_info(message: Message, text: str) -> tuple[str | None, ...]:
    """Return the texts that may have been hashed for `info`: as received, and as JSON.stringify writes it.

    The two differ only if the PBX escapes more than it has to on the wire. None: there is no `info` at all.
    """
    try:
        raw = msgspec.json.decode(text, type=_RawInfo).info
        if isinstance(raw, msgspec.UnsetType):
            return (None,)
        return bytes(raw).decode(), encode(message["info"])
    except (ValueError, OverflowError, RecursionError) as error:
        raise PbxNotUnderstood("the info of AppLogin cannot be encoded again") from error


def _is_user(message: Message) -> bool:
    """Return whether a user who opens the app logs in, rather than the App object itself.

    The object's own log-in names neither an object (`pbxObj`) nor groups, and its `sip` is the object named in `info`
    (`appobj`). All captures show this, and `sip` is covered by the digest.
    """
    info = message.get("info")
    about = info if isinstance(info, dict) else {}
    sip = text_of(message, "sip")
    names_an_object = message.get("pbxObj") not in (None, "")
    return names_an_object or about.get("groups") is not None or (sip != "" and sip != text_of(about, "appobj"))


def _answer(request: Message, mt: str, **members: object) -> Send:
    src = request.get("src")
    return Send({"mt": mt, **({"src": src} if isinstance(src, str) or _is_number(src) else {}), **members})


def _is_number(src: object) -> bool:
    """Return whether this is a number that can be sent back."""
    return isinstance(src, int) and abs(src) < _LARGEST_NUMBER
