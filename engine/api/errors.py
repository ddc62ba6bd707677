"""Failures between a client of the local API and the engine, with their remedies."""

from engine.core.errors import Failure, Fault, Scope


class ClientFailure(Failure):
    """Base class of these failures."""


class EngineUnreachable(ClientFailure):
    """Nothing listens on the socket, or the connection ended too early."""

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "The engine cannot be reached"
    remedy = "Start it (calendar-engine run), or name its socket with --socket (engine.socket in its settings)."


class SocketForbidden(ClientFailure):
    """The socket exists, but this account may not use it, or not for this request."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "This account may not use the engine's socket"
    remedy = "Run the command as an account in the group of the socket (engine.socket_group in the settings)."


class AnswerNotUnderstood(ClientFailure):
    """The response violates the definition of the API."""

    fault = Fault.PEER_PROTOCOL
    scope = Scope.SERVICE
    meaning = "The engine's answer is invalid"
    remedy = "Check that the socket belongs to calendar-engine, and that its version matches this command."


class RequestRefused(ClientFailure):
    """The engine refused the request; `status` is that of its response, the remedy its hint, and `parts` describe the
    faulty parts of the request."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The engine refuses the request"
    remedy = "calendar-engine-api(7) describes the valid requests."

    def __init__(self, detail: str = "", *, status: int, hint: str = "", parts: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.parts = parts
        if hint:
            self.remedy = hint
