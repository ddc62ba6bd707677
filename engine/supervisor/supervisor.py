"""Keeps an engine running with the settings and secrets in force, and applies every change to them."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from random import SystemRandom

from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.core.internal_errors import InternalErrorLog
from engine.settings.editor import SettingValue
from engine.settings.forms import differences
from engine.settings.keys import Effect, effect_of
from engine.settings.model import ClusterSettings, EngineSettings, SiteSettings
from engine.settings.problems import SettingsInvalid
from engine.store.errors import SharedDatabaseFailure, StoreFailure
from engine.store.secrets import Secrets, needed_secrets
from engine.store.settings_history import Author, Version
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
    VersionUnknown,
)
from engine.supervisor.plan import ActiveSettings, ApplyPlan, Assemble, LoadSecrets, Planner, version_to_go_back_to
from engine.supervisor.settings_file import SettingsFile, tag_of
from engine.supervisor.source import AuditedAs, Change, SettingsSource
from engine.sync.events import ServiceChanged, SettingsRolledBack
from engine.sync.scheduling import WakeableTimer
from engine.sync.status import EngineStatus
from engine.sync.task_supervisor import TaskSupervisor

logger = logging.getLogger(__name__)

LOOK = timedelta(seconds=3)
"""Pause between two looks whether the settings were changed elsewhere: in the file, or at another engine."""

KEPT_AGAIN = 10
"""Number of these looks after which saving a version that could not be saved is retried."""

WATCHING = "watching the settings file"


class Supervisor:
    """Owns the settings and the engine; applies one change at a time.

    `source` is where the settings are kept; `file` is that of this machine. `clock` is calendar time; `network_clock`
    times how often the settings are looked at. What is in the file for the next start stays as in `started_with` and
    `cluster` until then.
    """

    def __init__(
        self,
        file: SettingsFile,
        source: SettingsSource,
        load_secrets: LoadSecrets,
        assemble: Assemble,
        *,
        network_clock: Clock,
        started_with: EngineSettings,
        cluster: ClusterSettings | None = None,
        also_of_concern: Callable[[], Collection[Failure]] = tuple,
    ) -> None:
        self.file = file
        internal_errors = InternalErrorLog(logger, network_clock)
        self.current = CurrentEngine(self._completed, internal_errors)
        self._source = source
        self._planner = Planner(load_secrets, assemble)
        self._network_clock = network_clock
        self._started_with = started_with
        self._cluster = cluster or ClusterSettings()
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
        self._hangup = WakeableTimer(network_clock)
        self._is_to_look = False
        self._in_force: ActiveSettings | None = None
        self._secrets: Secrets | None = None
        self._secrets_seen = 0
        self.file_trouble: Failure | None = None
        self._engine_trouble: Failure | None = None
        self._also_of_concern = also_of_concern

    async def begin(self) -> None:
        """Read the settings. Must be called first."""
        await self._source.begin()
        self._secrets_seen = self._source.secrets
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
    def text(self) -> str:
        """The text that says all settings, which may not be valid."""
        return self._source.text

    @property
    def versions(self) -> tuple[Version, ...]:
        """The latest versions, the newest first."""
        return self._source.versions

    @property
    def audits(self) -> bool:
        """Whether what the audit log says of a change is stored with it, if it is told to `change` and the like."""
        return self._source.audits

    @property
    def tag(self) -> str:
        """The ETag of the settings."""
        return tag_of(self._source.kept)

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
        also = self._also_of_concern()
        is_said = any(isinstance(each, SharedDatabaseFailure) for each in also)
        found += [None if is_said and isinstance(self._source.trouble, SharedDatabaseFailure) else self._source.trouble]
        found += also
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
        """Schedule a re-read of the settings, whether or not they look changed."""
        self._is_to_look = True
        self.wake()

    def wake(self) -> None:
        """Look now whether the settings have changed, or the secrets that other engines change."""
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
        self,
        changes: Mapping[str, SettingValue | None],
        tag: str,
        author: Author,
        confirm_within: float | None = None,
        audited_as: AuditedAs | None = None,
    ) -> ApplyPlan:
        """Write new values, apply them, and return the plan that was carried out.

        Unless confirmed within `confirm_within` seconds it is rolled back. Raises `SettingsStale` if `tag` is neither
        that of the settings nor "*", `ChangeNotConfirmed` if the last change awaits confirmation, `VersionUnknown` if
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
            change = Change(author=author, action="change", within=confirm_within, audited_as=audited_as)
            is_made = await self._put(plan, change)
        return await self._told(plan, is_made=is_made)

    async def roll_back(
        self, number: int | None, author: Author | None, audited_as: AuditedAs | None = None
    ) -> ApplyPlan:
        """Roll back to version `number`, or to the one before that in force; return the plan that was carried out.

        Raises `VersionUnknown`, without a number `NothingToGoBackTo`, and what `check` raises.
        """
        async with self._lock:
            await self._reread()
            goal = self._version(number)
            plan = await self._checked(goal.text)
            is_made = await self._put(plan, replace(_return_to(goal), author=author, audited_as=audited_as))
        return await self._told(plan, is_made=is_made)

    async def confirm(self, author: Author, audited_as: Callable[[Version], AuditedAs]) -> Version:
        """Confirm the last change, wherever it was made, or that the settings are right although they have gone back by
        themselves. Raises `NothingToConfirm`."""
        async with self._lock:
            if self.unconfirmed is None and await self._source.has_changed():
                await self._reread()
            version = self.unconfirmed
            if version is not None:
                await self._source.confirm(version, author, audited_as(version))
            elif not await self._source.accept():
                raise NothingToConfirm
            self.current.report(ServiceChanged())
            return self.versions[0]

    async def _told(self, plan: ApplyPlan, *, is_made: bool) -> ApplyPlan:
        """Return the plan with the engines that have not followed yet."""
        return replace(plan, behind=await self._source.behind(), is_audited=is_made and self.audits)

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
        """Raises if the settings could not be read: unknown ones must not be overwritten."""
        if isinstance(self.file_trouble, SettingsUnreadable | StoreFailure):
            raise self.file_trouble
        return await self._source.edited(changes)

    async def _checked(self, kept: str) -> ApplyPlan:
        """A stopped engine may be configured piece by piece; a change must not stop a running one."""
        plan = await self._plan(await self._source.parsed(kept))
        if plan.trouble is not None and self.current.engine is not None:
            raise plan.trouble
        return plan

    async def _plan(self, goal: ActiveSettings, *, begin: bool = False) -> ApplyPlan:
        running = self._in_force if self.current.engine is not None and not begin else None
        before = self._in_force.text if self._in_force else self.text
        changed = await asyncio.to_thread(differences, before, goal.text)
        return await self._planner.plan(running, goal, changed)

    async def _put(self, plan: ApplyPlan, change: Change, *, taken_back: bool = False) -> bool:
        """Return whether anything was to be put in force."""
        if plan.goal.kept == self._source.kept and self.file_trouble is None:
            return False
        await (self._source.take_back if taken_back else self._source.put)(plan, change)
        self.file_trouble = None
        self._tell_version(plan, change.action)
        await self._enforce(plan)
        return True

    def _tell_version(self, plan: ApplyPlan, action: str) -> None:
        self.current.report(ServiceChanged())
        logger.info("settings: %s: %s", action, ", ".join(each.key for each in plan.differences) or "nothing else")

    async def _enforce(self, plan: ApplyPlan) -> None:
        self._in_force = plan.goal
        self._engine_trouble = plan.trouble
        if plan.engine is not None or plan.trouble is not None:
            self._regressions.start()
            await self._runner.replace(plan.engine)
            self._secrets = plan.secrets
        elif self.current.engine is not None:
            self.current.engine.adjust(plan.goal.settings)
        if plan.trouble is not None:
            logger.warning("%s. %s", plan.trouble, plan.trouble.remedy)
        await self._source.in_force()
        self.current.report(ServiceChanged())

    async def _reread(self) -> None:
        try:
            await self._source.read()
            if self._in_force is not None and self.text == self._in_force.text and self.file_trouble is None:
                await self._source.in_force()
                return
            goal = await self._source.parsed(self._source.kept)
        except (SettingsMissing, SettingsUnreadable, SettingsInvalid, SharedDatabaseFailure) as trouble:
            self._leave(trouble)
            return
        plan = await self._plan(goal)
        if plan.trouble is not None and self.current.engine is not None:
            self._leave(plan.trouble)
            return
        self.file_trouble = None
        action = "edited by hand" if self._in_force else "found"
        if done := await self._source.noticed(plan, action):
            self._tell_version(plan, done)
        await self._enforce(plan)

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
            if self._source.trouble is not None and number % KEPT_AGAIN == 0:
                await self._keep_again()
            known = self._source.trouble, self.versions
            if await self._source.has_changed() or self._is_to_look:
                self._is_to_look = False
                try:
                    await self.reread()
                except Exception:
                    self._is_to_look = True
                    raise
            if (self._source.trouble, self.versions) != known:
                self.current.report(ServiceChanged())
            await self._follow_secrets()

    async def _keep_again(self) -> None:
        async with self._lock:
            if self._in_force is not None:
                await self._source.keep_again(self._in_force)
        self.current.report(ServiceChanged())

    async def _follow_secrets(self) -> None:
        """Restart the engine with the secrets that another engine has changed, if the settings need them."""
        seen, in_force = self._source.secrets, self._in_force
        if seen == self._secrets_seen and not isinstance(self._engine_trouble, SharedDatabaseFailure):
            return
        try:
            if in_force and await self._planner.are_other_secrets(self._secrets, in_force.settings.exchange):
                await self.start_again()
        except StoreFailure:
            return  # the next look tries it again
        self._secrets_seen = seen

    async def _undo_what_nobody_confirms(self) -> None:
        while True:
            await self._undo(await self._source.overdue())

    async def _undo(self, version: Version) -> None:
        async with self._lock:
            if self.unconfirmed != version:
                return
            try:
                # Not the last settings in force: where the file was broken by hand meanwhile, that is this change.
                goal = self.versions[1]
                plan = await self._checked(goal.text)
                await self._put(plan, _return_to(goal), taken_back=True)
            except SettingsStale:
                pass  # another engine was faster
            except Failure as failure:
                logger.warning("the settings cannot be rolled back: %s. %s", failure, failure.remedy)
            else:
                self.current.report(SettingsRolledBack(tuple(each.key for each in plan.differences)))

    def _at_next_start(self) -> list[str]:
        if self._in_force is None:
            return []
        wanted = self._in_force.settings
        parts = (("engine", wanted.engine, self._started_with), ("cluster", wanted.cluster, self._cluster))
        return [
            f"{table}.{each.name}"
            for table, now, given in parts
            for each in fields(now)
            if effect_of(f"{table}.{each.name}") is Effect.NEXT_START
            and getattr(now, each.name) != getattr(given, each.name)
        ]


def _return_to(goal: Version) -> Change:
    return Change(author=None, action=f"rollback to {goal.id}", returns_to=goal.id)


def _log_trouble(trouble: Failure) -> None:
    if not isinstance(trouble, SettingsInvalid):
        logger.warning("%s. %s", trouble, trouble.remedy)
        return
    logger.warning("%s: %s", trouble.meaning, trouble.source)
    for problem in trouble.problems:
        logger.warning("%s", problem)
    logger.warning("%s", trouble.remedy)
