"""The settings that several engines share: the keys of this machine from its file, all others from the database."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.settings.editor import SettingValue, edited
from engine.settings.local_keys import check_local_file, combined, is_local
from engine.settings.problems import InvalidSetting, SettingsInvalid
from engine.store.audit import AuditRecord
from engine.store.errors import SettingsChangedElsewhere, SharedDatabaseFailure
from engine.store.settings_history import Author, Version
from engine.store.shared_history import SharedLook, SharedVersionStore
from engine.supervisor.errors import NothingToConfirm, SettingsMissing, SettingsStale, SettingsWentBack
from engine.supervisor.last_read import LastRead
from engine.supervisor.plan import ActiveSettings, ApplyPlan
from engine.supervisor.settings_file import SettingsFile, tag_of
from engine.supervisor.source import AuditedAs, Change

logger = logging.getLogger(__name__)

ASKED, PAUSE = 10, timedelta(seconds=0.1)
"""How often the other engines are asked whether they have followed, and for how long to wait then: a second in all."""


class SharedSettings:
    """Implements `SettingsSource`. `term` returns this engine's membership, "" while it has none.

    `copy` is a file with the shared text that was read last, for a start while the database is away: it can be read and
    shown then, and nothing can be changed. `network_clock` times how long the other engines are waited for; what has to
    be confirmed until when is told by the clock of the database. `enforced` is the version in force at this engine.
    """

    audits = True

    def __init__(
        self,
        file: SettingsFile,
        copy: Path,
        history: SharedVersionStore,
        term: Callable[[], str],
        *,
        network_clock: Clock,
    ) -> None:
        self._file = file
        self._copy = LastRead(copy)
        self._history = history
        self._term = term
        self._network_clock = network_clock
        self._stamp: tuple[int, int, int] | None = None
        self._local = ""
        self._look: SharedLook | None = None
        self._newer = False
        self._found_overdue = asyncio.Event()
        self._read: tuple[int, datetime | None] | None = None
        self._told = 0
        self._reported = ("", 0)
        self.enforced = 0
        self.text = ""
        self.kept = ""
        self.versions: tuple[Version, ...] = ()
        self._away: SharedDatabaseFailure | None = None

    @property
    def trouble(self) -> Failure | None:
        """Why the settings cannot be read or changed at the moment, or are older than they were."""
        if self._away is None and self._newer:
            return SettingsWentBack(f"{self._copy.newer} has the newer ones")
        return self._away

    @property
    def secrets(self) -> int:
        """How often the secrets had been changed when the database was asked last."""
        return 0 if self._look is None else self._look.secrets

    async def begin(self) -> None:
        """Load nothing: what is there is read."""

    async def has_changed(self) -> bool:
        """Return whether this machine's file or the version in force is another one than was read last, or whether that
        was confirmed since."""
        is_edited = self._file.stamp() != self._stamp
        try:
            look = await self._history.look()
        except SharedDatabaseFailure as failure:
            self._note_away(failure)
            return is_edited
        self._note_look(look)
        await self._report()
        return is_edited or (look.version, look.confirm_until) != self._read

    async def read(self) -> None:
        """Read this machine's file, and what is in force for all.

        Raises `SettingsMissing`, `SettingsUnreadable`, or without the database and without a copy the reason for that.
        """
        self._stamp = self._file.stamp()
        self._local = await asyncio.to_thread(self._file.read)
        try:
            look, self.versions = await self._history.read()
        except SharedDatabaseFailure as failure:
            self._note_away(failure)
            if not self.kept:
                _, self.kept = await asyncio.to_thread(self._copy.read)
            if not self.kept:
                raise
        else:
            self._note_look(look)
            self._read = (look.version, look.confirm_until)
            self.kept = self.versions[0].text if self.versions else ""
            self._newer = await asyncio.to_thread(self._copy.compare, self.versions)
        self.text = await asyncio.to_thread(combined, self._local, self.kept)
        if not self.kept:
            raise SettingsMissing("in the shared database").in_words(
                "Nothing is set up yet: the engines that share the database have no settings",
                "Set them up with calendar-engine setup, at any of them.",
            )

    async def parsed(self, kept: str) -> ActiveSettings:
        """Return the settings that a text makes together with this machine's file. Raises `SettingsInvalid`."""
        return await asyncio.to_thread(self._parsed, kept)

    async def edited(self, changes: Mapping[str, SettingValue | None]) -> str:
        """Return the shared text with these changes. Raises `SettingsNotEditable`, and `SettingsInvalid` if a key is
        not shared."""
        local = [key for key in changes if is_local(key)]
        if local:
            remedy = f"Set it in {self._file.path} there, which the engine reads by itself."
            problems = (InvalidSetting(key, None, "belongs to one machine alone", remedy) for key in local)
            raise SettingsInvalid("the shared settings", tuple(problems))
        return await asyncio.to_thread(edited, self.kept, changes)

    async def noticed(self, plan: ApplyPlan, action: str) -> str | None:
        """Keep nothing: what is read is a version already, but for this machine's file, which is kept nowhere else.

        Return what has been done, in words.
        """
        newest = self.versions[0] if self.versions else None
        if newest is None or newest.id == self._told:
            return action
        self._told = newest.id
        return f"{newest.action}, at {newest.node}"

    async def put(self, plan: ApplyPlan, change: Change) -> None:
        """Put new settings in force for all engines, with the record of it.

        Raises `SettingsStale` if another engine was faster, or a `SharedDatabaseFailure`.
        """
        await self._put(plan, change)

    async def take_back(self, plan: ApplyPlan, change: Change) -> None:
        """Put the settings from before a change in force again, if that is still to be confirmed and its time is over.

        Raises what `put` does.
        """
        await self._put(plan, change, only_overdue=True)

    async def confirm(self, version: Version, author: Author, audited_as: AuditedAs) -> None:
        """Note that a change is confirmed. Raises `NothingToConfirm`, or a `SharedDatabaseFailure`."""
        record = AuditRecord(self._now(), author, audited_as.action, audited_as.subject)
        try:
            await self._history.confirm(version.id, (record,))
        except SettingsChangedElsewhere as failure:
            raise NothingToConfirm(str(failure)) from failure
        self.versions = (replace(version, confirm_until=None), *self.versions[1:])
        self._read = (version.id, None)

    async def accept(self) -> bool:
        """Note that settings which are older than they were are right; return whether there was such a doubt."""
        was_in_doubt, self._newer = self._newer, False
        await asyncio.to_thread(self._copy.forget_newer)
        return was_in_doubt

    async def in_force(self) -> None:
        """Tell the other engines that what was read or kept last is in force here."""
        self.enforced = self.versions[0].id if self.versions else 0
        await self._report()

    async def behind(self) -> tuple[str, ...]:
        """Return at which other engines this version is not in force; they have a second to follow."""
        behind: tuple[str, ...] = ()
        try:
            for _ in range(ASKED):
                behind = await self._history.behind(self.enforced)
                if not behind:
                    break
                await self._network_clock.sleep_until(self._network_clock.now() + PAUSE)
        except SharedDatabaseFailure as failure:
            self._note_away(failure)
        return behind

    async def keep_again(self, in_force: ActiveSettings) -> None:
        """Keep nothing: what could not be kept did not come into force."""

    async def overdue(self) -> Version:
        """Return the version in force when a look has found that the time to confirm it is over."""
        while True:
            await self._found_overdue.wait()
            self._found_overdue.clear()
            if self.versions:
                return self.versions[0]

    def _parsed(self, kept: str) -> ActiveSettings:
        check_local_file(self._local, str(self._file.path))
        text = combined(self._local, kept)
        try:
            return ActiveSettings(text, self._file.settings(text), kept)
        except SettingsInvalid as invalid:  # the lines are those of a text that nobody has written
            problems = tuple(replace(each, line=None) for each in invalid.problems)
            raise SettingsInvalid("the shared settings", problems) from None

    async def _put(self, plan: ApplyPlan, change: Change, *, only_overdue: bool = False) -> None:
        now = self._now()
        version = Version(
            id=0,
            at=now,
            author=change.author,
            action=change.action,
            differences=plan.differences,
            text=plan.goal.kept,
            confirm_until=None if change.within is None else now + timedelta(seconds=change.within),
            returns_to=change.returns_to,
        )
        try:
            number = await self._history.add(
                version.at,
                version.author,
                version.action,
                version.differences,
                version.text,
                version.confirm_until,
                version.returns_to,
                _records(plan, change, now),
                only_overdue=only_overdue,
            )
        except SettingsChangedElsewhere as failure:
            raise SettingsStale(f"{failure}; their ETag was {tag_of(self.kept)}") from failure
        self.versions = (replace(version, id=number, node=self._history.node), *self.versions)
        self.kept, self.text = plan.goal.kept, plan.goal.text
        self._read, self._told = (number, version.confirm_until), number
        await asyncio.to_thread(self._copy.write, number, self.kept)

    async def _report(self) -> None:
        """Tell which version is in force here, unless that was told already; a later look does what fails now."""
        told = self._term(), self.enforced
        if told == self._reported or not all(told):
            return
        try:
            await self._history.report(*told)
        except SharedDatabaseFailure as failure:
            self._note_away(failure)
        else:
            self._reported = told

    def _now(self) -> datetime:
        """Return the time of the database when it was asked last: each change is made of what was just read."""
        if self._look is None:
            raise self._away or SettingsMissing("the database was not asked yet")
        return self._look.now

    def _note_look(self, look: SharedLook) -> None:
        self._look = look
        if self._away is not None:
            logger.info("the shared settings can be read again")
            self._away = None
        if look.is_overdue:
            self._found_overdue.set()

    def _note_away(self, failure: SharedDatabaseFailure) -> None:
        if self._away is None:
            logger.warning("the shared settings cannot be read: %s. %s", failure, failure.remedy)
        self._away = failure


def _records(plan: ApplyPlan, change: Change, now: datetime) -> tuple[AuditRecord, ...]:
    if change.audited_as is None or change.author is None:
        return ()
    return (AuditRecord(now, change.author, change.audited_as.action, change.audited_as.subject_of(plan)),)
