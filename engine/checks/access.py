"""What a check of Exchange works with, and how it begins and ends: by the clients that a running engine would use."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from engine.checks.check import CheckRun, CheckStep, StepLog
from engine.core.clock import Clock
from engine.exchange.http.auth import RequestAuth
from engine.exchange.http.client import ExchangeHttp
from engine.exchange.http.wire import Network
from engine.exchange.source import CalendarSource
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


class AccessCheck(ABC):
    """Base class of checks whose first step, "files", builds the clients by `make_access`, and which close them."""

    def __init__(self, names: tuple[str, ...], make_access: MakeAccess, clock: Clock) -> None:
        self.names = names
        self._make_access = make_access
        self._clock = clock
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

    @abstractmethod
    async def _run_steps(self, check_run: CheckRun) -> None:
        """Run the steps after the first."""
