"""A command of `calendar-engine` in a separate process."""

import asyncio
import os
import re
import sys
from dataclasses import dataclass

WAITING = re.compile(r"^.*Ctrl\+C ends the command\)\n", re.MULTILINE)
"""What a command says when an answer takes seconds, as on a busy machine; tests/cli/test_waiting.py is about it."""


@dataclass
class Ended:
    """How it ended, and what it said, except that it waits."""

    status: int
    out: str
    err: str


async def command(*arguments: str, **environment: str) -> Ended:
    process = await begun(*arguments, **environment)
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), WAITING.sub("", err.decode()))


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
