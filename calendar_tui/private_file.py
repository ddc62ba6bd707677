"""Files that only this account can read."""

import asyncio
import os
import re
from pathlib import Path

PRIVATE = 0o600


async def write_here(name: str, data: bytes) -> str:
    """Write a new file into the working directory and return in a sentence what became of it."""
    path = Path.cwd() / re.sub(r"[^A-Za-z0-9._-]", "_", name)
    try:
        await asyncio.to_thread(write_privately, path, data)
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}."
    return f"Written to {path}"


def write_privately(path: Path, data: bytes) -> None:
    """Write a file, instead of the one that may be there. Raises OSError."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as file:
        os.fchmod(file.fileno(), PRIVATE)
        file.write(data)
