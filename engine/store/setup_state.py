"""Where the answers of a set-up under way are kept: a file of an engine that works alone, or the shared database."""

import asyncio
from pathlib import Path
from typing import Protocol

from engine.core.errors import Failure, Fault, Scope
from engine.store.replacing import replace_file


class SetupNotKept(Failure):
    """The answers of a set-up cannot be saved."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The answers of the set-up cannot be saved"
    remedy = "Give the engine's account write access to engine.state_dir, and free disk space if needed."


class SetupContinuedElsewhere(Failure):
    """Somebody has gone on with the set-up at another engine. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The set-up was continued at another engine in the meantime"
    remedy = "Look at it as it is now, and repeat what you typed if it is still wanted."


class SetupStore(Protocol):
    """Keeps one set-up. Its methods raise a failure of this module, or one of the store."""

    async def read(self) -> bytes | None:
        """Return what is kept, None if no set-up is under way."""
        ...

    async def write(self, content: bytes) -> None:
        """Keep this instead of what was read or written last."""
        ...

    async def remove(self) -> None:
        """Keep nothing any more."""
        ...


class SetupFile:
    """A file in the state directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> bytes | None:
        """Return what is kept, None if there is nothing that can be read."""
        try:
            return await asyncio.to_thread(self._path.read_bytes)
        except OSError:
            return None

    async def write(self, content: bytes) -> None:
        """Replace the file. Raises `SetupNotKept`."""
        try:
            await asyncio.to_thread(replace_file, self._path, content)
        except OSError as error:
            raise SetupNotKept(f"{self._path}: {error.strerror}") from error

    async def remove(self) -> None:
        """Remove the file. Raises `SetupNotKept`."""
        try:
            await asyncio.to_thread(self._path.unlink, missing_ok=True)
        except OSError as error:
            raise SetupNotKept(f"{self._path}: {error.strerror}") from error
