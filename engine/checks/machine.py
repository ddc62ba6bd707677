"""Check of this machine: whether the engine may write where it has to."""

import asyncio
import errno
import getpass
import shlex
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.checks.check import CheckRun, CheckStep, StepLog
from engine.checks.errors import DirectoryNotWritable
from engine.core.clock import Clock


class MachineCheck:
    """Tries to write to each of `directories`, by what they are; one that is missing is made in the next above it."""

    def __init__(self, directories: Mapping[str, Path], clock: Clock) -> None:
        self.names = tuple(directories)
        self._directories = directories
        self._clock = clock

    async def run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        """Run the check and return all steps."""
        check_run = CheckRun(self.names, report, self._clock)
        for name, directory in self._directories.items():

            async def write(step_log: StepLog, directory: Path = directory) -> None:
                await _try_to_write(directory, step_log)

            await check_run.run(name, write, ends_it=False)
        return tuple(check_run.steps)


async def _try_to_write(directory: Path, step_log: StepLog) -> None:
    try:
        await asyncio.to_thread(_write, directory)
    except OSError as error:
        step_log.remedy = _remedy(directory, error)
        raise DirectoryNotWritable(f"{directory}: {error.strerror}") from error
    step_log.evidence.append(f"{directory} can be written")


def _write(directory: Path) -> None:
    there = next(each for each in (directory, *directory.parents) if each.exists())
    with tempfile.TemporaryFile(dir=there):
        pass


def _remedy(directory: Path, error: OSError) -> str:
    place = shlex.quote(str(directory))
    if error.errno == errno.EROFS:
        return (
            "It is read-only for the engine: let its unit write there (systemctl edit calendar-engine, "
            f"[Service] ReadWritePaths={directory}), or mount it writable."
        )
    if error.errno == errno.ENOSPC:
        return "Free space on this disk."
    account = shlex.quote(getpass.getuser())
    return f"As root: mkdir -p {place} && chgrp {account} {place} && chmod g+rwx {place}"
