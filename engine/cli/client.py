"""The client of the local API as a command has it: nobody sits in front of a silent one."""

from pathlib import Path

from engine.api.client.client import PATIENCE, ApiClient
from engine.cli.output import remark


class CommandClient(ApiClient):
    """Asks one engine, or this very process where it `is_alone`, and tells on standard error what it waits for."""

    def __init__(self, socket: Path, *, is_alone: bool = False) -> None:
        super().__init__(socket, self._tell)
        self.is_alone = is_alone

    def _tell(self) -> None:
        longest = f"{PATIENCE:.0f} s at most (Ctrl+C ends the command)"
        remark(f"Waiting for the engine at {self.socket} to answer, {longest}")
