"""The current engine: its replacement, its observers, and links that a change broke."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.broadcast import Broadcast
from engine.core.appointments import Appointment
from engine.core.errors import Failure
from engine.core.mistakes import MistakeLog
from engine.core.users import User
from engine.supervisor.errors import ChangeBrokeLink
from engine.supervisor.settings_file import system_zone
from engine.sync.events import Happening, LinkRecovered, LinkTrouble, Observer, ServiceChanged, Side, UserChanged
from engine.sync.hold import Held
from engine.sync.reconciler import Engine
from engine.sync.status import LinkStatus, Status, describe
from engine.sync.views import Account, Glance


class Seat:
    """An `EngineView` of whichever engine runs; without one there are no users, and no link works.

    `concerns` tells what is the matter with the settings, which becomes part of the status.
    """

    def __init__(self, concerns: Callable[[], tuple[Failure, ...]], mistakes: MistakeLog) -> None:
        self._concerns = concerns
        self._mistakes = mistakes
        self._observers: list[Observer] = []
        self.engine: Engine | None = None

    def take(self, engine: Engine | None) -> None:
        """Let `engine` be the one; the users of the one before are gone until it knows them."""
        before = self.guids()
        self.engine = engine
        if engine is not None:
            engine.observe(self.report)
        for guid in before:
            self.report(UserChanged(guid))
        self.report(ServiceChanged())

    def report(self, happening: Happening) -> None:
        """Tell all observers; a mistake of one keeps nothing from the others."""
        for observer in self._observers:
            try:
                observer(happening)
            except Exception as mistake:
                self._mistakes.write("telling of what happens", mistake)

    def status(self) -> Status:
        """Return how things stand."""
        engine = self.engine
        status = _nothing() if engine is None else engine.status()
        return replace(status, is_set_up=engine is not None, concerns=self._concerns())

    def link(self, side: Side) -> LinkStatus:
        """Return how one side stands."""
        return LinkStatus() if self.engine is None else self.engine.link(side)

    @property
    def timezone(self) -> ZoneInfo:
        """The time zone that notes tell times in; that of this machine as long as nothing is set up."""
        return system_zone() if self.engine is None else self.engine.timezone

    def observe(self, observer: Observer) -> None:
        """Have `observer` called with everything that happens from now on; it must not take long, nor fail."""
        self._observers.append(observer)

    def guids(self) -> tuple[str, ...]:
        """Return the guids of everybody who takes part."""
        return () if self.engine is None else self.engine.guids()

    def glance(self, guid: str) -> Glance | None:
        """Return what is known of one user in short, None for whoever does not take part."""
        return None if self.engine is None else self.engine.glance(guid)

    def account(self, guid: str, now: datetime) -> Account | None:
        """Return all that is known of one user and why the presence is what it is at `now`, None for others."""
        return None if self.engine is None else self.engine.account(guid, now)

    def calendar(self, guid: str) -> tuple[User, tuple[Appointment, ...] | None] | None:
        """Return a user and the appointments read last, None while none were; None for whoever takes no part."""
        return None if self.engine is None else self.engine.calendar(guid)

    async def confirm_hold(self) -> Held | None:
        """Let happen what is held; return what that was, None where nothing is."""
        return None if self.engine is None else await self.engine.confirm_hold()

    def visit(self, guid: str) -> None:
        """Have a user's calendar read soon."""
        if self.engine is not None:
            self.engine.visit(guid)

    def search(self, guid: str) -> None:
        """Have a user's mailbox looked for anew."""
        if self.engine is not None:
            self.engine.search(guid)


def _nothing() -> Status:
    return describe((), LinkStatus(), LinkStatus(), {}, lambda _: False, None)


class EngineEnded(Exception):
    """An engine has returned, which none ever should."""


class Runner:
    """Keeps the engine in `seat` running. The next one begins when the one before has ended, never beside it."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._next: Engine | None = None
        self._asked = asyncio.Event()
        self._taken = Broadcast()
        self._is_running = False
        self.has_failed = False

    async def run(self) -> None:
        """Run engines for ever. Raises what ends one that nobody ended; the seat is empty then."""
        self._is_running, self.has_failed = True, False
        try:
            while True:
                self._asked.clear()
                engine = self._next
                self._seat.take(engine)
                self._taken.notify()
                if engine is None:
                    await self._asked.wait()
                else:
                    await self._run_one(engine)
        except Exception:
            self.has_failed = True
            self._seat.take(None)
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

    async def exchange(self, engine: Engine | None) -> None:
        """Return when `engine`, or none, has taken the place of the one before; at once as long as none can run.

        An engine runs once: after one has failed, the next has to be another.
        """
        self._next = engine
        if not self._is_running:
            return
        self._asked.set()
        await self._taken.wait()


class Stake:
    """Watches the links in `seat` after a change until each of them works again that did before."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._anxious: frozenset[Side] = frozenset()
        self._broken: dict[Side, Failure] = {}
        seat.observe(self._observe)

    @property
    def broken(self) -> ChangeBrokeLink | None:
        """What the last change seems to have broken."""
        if not self._broken:
            return None
        return ChangeBrokeLink("; ".join(f"{side}: {failure}" for side, failure in self._broken.items()))

    def put(self) -> None:
        """Begin to watch: a change restarts the links now."""
        status = self._seat.status()
        links = {Side.PBX: status.pbx, Side.EXCHANGE: status.exchange}
        self._anxious = frozenset(side for side, link in links.items() if link.works) | self._broken.keys()
        self._broken = {}

    def _observe(self, happening: Happening) -> None:
        match happening:
            case LinkTrouble(side, failure) if side in self._anxious:
                self._broken[side] = failure
            case LinkRecovered(side):
                self._anxious -= {side}
                self._broken.pop(side, None)
            case _:
                pass
