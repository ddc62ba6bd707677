"""The settings of an engine that works alone: its file, and the history in its database."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta

from engine.core.clock import Clock
from engine.settings.editor import SettingValue, edited
from engine.settings.forms import differences
from engine.store.errors import StoreFailure, VersionsNotKept
from engine.store.settings_history import Author, Version, VersionStore
from engine.supervisor.errors import SettingsMissing, SettingsUnwritable
from engine.supervisor.plan import ActiveSettings, ApplyPlan
from engine.supervisor.settings_file import SettingsFile
from engine.supervisor.source import AuditedAs, Change
from engine.sync.scheduling import WakeableTimer

logger = logging.getLogger(__name__)

AGAIN = timedelta(minutes=1)
"""How long after a failed rollback of an unconfirmed change it is tried again."""


class OwnSettings:
    """Implements `SettingsSource`. `clock` is calendar time, by which a change has to be confirmed.

    A version is kept before its text is in the file: what cannot be rolled back to is not applied. What is in the file
    already, or has to be taken back, is applied even if the history cannot be written.
    """

    secrets = 0
    audits = False

    def __init__(self, file: SettingsFile, history: VersionStore, clock: Clock) -> None:
        self._file = file
        self._history = history
        self._clock = clock
        self._alarm = WakeableTimer(clock)
        self._not_before = clock.now()
        self._stamp: tuple[int, int, int] | None = None
        self.text = ""
        self.versions: tuple[Version, ...] = ()
        self.trouble: VersionsNotKept | None = None

    @property
    def kept(self) -> str:
        """The text of the file."""
        return self.text

    async def begin(self) -> None:
        """Load the versions. Must be called first."""
        try:
            self.versions = await self._history.versions()
        except StoreFailure as failure:
            self.trouble = VersionsNotKept(str(failure))
        self._not_before = self._clock.now()

    async def has_changed(self) -> bool:
        """Return whether the file is another one than was read last."""
        return self._file.stamp() != self._stamp

    async def read(self) -> None:
        """Read the file. Raises `SettingsMissing` or `SettingsUnreadable`."""
        self._stamp = self._file.stamp()
        try:
            self.text = await asyncio.to_thread(self._file.read)
        except SettingsMissing:
            self.text = ""
            raise

    async def parsed(self, kept: str) -> ActiveSettings:
        """Return the settings of a text. Raises `SettingsInvalid`."""
        return ActiveSettings(kept, await asyncio.to_thread(self._file.settings, kept), kept)

    async def edited(self, changes: Mapping[str, SettingValue | None]) -> str:
        """Return the text of the file with these changes. Raises `SettingsNotEditable`."""
        return await asyncio.to_thread(edited, self.text, changes)

    async def noticed(self, plan: ApplyPlan, action: str) -> str | None:
        """Keep what is in the file as a version, if it is none yet; return the action then."""
        if self.versions and self.versions[0].text == plan.goal.kept:
            return None
        try:
            await self._add(plan, Change(author=None, action=action))
        except StoreFailure as failure:
            self._note_not_kept(failure)
            return None
        self.trouble = None
        await self._load()
        return action

    async def put(self, plan: ApplyPlan, change: Change) -> None:
        """Replace the file, after the version is kept. Raises `SettingsUnwritable` and what the history does."""
        number = await self._add(plan, change)
        try:
            await asyncio.to_thread(self._file.write, plan.goal.kept)
        except SettingsUnwritable:
            await self._history.remove(number)
            raise
        self.text, self._stamp = plan.goal.kept, self._file.stamp()
        await self._load()

    async def take_back(self, plan: ApplyPlan, change: Change) -> None:
        """Replace the file even if the history cannot be written: an unconfirmed change may have broken everything."""
        try:
            await self.put(plan, change)
        except StoreFailure as failure:
            text = plan.goal.kept
            await asyncio.to_thread(self._file.write, text)
            self.text, self._stamp = text, self._file.stamp()
            taken_back = Version(
                id=self.versions[0].id + 1,
                at=self._clock.now(),
                author=None,
                action=change.action,
                differences=plan.differences,
                text=text,
                confirm_until=None,
                returns_to=change.returns_to,
            )
            self.versions = (taken_back, *self.versions)
            self._note_not_kept(failure)

    async def confirm(self, version: Version, author: Author, audited_as: AuditedAs) -> None:
        """Note that a change is confirmed."""
        await self._history.confirm(version.id)
        await self._load()

    async def accept(self) -> bool:
        """Return that there is no doubt: settings never go back by themselves here."""
        return False

    async def in_force(self) -> None:
        """Note nothing: nobody else has to know."""

    async def behind(self) -> tuple[str, ...]:
        """Return no other engine."""
        return ()

    async def keep_again(self, in_force: ActiveSettings) -> None:
        """Keep the version in force if that could not be kept before."""
        if self.trouble is None:
            return
        text = in_force.kept
        newest = self.versions[0] if self.versions and self.versions[0].text == text else None
        try:
            kept = await self._history.versions()
            before = kept[0].text if kept else ""
            if before != text:
                action, returns_to = (newest.action, newest.returns_to) if newest else ("edited by hand", None)
                changed = differences(before, text)
                await self._history.add(self._clock.now(), None, action, changed, text, None, returns_to)
        except StoreFailure as failure:
            self.trouble = VersionsNotKept(str(failure))
            return
        self.trouble = None
        await self._load()

    async def overdue(self) -> Version:
        """Return the version in force when the time to confirm it is over; the same one again after a pause."""
        while True:
            version = self.versions[0] if self.versions else None
            if version is None or version.confirm_until is None:
                await self._alarm.wait(None)
            elif self._clock.now() < max(version.confirm_until, self._not_before):
                await self._alarm.wait(max(version.confirm_until, self._not_before))
            else:
                self._not_before = self._clock.now() + AGAIN
                return version

    async def _add(self, plan: ApplyPlan, change: Change) -> int:
        at, text = self._clock.now(), plan.goal.kept
        until = None if change.within is None else at + timedelta(seconds=change.within)
        return await self._history.add(
            at, change.author, change.action, plan.differences, text, until, change.returns_to
        )

    async def _load(self) -> None:
        try:
            self.versions = await self._history.versions()
        except StoreFailure as failure:
            self._note_not_kept(failure)
        self._alarm.wake()

    def _note_not_kept(self, failure: StoreFailure) -> None:
        self.trouble = VersionsNotKept(str(failure))
        logger.warning("%s. %s", self.trouble, self.trouble.remedy)
