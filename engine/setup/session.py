"""The set-up in progress: its state machine, kept on disk, and the secrets entered, kept in memory."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from engine.core import bounded
from engine.core.errors import Failure, Fault, Scope
from engine.core.secret import Secret
from engine.settings.editor import SettingValue, edited
from engine.settings.forms import SettingDifference, differences, setting_forms
from engine.settings.model import SiteSettings
from engine.settings.problems import InvalidSetting
from engine.setup.flow import Flow, answered, checked, gone_to, problems, tried
from engine.setup.steps import SetupStepForm, Values, step_named
from engine.store.secret_sources import SecretSources
from engine.store.settings_history import Author
from engine.supervisor.plan import ApplyPlan
from engine.supervisor.supervisor import Supervisor


class SetupNotKept(Failure):
    """The answers of a set-up cannot be saved."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The answers of the set-up cannot be saved"
    remedy = "Give the engine's account write access to engine.state_dir, and free disk space if needed."


class SavedSetup(msgspec.Struct, frozen=True, kw_only=True):
    """The state on disk: the flow, and the text of the settings file that it started with."""

    flow: Flow
    begun_with: str


class SetupSession:
    """The set-up in progress; every change is saved to `path` before it returns, or raises `SetupNotKept`.

    `zone` is the time zone of the site, None if it has to be asked for. Methods that read secrets may raise the
    failures of the secret store.
    """

    def __init__(self, service: Supervisor, secrets: SecretSources, path: Path, zone: ZoneInfo | None) -> None:
        self._service = service
        self._secrets = secrets
        self._path = path
        self._zone = zone
        self._entered: dict[str, Secret] = {}
        self._kept = _read(path)

    @property
    def flow(self) -> Flow | None:
        """The state of the set-up, None while none is in progress."""
        return self._kept.flow if self._kept else None

    @property
    def values(self) -> Values:
        """All values: the answers, or the defaults."""
        return {} if self.flow is None else {each.key: each.value for each in setting_forms(self.flow.text, self._zone)}

    @property
    def new_secrets(self) -> tuple[str, ...]:
        """The names of the secrets entered."""
        return tuple(self._entered)

    async def begin(self) -> Flow:
        """Start over from the settings in force."""
        self._entered.clear()
        text = self._service.text
        return await self._keep(SavedSetup(flow=Flow(text=text), begun_with=text))

    async def answer(
        self, changes: Mapping[str, SettingValue | None], secrets: Mapping[str, str], user: str | None, step: str | None
    ) -> Flow:
        """Store answers and go to a step. Raises KeyError for an unknown step, and `SettingsNotEditable`."""
        kept = self._under_way()
        flow = answered(kept.flow, self.values, changes, secrets=secrets, user=user)
        if step is not None:
            flow = gone_to(flow, step)
        self._entered |= {name: Secret(value) for name, value in secrets.items()}
        return await self._keep(replace(kept, flow=flow))

    async def note_check(self, step: str, *, well: bool) -> None:
        """Record the result of a check, unless the set-up has ended in the meantime."""
        if self._kept is not None:
            await self._keep(replace(self._kept, flow=checked(self._kept.flow, step, well=well)))

    async def problems(self) -> tuple[InvalidSetting, ...]:
        """Return all missing or invalid answers."""
        found = problems(self._under_way().flow, self.values, await self.secrets(), self._service.file.settings)
        return (*found, *(await self._without_effect()))

    def changes(self) -> tuple[SettingDifference, ...]:
        """Return the changes that applying would make to the settings as they are now."""
        return differences(self._service.text, self._text())

    def tried(self, step: SetupStepForm) -> SiteSettings:
        """Return the settings to check a step with. Raises `SettingsInvalid`."""
        return self._service.file.settings(tried(self._under_way().flow.text, self.values, step))

    async def secrets(self) -> dict[str, Secret]:
        """Return all secrets by name; those entered override stored ones."""
        return {**await self._secrets.known(), **self._entered}

    async def apply(self, author: Author) -> ApplyPlan | None:
        """Apply everything and end the set-up; return the plan carried out, None if only secrets changed.

        Raises what `Supervisor.change` does; the set-up stays in progress then.
        """
        changes = {each.key: each.after for each in self.changes()}
        new = await self._new_secrets()
        if new:
            await self._secrets.put(new)
        plan = await self._service.change(changes, "*", author) if changes else await self._service.start_again()
        self._entered.clear()
        self._kept = None
        await asyncio.to_thread(self._path.unlink, missing_ok=True)
        return plan

    async def _new_secrets(self) -> dict[str, Secret]:
        """Return the secrets that were entered and differ from the stored ones."""
        known = await self._secrets.known()
        return {
            name: value
            for name, value in self._entered.items()
            if name not in known or known[name].reveal() != value.reveal()
        }

    async def _without_effect(self) -> tuple[InvalidSetting, ...]:
        """Return a problem per entered secret that the engine also gets from outside, which overrides stored ones."""
        places = {origin.name: origin.place for origin in await self._secrets.origins()}
        return tuple(
            InvalidSetting(
                name,
                None,
                f"is given to the engine in the {places[name]}, which overrides what is entered here",
                "Change it there, or remove it there and restart the engine.",
            )
            for name in await self._new_secrets()
            if places[name] in ("environment", "secrets file")
        )

    def _text(self) -> str:
        kept = self._under_way()
        answers = {each.key: each.after for each in differences(kept.begun_with, kept.flow.text)}
        return edited(self._service.text, answers)

    def _under_way(self) -> SavedSetup:
        if self._kept is None:
            raise LookupError("no set-up is in progress")
        return self._kept

    async def _keep(self, kept: SavedSetup) -> Flow:
        self._kept = kept
        await asyncio.to_thread(_write, self._path, kept)
        return kept.flow


def _read(path: Path) -> SavedSetup | None:
    """Return the saved state, None if it is unreadable, for instance from another version: then start over."""
    try:
        kept = bounded.json(path.read_bytes(), SavedSetup)
        step_named(kept.flow.step)
    except (OSError, bounded.NotReadable, KeyError):
        return None
    return kept


def _write(path: Path, kept: SavedSetup) -> None:
    new = path.with_name(f".{path.name}.new")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as stream:
            stream.write(msgspec.json.encode(kept))
        new.replace(path)
    except OSError as error:
        raise SetupNotKept(f"{path}: {error.strerror}") from error
