"""The log-in as the PBX checks it, or does it itself: a fresh challenge a connection, a digest right to the letter."""

import hashlib
import hmac
import json
import secrets

from engine.core.secret import Secret
from engine.simulator.pbx.app_object import AppObject
from engine.simulator.pbx.behaviour import PbxInfoSent, Refusal
from engine.simulator.pbx.connection import AppConnection
from engine.simulator.pbx.ledger import LoginAttempt
from engine.simulator.pbx.state import PbxState
from engine.simulator.pbx.wire import Message, ProtocolBroken

_LONGEST_CHALLENGE = 16


class AppLogsIn:
    """The app opened the socket and has to prove the password of the App object it names."""

    def __init__(self, pbx: PbxState) -> None:
        self.done = False
        self._pbx = pbx
        self._challenge: str | None = None

    def start(self, connection: AppConnection) -> None:
        """Nothing: the app begins."""

    def receive(self, connection: AppConnection, mt: str, message: Message) -> None:
        """Answer AppChallenge and AppLogin."""
        match mt:
            case "AppChallenge":
                self._challenged(connection)
            case "AppLogin":
                self._log_in(connection, message)
            case "CheckBuild":
                connection.send({"mt": "CheckBuildResult", "url": ""})
            case _:
                raise ProtocolBroken(f"{mt} is unknown")

    def _challenged(self, connection: AppConnection) -> None:
        self._pbx.ledger.challenges += 1
        if self._pbx.behaviour.answers_challenges:
            self._challenge = new_challenge()
            connection.send({"mt": "AppChallengeResult", "challenge": self._challenge})

    def _log_in(self, connection: AppConnection, message: Message) -> None:
        pbx, behaviour = self._pbx, self._pbx.behaviour
        challenge, self._challenge = self._challenge, None
        if challenge is None:
            raise ProtocolBroken("AppLogin without a challenge")
        self.done = behaviour.accepts_logins and proves_password(message, pbx.app, pbx.password, challenge)
        pbx.ledger.logins.append(LoginAttempt(pbx.clock.now(), str(message.get("app")), self.done))
        if not behaviour.answers_logins:
            return
        if not self.done and behaviour.refuses_by is Refusal.CLOSING:
            connection.hang_up()
        if behaviour.pbx_info is PbxInfoSent.BEFORE_LOGIN:
            connection.tell_about_itself()
        connection.send({"mt": "AppLoginResult", "app": message.get("app"), "ok": self.done})
        if behaviour.pbx_info is PbxInfoSent.AFTER_LOGIN:
            connection.tell_about_itself()


class PbxLogsIn:
    """The PBX opened the socket, as it does for an App object with "Websocket", and proves the object's password."""

    def __init__(self, pbx: PbxState, app_object: AppObject) -> None:
        self.done = False
        self._pbx = pbx
        self._object = app_object

    def start(self, connection: AppConnection) -> None:
        """Ask for a challenge."""
        if self._pbx.behaviour.pbx_info is PbxInfoSent.BEFORE_LOGIN:
            connection.tell_about_itself()
        connection.send({"mt": "AppChallenge"})

    def receive(self, connection: AppConnection, mt: str, message: Message) -> None:
        """Go on with the app's answers."""
        match mt:
            case "AppChallengeResult":
                connection.send(self._login(message))
            case "AppLoginResult":
                self._answered(connection, message)
            case "AppInfoResult" | "CheckBuildResult":
                self._pbx.ledger.answers.append(mt)
            case _:
                raise ProtocolBroken(f"{mt} is unknown")

    def _answered(self, connection: AppConnection, message: Message) -> None:
        self.done = message.get("ok") is True
        self._pbx.ledger.logins.append(LoginAttempt(self._pbx.clock.now(), self._object.app, self.done))
        if not self.done:
            connection.hang_up()
        if self._pbx.behaviour.pbx_info is not PbxInfoSent.NEVER_AT_ALL:
            connection.tell_about_itself()
        if self._pbx.behaviour.asks_about_the_app:
            connection.send({"mt": "AppInfo", "app": self._object.app})
            connection.send({"mt": "CheckBuild", "src": "b1", "build": "1"})

    def _login(self, answer: Message) -> Message:
        challenge = answer.get("challenge")
        if not isinstance(challenge, str) or not 0 < len(challenge) <= _LONGEST_CHALLENGE or not challenge.isascii():
            raise ProtocolBroken("a challenge is up to 16 printable characters")
        if challenge in self._pbx.ledger.challenges_met:
            raise ProtocolBroken("a challenge came twice")
        self._pbx.ledger.challenges_met.add(challenge)
        app = self._object
        info = {"appobj": app.name, "appdn": app.dn, "appurl": app.url, "pbx": self._pbx.name, "cn": app.name}
        login: Message = {"mt": "AppLogin", "sip": app.name, "guid": app.guid, "dn": app.dn}
        login |= {"domain": self._pbx.domain, "app": app.app, "info": {**info, "unlicensed": True, "apps": []}}
        if app.user:
            login |= {"sip": app.user, **({"pbxObj": app.name} if app.names_object else {})}
        return login | {"digest": digest_of(login, challenge, app.password or self._pbx.password)}


def new_challenge() -> str:
    """Return 16 random digits."""
    return f"{secrets.randbelow(10**16):016d}"


def digest_of(login: Message, challenge: str, password: Secret) -> str:
    """Return the digest of an AppLogin; an info member counts as it is sent (innovaphone SDK, AppWebsocket)."""
    fields = [login.get(name, "") for name in ("app", "domain", "sip", "guid", "dn")]
    if "info" in login:
        fields.append(json.dumps(login["info"], ensure_ascii=False, separators=(",", ":")))
    hashed = ":".join(str(field) for field in (*fields, challenge, password.reveal()))
    return hashlib.sha256(hashed.encode()).hexdigest()


def proves_password(login: Message, app: str, password: Secret, challenge: str) -> bool:
    """Tell whether an AppLogin is for the App object `app` and carries the digest its password gives."""
    expected = digest_of(login, challenge, password)
    return login.get("app") == app and hmac.compare_digest(str(login.get("digest", "")).encode(), expected.encode())
