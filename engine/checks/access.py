"""What a check of Exchange works with, and how it begins and ends: by the clients that a running engine would use."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.checks.check import CheckRun, CheckStep, StepLog
from engine.core.appointments import Appointment
from engine.core.clock import Clock
from engine.core.errors import Scope
from engine.exchange.errors import ExchangeFailure, MailboxNotFound
from engine.exchange.http.auth import RequestAuth
from engine.exchange.http.client import ExchangeHttp
from engine.exchange.http.wire import Network
from engine.exchange.source import CalendarSource, Mailbox, Window
from engine.settings.model import ExchangeSettings


@dataclass(frozen=True, slots=True)
class ExchangeAccess:
    """Clients for the Exchange that the settings describe, built but not used yet.

    `settings` are complete for the kind of Exchange. `token` authorises every request unless a password does.
    `source` reads calendars through `http` and closes it; `network` is how `http` reaches servers.
    """

    settings: ExchangeSettings
    network: Network
    http: ExchangeHttp
    token: RequestAuth | None
    source: CalendarSource


MakeAccess = Callable[[], ExchangeAccess]
"""Raises an `ExchangeFailure` if files named in the settings cannot be used."""


OTHERS_TRIED = 6
"""Number of other users whose calendars are tried after one that may not be read."""


class AccessCheck(ABC):
    """Base class of checks whose first step, "files", builds the clients by `make_access`, and which close them.

    Where it does not matter who is read, `others` are the addresses of each of some users, one of whom may be read if
    the first may not: then the right is there, and its scope is another matter.
    """

    def __init__(
        self, names: tuple[str, ...], make_access: MakeAccess, clock: Clock, others: Sequence[Sequence[str]] = ()
    ) -> None:
        self.names = names
        self._make_access = make_access
        self._clock = clock
        self._others = others
        self._access: ExchangeAccess

    async def run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        """Run the check and return all steps."""
        check_run = CheckRun(self.names, report, self._clock)
        await check_run.run("files", self._prepare)
        if not check_run.holds:
            for name in self.names[1:]:
                check_run.skip(name, "no connection is possible")
            return tuple(check_run.steps)
        try:
            await self._run_steps(check_run)
        finally:
            await self._access.source.close()
        return tuple(check_run.steps)

    async def _prepare(self, step_log: StepLog) -> None:
        self._access = self._make_access()
        step_log.evidence.append("the files named in the settings can be read")

    async def _another(
        self, denied: str, window: Window, step_log: StepLog
    ) -> tuple[Mailbox, tuple[Appointment, ...]] | None:
        """Return the mailbox of another user whose calendar may be read, and what is in it, None if there is none."""
        refused = {denied}
        for addresses in self._others[: OTHERS_TRIED + 1]:
            try:
                mailbox = await self._access.source.resolve(addresses)
                if mailbox.address in refused:
                    continue
                refused.add(mailbox.address)
                found = await self._access.source.read_window(mailbox, window)
            except MailboxNotFound:
                continue
            except ExchangeFailure as failure:
                if failure.scope is not Scope.USER:
                    break
                refused.update(addresses[:1])
            else:
                step_log.evidence.append(f"{denied} may not be read, {mailbox.address} may")
                return mailbox, found
        if len(refused) > 1:
            step_log.evidence.append(f"none of {len(refused)} users tried may be read")
        return None

    @abstractmethod
    async def _run_steps(self, check_run: CheckRun) -> None:
        """Run the steps after the first."""
