"""Check of the PBX: from its host name, or our own port, to a presence that can be read."""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType

from engine.checks import pbx_reach
from engine.checks.check import CheckRun, CheckStep, StepLog, StepSkipped
from engine.checks.clock import MachineTime, machine_time
from engine.checks.errors import UserNotInPbx
from engine.checks.fixes import Fix, use
from engine.checks.pbx_reach import WayToPbx
from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.core.presence.model import Presence
from engine.core.users import User
from engine.pbx.errors import (
    PbxLoginRefused,
    PbxNotConnected,
    PbxPasswordWrong,
    PbxRightsMissing,
    WrongPbx,
)
from engine.pbx.events import LinkDown, LinkUp, Listening, PbxDeclined, PbxEvent, UserRemoved, UsersComplete, UserSeen
from engine.settings.keys import KEYS
from engine.settings.model import PbxLinkKind, PbxSettings
from engine.sync.hold import NobodyTakesPart
from engine.sync.link import Link


class LinkEventCollector:
    """Collects the events of the link. `failure` is the first one; "no PBX connected yet" does not count."""

    def __init__(self) -> None:
        self.listening: Listening | None = None
        self.login: LinkUp | None = None
        self.users: dict[str, User] = {}
        self.complete = False
        self.failure: Failure | None = None
        self._news = asyncio.Event()

    def __call__(self, event: PbxEvent) -> None:
        """Record one event of the link."""
        match event:
            case Listening():
                self.listening = event
            case LinkUp():
                self.login = event
            case UserSeen(user):
                self.users[user.guid] = user
            case UserRemoved(guid):
                self.users.pop(guid, None)
            case UsersComplete():
                self.complete = True
            case LinkDown(failure) | PbxDeclined(_, failure) if not isinstance(failure, PbxNotConnected):
                self.failure = self.failure or failure
            case _:
                pass
        self._news.set()

    async def news(self) -> None:
        """Wait for the next event."""
        self._news.clear()
        await self._news.wait()


DIAL = (*pbx_reach.DIAL, "App WebSocket")
LISTEN = ("port", "connection from the PBX")
COMMON = ("log-in", "master PBX", "rights", "users", "presence")
PATIENCE = 90.0
"""Seconds allowed for a PBX to connect; how often it tries is not documented."""

MOST_NAMES = 3
"""Number of PBX names that are offered, if its users belong to several."""

SELECTION_KEYS = tuple(key for key in KEYS if key.startswith("pbx.users."))

_STEP_OF: Mapping[type[Failure], str] = MappingProxyType(
    {
        PbxLoginRefused: "log-in",
        PbxPasswordWrong: "log-in",
        WrongPbx: "master PBX",
        PbxRightsMissing: "rights",
    }
)
"""The step each failure belongs to, although the link may report it during an earlier one."""


class PbxCheck:
    """Tries `settings` over a link from `make_link`; `user` is the name of the user whose presence is read.

    After `run`, `users` are the users of the PBX and `domain` is its system name, as far as the check got.
    Nothing is written to the PBX.
    """

    def __init__(
        self,
        settings: PbxSettings,
        make_link: Callable[[Callable[[PbxEvent], None]], Link],
        clock: Clock,
        *,
        user: str = "",
        patience: float = PATIENCE,
        now: MachineTime = machine_time,
    ) -> None:
        self._settings = settings
        self._make_link = make_link
        self._clock = clock
        self._user = user
        self._patience = patience
        self._heard = LinkEventCollector()
        self._way = WayToPbx(settings, now=now)
        self._listens = settings.link is PbxLinkKind.LISTEN
        self.names = (*(LISTEN if self._listens else DIAL), *COMMON)

    @property
    def users(self) -> tuple[User, ...]:
        """The users of the PBX, once all are known."""
        return tuple(self._heard.users.values()) if self._heard.complete else ()

    @property
    def domain(self) -> str:
        """The system name, from the settings or from the PBX."""
        return self._heard.login.domain if self._heard.login else self._settings.domain

    async def run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        """Run the check and return all steps."""
        check_run = CheckRun(self.names, report, self._clock)
        if self._listens:
            await self._run_link_steps(check_run)
            return tuple(check_run.steps)
        await self._way.run(check_run)
        await self._run_link_steps(check_run)
        return tuple(check_run.steps)

    async def _run_link_steps(self, check_run: CheckRun) -> None:
        if not check_run.holds:
            for name in self.names[len(check_run.steps) :]:
                check_run.skip(name, "there is no connection")
            return
        link = self._make_link(self._heard)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(link.run())
            try:
                await self._run_steps_with(link, check_run)
            finally:
                running.cancel()

    async def _run_steps_with(self, link: Link, check_run: CheckRun) -> None:
        if self._listens:
            await check_run.run("port", self._listen)
            await check_run.run("connection from the PBX", self._be_called)
        else:
            await check_run.run("App WebSocket", self._open)
        await check_run.run("log-in", self._log_in)
        await check_run.run("master PBX", self._check_master)
        await check_run.run("rights", self._check_rights)
        await check_run.run("users", self._copy_users)
        await check_run.run("presence", lambda step_log: self._read_presence(link, step_log))

    async def _open(self, step_log: StepLog) -> None:
        await self._until("App WebSocket", lambda: self._heard.login is not None)
        step_log.evidence.append("the PBX speaks the App WebSocket protocol")

    async def _listen(self, step_log: StepLog) -> None:
        step_log.remedy = (
            "If the running engine listens on this port, the check cannot use it as well: the engine's status shows "
            "whether the PBX is connected. Otherwise set pbx.listen_address to an address of this machine and "
            "pbx.listen_port to a free port above 1023."
        )
        await self._until("port", lambda: self._heard.listening is not None)
        if self._heard.listening is not None:
            step_log.evidence.append(f"URL for the App object: {self._heard.listening.url}")
            step_log.evidence.append(f"SHA-256 of the certificate shown: {self._heard.listening.fingerprint}")

    async def _be_called(self, step_log: StepLog) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._until("connection from the PBX", lambda: self._heard.login is not None)
        except TimeoutError as error:
            raise PbxNotConnected(f"it did not connect within {self._patience:.0f} s") from error
        step_log.evidence.append("the PBX has connected")

    async def _log_in(self, step_log: StepLog) -> None:
        await self._until("log-in", lambda: self._heard.login is not None)
        who = f"App object {self._settings.app}" if not self._listens else "the password is that of the App object"
        step_log.evidence.append(f"{who}; system name {self.domain}" if self.domain else who)

    async def _check_master(self, step_log: StepLog) -> None:
        try:
            await self._until(
                "master PBX", lambda: self._heard.complete or bool(self._heard.login and self._heard.login.pbx)
            )
        except WrongPbx as failure:
            step_log.fixes += [use("pbx.master", name) for name in failure.found[:MOST_NAMES]]
            raise
        name = self._heard.login.pbx if self._heard.login else None
        step_log.evidence.append(f"its name is {name}" if name else f"users belong to {self._settings.master}")

    async def _check_rights(self, step_log: StepLog) -> None:
        await self._until("rights", lambda: self._heard.complete)
        step_log.evidence.append("TableUsers may be used")

    async def _copy_users(self, step_log: StepLog) -> None:
        await self._until("users", lambda: self._heard.complete)
        taking_part = sum(self._settings.users.takes_part(user) for user in self.users)
        step_log.evidence.append(f"{len(self.users)} users, {taking_part} of them take part")
        if not taking_part:
            step_log.fixes.append(Fix("let everybody take part", dict.fromkeys(SELECTION_KEYS)))
            raise NobodyTakesPart(f"of {len(self.users)} users")

    async def _read_presence(self, link: Link, step_log: StepLog) -> None:
        user = self._whom_to_look_at()
        presence = await link.read_presence(user.name)
        step_log.evidence.append(
            f"the calendar presence of {user.label} may be read and therefore written: {_shown(presence)}"
        )

    def _whom_to_look_at(self) -> User:
        if self._user:
            for user in self.users:
                if user.name.casefold() == self._user.casefold():
                    return user
            raise UserNotInPbx(self._user)
        for user in self.users:
            if user.name and self._settings.users.takes_part(user):
                return user
        raise StepSkipped("no user with a Name takes part")

    async def _until(self, step: str, done: Callable[[], bool]) -> None:
        """Wait until `done`. A failure of a later step also proves this one, or leaves it open."""
        while not done():
            failure = self._heard.failure
            if failure is not None:
                place = _STEP_OF.get(type(failure), step)
                if self.names.index(place) <= self.names.index(step):
                    raise failure
                if place == "log-in" or self._heard.login is not None:
                    return
                raise StepSkipped(f"not tried: {failure.meaning[0].lower()}{failure.meaning[1:]}")
            await self._heard.news()


def _shown(presence: Presence) -> str:
    return presence.activity or ("available" if presence.note else "none")
