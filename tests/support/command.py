"""A command of `calendar-engine` in a separate process."""

import asyncio
import os
import sys
from dataclasses import dataclass


@dataclass
class Ended:
    status: int
    out: str
    err: str


async def command(*arguments: str, **environment: str) -> Ended:
    process = await begun(*arguments, **environment)
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def begun(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    """Start a command that may run forever, and return it."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "engine.cli.main",
        *arguments,
        env=os.environ | {"COLUMNS": "80", "PYTHONUTF8": "1"} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
