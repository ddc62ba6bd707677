"""What engines know of the settings that they share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.settings.forms import SettingDifference
from engine.store.audit import AuditRecord
from engine.store.settings_history import Author, Version, VersionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLook:
    """What several engines share of the settings, as one of them found it: the number of the version in force (0: there
    is none yet), until when that has to be confirmed, whether this time is over, and how often the secrets were changed
    so far. `now` is the database's time."""

    version: int
    confirm_until: datetime | None
    is_overdue: bool
    secrets: int
    now: datetime


class SharedVersionStore(VersionStore, Protocol):
    """Keeps the versions of the settings of several engines, of which one is in force for all."""

    @property
    def node(self) -> str:
        """The name of this engine."""
        ...

    async def look(self) -> SharedLook:
        """Return what is in force now."""
        ...

    async def read(self) -> tuple[SharedLook, tuple[Version, ...]]:
        """Return what is in force, with the latest versions up to it. Changes are made of what was read last."""
        ...

    async def add(
        self,
        at: datetime,
        author: Author | None,
        action: str,
        differences: tuple[SettingDifference, ...],
        text: str,
        confirm_until: datetime | None,
        returns_to: int | None = None,
        audit: Sequence[AuditRecord] = (),
        *,
        only_overdue: bool = False,
    ) -> int:
        """Put a version in force, with the records that tell of it, and return its number.

        Raises `SettingsChangedElsewhere` if another version is in force than was read last; with `only_overdue` also if
        that was confirmed, or may be still.
        """
        ...

    async def confirm(self, version: int, audit: Sequence[AuditRecord] = ()) -> None:
        """Mark a version as confirmed, with the records that tell of it.

        Raises `SettingsChangedElsewhere` if it is not in force any more, or confirmed already.
        """
        ...

    async def report(self, term: str, version: int) -> None:
        """Tell the others what version is in force at this engine, whose membership is `term`."""
        ...

    async def behind(self, version: int) -> tuple[str, ...]:
        """Return the names of the engines at which this version is not in force yet."""
        ...
