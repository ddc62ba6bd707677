"""Check of this machine: whether the engine may write where it has to, and a time service keeps the clock right."""

import asyncio
import errno
import getpass
import shlex
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.checks.check import CheckRun, CheckStep, StepLog, StepSkipped
from engine.checks.clock import is_kept_right, largest_error
from engine.checks.errors import DirectoryNotWritable
from engine.core.clock import Clock


class MachineCheck:
    """Tries to write to each of `directories`, by what they are; one that is missing is made in the next above it.

    `error` returns the microseconds by which the machine's clock may be wrong, None if that is not known.
    """

    def __init__(
        self, directories: Mapping[str, Path], clock: Clock, error: Callable[[], int | None] = largest_error
    ) -> None:
        self.names = (*directories, "clock")
        self._directories = directories
        self._clock = clock
        self._error = error

    async def run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        """Run the check and return all steps."""
        check_run = CheckRun(self.names, report, self._clock)
        for name, directory in self._directories.items():

            async def write(step_log: StepLog, directory: Path = directory) -> None:
                await _try_to_write(directory, step_log)

            await check_run.run(name, write, ends_it=False)
        await check_run.run("clock", self._look_at_the_clock)
        return tuple(check_run.steps)

    async def _look_at_the_clock(self, step_log: StepLog) -> None:
        """Note whether the clock is kept right. Where a time service does not do that, something else may, such as
        the host of a virtual machine, so it is no failure: servers are asked for their time later."""
        kept = is_kept_right(self._error())
        if kept is None:
            raise StepSkipped("this machine does not tell whether a time service keeps it right")
        if not kept:
            raise StepSkipped("no time service is known to keep it right (timedatectl set-ntp true starts one)")
        step_log.evidence.append("the clock is kept right by a time service")


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
