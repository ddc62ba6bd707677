"""What can go wrong between a client of the local API and the engine, each by its name, with what to do about it."""

from engine.core.errors import Failure, Fault, Scope


class ClientFailure(Failure):
    """Any of these."""


class EngineUnreachable(ClientFailure):
    """Nobody listens on the socket, or the connection ended too early."""

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "The engine cannot be reached"
    remedy = "Start it (calendar-engine run), or name its socket with --socket (engine.socket in its settings)."


class SocketForbidden(ClientFailure):
    """The socket is there, but this account may not use it, or may not do everything through it."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "This account may not use the socket of the engine"
    remedy = "Run the command as an account in the group of the socket (engine.socket_group in the settings)."


class AnswerNotUnderstood(ClientFailure):
    """The answer is not what the API says it is."""

    fault = Fault.PEER_PROTOCOL
    scope = Scope.SERVICE
    meaning = "The answer of the engine is not understood"
    remedy = "See that the socket belongs to calendar-engine, and that its version is that of this command."


class RequestRefused(ClientFailure):
    """The engine said no; `status` is that of its answer, the remedy the hint in it, and `parts` say part by part what
    is wrong with the request."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The engine refuses the request"
    remedy = "calendar-engine-api(7) describes what can be asked for."

    def __init__(self, detail: str = "", *, status: int, hint: str = "", parts: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.parts = parts
        if hint:
            self.remedy = hint
