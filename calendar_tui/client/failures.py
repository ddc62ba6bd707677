"""What can go wrong between this program and the engine, each by its name, with what to do about it."""

from typing import ClassVar


class ClientFailure(Exception):
    """A named failure; `detail` adds where and why."""

    meaning: ClassVar[str]
    remedy: str = ""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.meaning}: {self.detail}" if self.detail else self.meaning


class EngineUnreachable(ClientFailure):
    """Nobody listens on the socket, or the connection ended too early."""

    meaning = "The engine cannot be reached"
    remedy = "Start it (calendar-engine run), or name its socket with --socket (engine.socket in its settings)."


class SocketForbidden(ClientFailure):
    """The socket is there, but this account may not use it."""

    meaning = "This account may not use the socket of the engine"
    remedy = "Run this program as an account in the group of the socket (engine.socket_group in the settings)."


class VersionsDiffer(ClientFailure):
    """The engine speaks another version of the API."""

    meaning = "Engine and calendar-tui do not fit together"
    remedy = "Install calendar-tui of the same version as the engine, and restart whichever is the older one."


class AnswerNotUnderstood(ClientFailure):
    """The answer is not what the API says it is."""

    meaning = "The answer of the engine is not understood"
    remedy = "Check that the socket belongs to calendar-engine, and that its version is that of calendar-tui."


class RequestRefused(ClientFailure):
    """The engine said no; the remedy is the hint that came with it."""

    meaning = "The engine refuses the request"

    def __init__(self, detail: str, remedy: str, status: int) -> None:
        super().__init__(detail)
        self.remedy = remedy
        self.status = status
