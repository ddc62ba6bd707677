"""Keeps an engine running with the settings and secrets in force, and applies every change to them."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from random import SystemRandom

from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.core.internal_errors import InternalErrorLog
from engine.settings.editor import SettingValue, edited
from engine.settings.forms import differences
from engine.settings.model import EngineSettings, SiteSettings
from engine.settings.problems import SettingsInvalid
from engine.store.errors import StoreFailure, VersionsNotKept
from engine.store.secrets import needed_secrets
from engine.store.settings_history import Author, SettingsHistory, Version
from engine.supervisor.engine_slot import CurrentEngine, EngineRunner, RegressionWatch
from engine.supervisor.errors import (
    ChangeNotConfirmed,
    EditNotInForce,
    EffectAtNextStart,
    NothingToConfirm,
    NothingToGoBackTo,
    SettingsMissing,
    SettingsStale,
    SettingsUnreadable,
    SettingsUnwritable,
    VersionUnknown,
)
from engine.supervisor.plan import ActiveSettings, ApplyPlan, Assemble, LoadSecrets, Planner, version_to_go_back_to
from engine.supervisor.settings_file import SettingsFile, tag_of
from engine.sync.events import ServiceChanged, SettingsRolledBack
from engine.sync.scheduling import WakeableTimer
from engine.sync.status import EngineStatus
from engine.sync.task_supervisor import TaskSupervisor

logger = logging.getLogger(__name__)

LOOK = timedelta(seconds=3)
"""Seconds between two checks whether the settings file was edited by hand."""

KEPT_AGAIN = 10
"""Number of these checks after which saving a version that could not be saved is retried."""

WATCHING = "watching the settings file"

AGAIN = timedelta(minutes=1)
"""Seconds until a failed rollback of an unconfirmed change is retried."""


class Supervisor:
    """Owns the settings file, the history of its versions and the engine; applies one change at a time.

    `clock` is calendar time, used for confirmation deadlines; `network_clock` times the checks of the file.
    The socket and the state directory stay as in `started_with` until the next start.
    """

    def __init__(
        self,
        file: SettingsFile,
        history: SettingsHistory,
        load_secrets: LoadSecrets,
        assemble: Assemble,
        *,
        clock: Clock,
        network_clock: Clock,
        started_with: EngineSettings,
        also_of_concern: Callable[[], Failure | None] = lambda: None,
    ) -> None:
        self.file = file
        internal_errors = InternalErrorLog(logger, network_clock)
        self.current = CurrentEngine(self._completed, internal_errors)
        self.text = ""
        self.versions: tuple[Version, ...] = ()
        self._history = history
        self._planner = Planner(load_secrets, assemble)
        self._clock = clock
        self._network_clock = network_clock
        self._started_with = started_with
        self._runner = EngineRunner(self.current)
        self._regressions = RegressionWatch(self.current)
        self._supervisor = TaskSupervisor(
            network_clock,
            SystemRandom(),
            internal_errors,
            passed_on=StoreFailure,
            noted=lambda: self.current.report(ServiceChanged()),
            started_again=lambda _: None,
        )
        self._lock = asyncio.Lock()
        self._alarm = WakeableTimer(clock)
        self._hangup = WakeableTimer(network_clock)
        self._is_to_look = False
        self._stamp: tuple[int, int, int] | None = None
        self._in_force: ActiveSettings | None = None
        self.file_trouble: Failure | None = None
        self._engine_trouble: Failure | None = None
        self._history_trouble: VersionsNotKept | None = None
        self._also_of_concern = also_of_concern

    async def begin(self) -> None:
        """Read the settings. Must be called first."""
        try:
            self.versions = await self._history.versions()
        except StoreFailure as failure:
            self._history_trouble = VersionsNotKept(str(failure))
        try:
            await self.reread()
        except Failure:
            raise
        except Exception as internal_error:
            self._supervisor.note(WATCHING, internal_error)
            self._is_to_look = True

    async def run(self) -> None:
        """Keep an engine running until cancelled.

        After a bug, the task that failed is restarted, as the tasks of the engine are.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._supervisor.keep("running the engine", self._run_engine))
            group.create_task(self._supervisor.keep(WATCHING, self._look_at_file))
            group.create_task(self._supervisor.keep("undoing changes", self._undo_what_nobody_confirms))

    async def keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a task alongside the engine; after a bug it is restarted without affecting anything else."""
        await self._supervisor.keep(name, run)

    @property
    def tag(self) -> str:
        """The ETag of the settings file."""
        return tag_of(self.text)

    @property
    def settings(self) -> SiteSettings | None:
        """The settings in force, None while there are none."""
        return self._in_force.settings if self._in_force is not None else None

    @property
    def needed_secrets(self) -> tuple[str, ...]:
        """The names of the secrets that the settings in force need."""
        return () if self._in_force is None else tuple(needed_secrets(self._in_force.settings.exchange))

    @property
    def unconfirmed(self) -> Version | None:
        """The version that will be rolled back unless it is confirmed."""
        newest = self.versions[0] if self.versions else None
        return newest if newest is not None and newest.confirm_until is not None else None

    @property
    def offered(self) -> Version | None:
        """The version to roll back to, if the last change broke a connection or awaits confirmation."""
        if self._regressions.broken is None and self.unconfirmed is None:
            return None
        try:
            return version_to_go_back_to(self.versions)
        except NothingToGoBackTo:
            return None

    def concerns(self) -> tuple[Failure, ...]:
        """Return the problems with the settings and secrets, the most important first."""
        found: list[Failure | None] = [self._engine_trouble, self._regressions.broken]
        if self.file_trouble is not None:
            running = self.current.engine is not None
            found.insert(0, EditNotInForce(str(self.file_trouble)) if running else self.file_trouble)
        waiting = self.unconfirmed
        if waiting is not None and waiting.confirm_until is not None:
            found.append(ChangeNotConfirmed(f"it is rolled back at {waiting.confirm_until:%Y-%m-%d %H:%M:%S} UTC"))
        found += [self._history_trouble, self._also_of_concern()]
        later = self._at_next_start()
        if later:
            found.append(EffectAtNextStart(", ".join(later)))
        return (*(each for each in found if each is not None), *self._supervisor.problems())

    def _completed(self, status: EngineStatus) -> EngineStatus:
        until = self.unconfirmed.confirm_until if self.unconfirmed is not None else None
        return replace(status, concerns=self.concerns(), confirm_until=until)

    async def reread(self) -> None:
        """Apply the settings file as it is now; an invalid one changes the status alone."""
        async with self._lock:
            await self._reread()

    def look_soon(self) -> None:
        """Schedule a re-read of the settings file, whether or not it looks changed."""
        self._is_to_look = True
        self._hangup.wake()

    async def start_again(self) -> ApplyPlan | None:
        """Restart the engine with the current secrets; return the plan that was carried out.

        None if the restart came from a change of the settings file instead.
        """
        async with self._lock:
            before = self._in_force
            await self._reread()
            if self._in_force is None or self._in_force is not before:
                return None
            plan = await self._plan(self._in_force, begin=True)
            await self._enforce(plan)
            return plan

    async def check(self, changes: Mapping[str, SettingValue | None]) -> ApplyPlan:
        """Plan a change without applying it.

        Raises `SettingsInvalid`, `SettingsNotEditable`, `SettingsUnreadable` or the reason why no engine could run.
        """
        async with self._lock:
            await self._reread()
            return await self._checked(await self._edited(changes))

    async def change(
        self, changes: Mapping[str, SettingValue | None], tag: str, author: Author, confirm_within: float | None = None
    ) -> ApplyPlan:
        """Write new values to the file, apply them, and return the plan that was carried out.

        Unless confirmed within `confirm_within` seconds it is rolled back. Raises `SettingsStale` if `tag` is neither
        that of the file nor "*", `ChangeNotConfirmed` if the last change awaits confirmation, `VersionUnknown` if
        the change could not be rolled back, and what `check` raises; nothing has changed then.
        """
        async with self._lock:
            await self._reread()
            if tag not in ("*", self.tag):
                raise SettingsStale(f"their ETag is now {self.tag}")
            if self.unconfirmed is not None:
                raise ChangeNotConfirmed(f"version {self.unconfirmed.id}")
            if confirm_within is not None and not self.versions:
                raise VersionUnknown("there is no earlier version to roll this change back to")
            plan = await self._checked(await self._edited(changes))
            until = None if confirm_within is None else self._clock.now() + timedelta(seconds=confirm_within)
            return await self._put(plan, author, "change", until)

    async def roll_back(self, number: int | None, author: Author | None) -> ApplyPlan:
        """Roll back to version `number`, or to the one before that in force; return the plan that was carried out.

        Raises `VersionUnknown`, without a number `NothingToGoBackTo`, and what `check` raises.
        """
        async with self._lock:
            await self._reread()
            return await self._roll_back(number, author)

    async def confirm(self) -> Version:
        """Confirm the last change. Raises `NothingToConfirm`."""
        async with self._lock:
            version = self.unconfirmed
            if version is None:
                raise NothingToConfirm
            await self._history.confirm(version.id)
            await self._versions_changed()
            return self.versions[0]

    async def _roll_back(self, number: int | None, author: Author | None) -> ApplyPlan:
        goal = self._version(number)
        plan = await self._checked(goal.text)
        return await self._put(plan, author, f"rollback to {goal.id}", returns_to=goal.id)

    async def _take_back(self, goal: Version) -> ApplyPlan:
        """Roll back even if the history cannot be written: an unconfirmed change may have broken everything."""
        action = f"rollback to {goal.id}"
        plan = await self._checked(goal.text)
        try:
            return await self._put(plan, None, action, returns_to=goal.id)
        except StoreFailure as failure:
            await asyncio.to_thread(self.file.write, goal.text)
            self.text, self._stamp, self.file_trouble = goal.text, self.file.stamp(), None
            taken_back = replace(goal, id=self.versions[0].id + 1, at=self._clock.now(), author=None, action=action)
            taken_back = replace(taken_back, differences=plan.differences, confirm_until=None, returns_to=goal.id)
            self.versions = (taken_back, *self.versions)
            self._note_not_kept(failure)
            await self._enforce(plan)
            return plan

    def _version(self, number: int | None) -> Version:
        """Without a number: the version before the current one, or the newest if the file itself is unusable."""
        if number is None:
            if self.file_trouble is not None and self.versions:
                return self.versions[0]
            return version_to_go_back_to(self.versions)
        for each in self.versions:
            if each.id == number:
                return each
        raise VersionUnknown(f"version {number}")

    async def _edited(self, changes: Mapping[str, SettingValue | None]) -> str:
        """Raises if the file is unreadable: its unknown content must not be overwritten."""
        if isinstance(self.file_trouble, SettingsUnreadable):
            raise self.file_trouble
        return await asyncio.to_thread(edited, self.text, changes)

    async def _checked(self, text: str) -> ApplyPlan:
        """A stopped engine may be configured piece by piece; a change must not stop a running one."""
        plan = await self._plan(ActiveSettings(text, await asyncio.to_thread(self.file.settings, text)))
        if plan.trouble is not None and self.current.engine is not None:
            raise plan.trouble
        return plan

    async def _plan(self, goal: ActiveSettings, *, begin: bool = False) -> ApplyPlan:
        running = self._in_force if self.current.engine is not None and not begin else None
        before = self._in_force.text if self._in_force else self.text
        changed = await asyncio.to_thread(differences, before, goal.text)
        return await self._planner.plan(running, goal, changed)

    async def _put(
        self,
        plan: ApplyPlan,
        author: Author | None,
        action: str,
        until: datetime | None = None,
        returns_to: int | None = None,
    ) -> ApplyPlan:
        if plan.goal.text == self.text and self.file_trouble is None:
            return plan
        number = await self._remember(plan, author, action, until, returns_to)
        try:
            await asyncio.to_thread(self.file.write, plan.goal.text)
        except SettingsUnwritable:
            await self._history.remove(number)
            raise
        self.text, self._stamp = plan.goal.text, self.file.stamp()
        self.file_trouble = None
        await self._tell_version(plan, action)
        await self._enforce(plan)
        return plan

    async def _remember(
        self,
        plan: ApplyPlan,
        author: Author | None,
        action: str,
        until: datetime | None = None,
        returns_to: int | None = None,
    ) -> int:
        """Runs before anything is changed: a version that cannot be rolled back to is not applied."""
        at, text = self._clock.now(), plan.goal.text
        return await self._history.add(at, author, action, plan.differences, text, until, returns_to)

    async def _tell_version(self, plan: ApplyPlan, action: str) -> None:
        await self._versions_changed()
        logger.info("settings: %s: %s", action, ", ".join(each.key for each in plan.differences) or "nothing else")

    async def _versions_changed(self) -> None:
        try:
            self.versions = await self._history.versions()
        except StoreFailure as failure:
            self._note_not_kept(failure)
        self._alarm.wake()
        self.current.report(ServiceChanged())

    async def _enforce(self, plan: ApplyPlan) -> None:
        self._in_force = plan.goal
        self._engine_trouble = plan.trouble
        if plan.engine is not None or plan.trouble is not None:
            self._regressions.start()
            await self._runner.replace(plan.engine)
        elif self.current.engine is not None:
            self.current.engine.adjust(plan.goal.settings)
        if plan.trouble is not None:
            logger.warning("%s. %s", plan.trouble, plan.trouble.remedy)
        self.current.report(ServiceChanged())

    async def _reread(self) -> None:
        self._stamp = self.file.stamp()
        try:
            text = await asyncio.to_thread(self.file.read)
            if self._in_force is not None and text == self._in_force.text and self.file_trouble is None:
                return
            self.text = text
            goal = ActiveSettings(text, await asyncio.to_thread(self.file.settings, text))
        except (SettingsMissing, SettingsUnreadable, SettingsInvalid) as trouble:
            if isinstance(trouble, SettingsMissing):
                self.text = ""
            self._leave(trouble)
            return
        plan = await self._plan(goal)
        if plan.trouble is not None and self.current.engine is not None:
            self._leave(plan.trouble)
            return
        self.file_trouble = None
        if not self.versions or self.versions[0].text != text:
            action = "edited by hand" if self._in_force else "found"
            try:
                await self._remember(plan, None, action)
            except StoreFailure as failure:
                self._note_not_kept(failure)
            else:
                self._history_trouble = None
                await self._tell_version(plan, action)
        await self._enforce(plan)

    def _note_not_kept(self, failure: StoreFailure) -> None:
        """Settings edited by hand are applied even if the history cannot be written."""
        self._history_trouble = VersionsNotKept(str(failure))
        logger.warning("%s. %s", self._history_trouble, self._history_trouble.remedy)
        self.current.report(ServiceChanged())

    def _leave(self, trouble: Failure) -> None:
        """Keep running as before, because of this problem with the file."""
        if str(trouble) != str(self.file_trouble):
            _log_trouble(trouble)
        self.file_trouble = trouble
        self.current.report(ServiceChanged())

    async def _run_engine(self) -> None:
        if self._runner.has_failed:
            await self.start_again()
        await self._runner.run()

    async def _look_at_file(self) -> None:
        for number in itertools.count(1):
            await self._hangup.wait(self._network_clock.now() + LOOK)
            if self._history_trouble is not None and number % KEPT_AGAIN == 0:
                await self._keep_version()
            if self._is_to_look or self.file.stamp() != self._stamp:
                self._is_to_look = False
                try:
                    await self.reread()
                except Exception:
                    self._is_to_look = True
                    raise

    async def _keep_version(self) -> None:
        """Save the settings in force to the history if that failed before."""
        async with self._lock:
            if self._in_force is None:
                return
            text = self._in_force.text
            newest = self.versions[0] if self.versions and self.versions[0].text == text else None
            try:
                kept = await self._history.versions()
                before = kept[0].text if kept else ""
                if before != text:
                    action, returns_to = (newest.action, newest.returns_to) if newest else ("edited by hand", None)
                    changed = differences(before, text)
                    await self._history.add(self._clock.now(), None, action, changed, text, None, returns_to)
            except StoreFailure as failure:
                self._history_trouble = VersionsNotKept(str(failure))
                return
            self._history_trouble = None
            await self._versions_changed()

    async def _undo_what_nobody_confirms(self) -> None:
        not_before = self._clock.now()
        while True:
            version = self.unconfirmed
            if version is None or version.confirm_until is None:
                await self._alarm.wait(None)
            elif self._clock.now() < max(version.confirm_until, not_before):
                await self._alarm.wait(max(version.confirm_until, not_before))
            else:
                not_before = self._clock.now() + AGAIN
                await self._undo(version)

    async def _undo(self, version: Version) -> None:
        async with self._lock:
            if self.unconfirmed != version:
                return
            try:
                # Not the last settings in force: where the file was broken by hand meanwhile, that is this change.
                plan = await self._take_back(self.versions[1])
            except Failure as failure:
                logger.warning("the settings cannot be rolled back: %s. %s", failure, failure.remedy)
            else:
                self.current.report(SettingsRolledBack(tuple(each.key for each in plan.differences)))

    def _at_next_start(self) -> list[str]:
        if self._in_force is None:
            return []
        wanted, given = self._in_force.settings.engine, self._started_with
        names = ("state_dir", "socket", "socket_group", "metrics_port")
        return [f"engine.{name}" for name in names if getattr(wanted, name) != getattr(given, name)]


def _log_trouble(trouble: Failure) -> None:
    if not isinstance(trouble, SettingsInvalid):
        logger.warning("%s. %s", trouble, trouble.remedy)
        return
    logger.warning("%s: %s", trouble.meaning, trouble.source)
    for problem in trouble.problems:
        logger.warning("%s", problem)
    logger.warning("%s", trouble.remedy)
