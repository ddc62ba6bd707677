"""Where the engine is: whoever watches it looks here, and sees another one take its place, or none."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.core.appointments import Appointment
from engine.core.failures import Failure
from engine.core.mistakes import MistakeLog
from engine.core.users import User
from engine.service.settings_file import system_zone
from engine.sync.engine import Engine
from engine.sync.happenings import Happening, Observer, ServiceChanged, UserChanged
from engine.sync.hold import Held
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
