"""The current engine: its replacement, its observers, and connections that a change broke."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from engine.broadcast import Broadcast
from engine.core.errors import Failure
from engine.core.internal_errors import InternalErrorLog
from engine.supervisor.errors import ChangeBrokeLink
from engine.supervisor.settings_file import system_zone
from engine.sync.elsewhere import Elsewhere
from engine.sync.events import ConnectionLost, ConnectionRestored, Event, Observer, ServiceChanged, Side, UserChanged
from engine.sync.hold import Held
from engine.sync.pbx_access import PbxAccess
from engine.sync.preview import UserCalendar
from engine.sync.reconciler import Engine
from engine.sync.status import ConnectionStatus, EngineStatus
from engine.sync.views import UserDay, UserDetails, UserSummary


class CurrentEngine:
    """An `EngineView` of the current engine; without one there are no users and no connections.

    `completed` returns a status with what is known of the settings.
    """

    def __init__(self, completed: Callable[[EngineStatus], EngineStatus], internal_errors: InternalErrorLog) -> None:
        self._completed = completed
        self._internal_errors = internal_errors
        self._observers: list[Observer] = []
        self.engine: Engine | None = None

    def replace(self, engine: Engine | None) -> None:
        """Make `engine` the current one; the users of the previous one are gone until it knows them."""
        before = (*self.guids(), *(self.elsewhere.guids() if self.elsewhere is not None else ()))
        self.engine = engine
        if engine is not None:
            engine.observe(self.report)
        for guid in before:
            self.report(UserChanged(guid))
        self.report(ServiceChanged())

    def report(self, event: Event) -> None:
        """Notify all observers; an exception in one does not affect the others."""
        for observer in self._observers:
            try:
                observer(event)
            except Exception as internal_error:
                self._internal_errors.write("notifying an observer", internal_error)

    def status(self) -> EngineStatus:
        """Return the status of the engine."""
        engine = self.engine
        status = EngineStatus() if engine is None else engine.status()
        return self._completed(replace(status, is_set_up=engine is not None))

    @property
    def elsewhere(self) -> Elsewhere | None:
        """The users of other engines, None if no engine runs."""
        return None if self.engine is None else self.engine.elsewhere

    def link(self, side: Side) -> ConnectionStatus:
        """Return the status of one connection."""
        return ConnectionStatus() if self.engine is None else self.engine.link(side)

    @property
    def timezone(self) -> ZoneInfo:
        """The time zone used in notes; that of this machine while nothing is set up."""
        return system_zone() if self.engine is None else self.engine.timezone

    @property
    def pbx_access(self) -> PbxAccess | None:
        """The access to the PBX beside the reconciler, None if no engine runs."""
        return None if self.engine is None else self.engine.pbx_access

    def observe(self, observer: Observer) -> None:
        """Call `observer` with every event from now on; it must be quick and must not raise."""
        self._observers.append(observer)

    def guids(self) -> tuple[str, ...]:
        """Return the guids of all synchronised users."""
        return () if self.engine is None else self.engine.guids()

    def summary(self, guid: str) -> UserSummary | None:
        """Return the summary of one user, None if the user is not synchronised."""
        return None if self.engine is None else self.engine.summary(guid)

    def details(self, guid: str, now: datetime) -> UserDetails | None:
        """Return all that is known about a user and explains the presence at `now`; None if not synchronised."""
        return None if self.engine is None else self.engine.details(guid, now)

    def calendar(self, guid: str) -> UserCalendar | None:
        """Return a user with the appointments read last, None if not synchronised."""
        return None if self.engine is None else self.engine.calendar(guid)

    def day(self, guid: str, day: date) -> UserDay | None:
        """Return a user's day as bars, None if not synchronised."""
        return None if self.engine is None else self.engine.day(guid, day)

    async def confirm_hold(self) -> Held | None:
        """Carry out the held removals and return them; None if nothing is held."""
        return None if self.engine is None else await self.engine.confirm_hold()

    def resync(self, guid: str) -> None:
        """Schedule a read of a user's calendar."""
        if self.engine is not None:
            self.engine.resync(guid)

    def reresolve(self, guid: str) -> None:
        """Schedule a new search for a user's mailbox."""
        if self.engine is not None:
            self.engine.reresolve(guid)


class EngineEnded(Exception):
    """An engine returned although it should run until cancelled."""


class EngineRunner:
    """Keeps the engine in `current` running. An engine starts only after the previous one has ended."""

    def __init__(self, current: CurrentEngine) -> None:
        self._current = current
        self._next: Engine | None = None
        self._asked = asyncio.Event()
        self._taken = Broadcast()
        self._is_running = False
        self.has_failed = False

    async def run(self) -> None:
        """Run engines until cancelled. Raises the exception that ended one unexpectedly; there is no current engine
        then."""
        self._is_running, self.has_failed = True, False
        try:
            while True:
                self._asked.clear()
                engine = self._next
                self._current.replace(engine)
                self._taken.notify()
                if engine is None:
                    await self._asked.wait()
                else:
                    await self._run_one(engine)
        except Exception:
            self.has_failed = True
            self._current.replace(None)
            raise
        finally:
            self._is_running = False
            self._taken.notify()

    async def _run_one(self, engine: Engine) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(engine.run())
            running.add_done_callback(lambda _: self._asked.set())
            try:
                await self._asked.wait()
            except asyncio.CancelledError:
                if not running.done():
                    await engine.leave()
                raise
            if running.done():
                raise EngineEnded
            running.cancel()

    async def replace(self, engine: Engine | None) -> None:
        """Replace the current engine by `engine`, or by none, and return when it is in place.

        Returns at once while `run` is not active. An engine runs once: a failed one cannot be started again.
        """
        self._next = engine
        if not self._is_running:
            return
        self._asked.set()
        await self._taken.wait()


class RegressionWatch:
    """Watches the connections in `current` after a change until each one that worked before works again."""

    def __init__(self, current: CurrentEngine) -> None:
        self._current = current
        self._anxious: frozenset[Side] = frozenset()
        self._broken: dict[Side, Failure] = {}
        current.observe(self._observe)

    @property
    def broken(self) -> ChangeBrokeLink | None:
        """The connections that the last change seems to have broken."""
        if not self._broken:
            return None
        return ChangeBrokeLink("; ".join(f"{side}: {failure}" for side, failure in self._broken.items()))

    def start(self) -> None:
        """Start watching: a change is about to restart the connections."""
        status = self._current.status()
        links = {Side.PBX: status.pbx, Side.EXCHANGE: status.exchange, Side.EXCHANGE_ONLINE: status.exchange_online}
        working = frozenset(side for side, link in links.items() if link is not None and link.works)
        self._anxious = working | self._broken.keys()
        self._broken = {}

    def _observe(self, event: Event) -> None:
        match event:
            case ConnectionLost(side, failure) if side in self._anxious:
                self._broken[side] = failure
            case ConnectionRestored(side):
                self._anxious -= {side}
                self._broken.pop(side, None)
            case _:
                pass
