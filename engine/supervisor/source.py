"""Where the settings of an engine come from: what the supervisor needs of them, wherever they are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from engine.core.errors import Failure
from engine.settings.editor import SettingValue
from engine.store.settings_history import Author, Version
from engine.supervisor.plan import ActiveSettings, ApplyPlan


@dataclass(frozen=True, slots=True)
class AuditedAs:
    """What the audit log says of a change: the name of the request, and its subject; without one, the keys changed."""

    action: str
    subject: str = ""

    def subject_of(self, plan: ApplyPlan) -> str:
        """Return the subject where this plan is carried out."""
        return self.subject or ", ".join(each.key for each in plan.differences) or "nothing else"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of the settings: by whom, None if the engine itself makes it, and what the history calls it.

    `within` are the seconds after which it is rolled back unless it is confirmed. `returns_to` is the version that it
    goes back to.
    """

    author: Author | None
    action: str
    within: float | None = None
    returns_to: int | None = None
    audited_as: AuditedAs | None = None


class SettingsSource(Protocol):
    """The settings, and the versions before them."""

    @property
    def text(self) -> str:
        """All that is set, as it was read last."""
        ...

    @property
    def kept(self) -> str:
        """What versions consist of: the same text, unless a part of the settings is kept elsewhere."""
        ...

    @property
    def versions(self) -> tuple[Version, ...]:
        """The latest versions, the newest first, which is in force unless something is amiss."""
        ...

    @property
    def trouble(self) -> Failure | None:
        """Why the settings cannot be read or kept at the moment, although there are some."""
        ...

    @property
    def secrets(self) -> int:
        """A number that changes when secrets were changed at any engine that shares them."""
        ...

    @property
    def audits(self) -> bool:
        """Whether what the audit log says of a change is stored with it."""
        ...

    async def begin(self) -> None:
        """Load what is there. Must be called first."""
        ...

    async def has_changed(self) -> bool:
        """Return whether there may be other settings than those that were read last."""
        ...

    async def read(self) -> None:
        """Read what the settings are now.

        Raises `SettingsMissing`, `SettingsUnreadable`, `SettingsInvalid` or the reason why there is nothing to be read.
        """
        ...

    async def parsed(self, kept: str) -> ActiveSettings:
        """Return the settings that this makes. Raises `SettingsInvalid`."""
        ...

    async def edited(self, changes: Mapping[str, SettingValue | None]) -> str:
        """Return what is kept with these changes. Raises `SettingsInvalid` and `SettingsNotEditable`."""
        ...

    async def noticed(self, plan: ApplyPlan, action: str) -> str | None:
        """Keep what was read as a version, if it is none yet; return what has been done in words, None if nothing."""
        ...

    async def put(self, plan: ApplyPlan, change: Change) -> None:
        """Keep new settings in place of those that were read last.

        Raises `SettingsStale` if there are others by now, and other failures; nothing has changed then.
        """
        ...

    async def take_back(self, plan: ApplyPlan, change: Change) -> None:
        """Keep the settings from before a change that nobody has confirmed. Raises what `put` does."""
        ...

    async def confirm(self, version: Version, author: Author, audited_as: AuditedAs) -> None:
        """Note that a change is confirmed. Raises `NothingToConfirm`."""
        ...

    async def accept(self) -> bool:
        """Note that settings which have gone back by themselves are right; return whether there was such a doubt."""
        ...

    async def in_force(self) -> None:
        """Note that what was read or kept last is in force here."""
        ...

    async def behind(self) -> tuple[str, ...]:
        """Return at which other engines that is not in force, after a moment for them to follow."""
        ...

    async def keep_again(self, in_force: ActiveSettings) -> None:
        """Try again what could not be kept."""
        ...

    async def overdue(self) -> Version:
        """Return the version in force when the time to confirm it is over."""
        ...
