"""The one set-up that is under way: its state machine, kept on disk, and what was entered in secret, kept in memory."""

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
from engine.settings.editor import Value, edited
from engine.settings.forms import Difference, catalogue, differences
from engine.settings.model import Settings
from engine.settings.problems import Problem
from engine.setup.flow import Flow, answered, checked, gone_to, problems, tried
from engine.setup.steps import Step, Values, step_named
from engine.store.secret_sources import SecretSources
from engine.store.settings_history import Author
from engine.supervisor.plan import Plan
from engine.supervisor.supervisor import Service


class SetupNotKept(Failure):
    """The answers of a set-up cannot be written down."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The answers of the set-up cannot be kept"
    remedy = "Let the engine's account write into its state directory (engine.state_dir), and see that there is space."


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is on disk: the flow, and the text of the settings file that it began with."""

    flow: Flow
    begun_with: str


class SetupSession:
    """Every change is in the file at `path` before it is answered, or raises `SetupNotKept`.

    `zone` is the time zone of the site, None where it has to be asked for. Whatever looks at secrets may raise a
    failure of theirs.
    """

    def __init__(self, service: Service, secrets: SecretSources, path: Path, zone: ZoneInfo | None) -> None:
        self._service = service
        self._secrets = secrets
        self._path = path
        self._zone = zone
        self._entered: dict[str, Secret] = {}
        self._kept = _read(path)

    @property
    def flow(self) -> Flow | None:
        """Where the set-up stands, None while none is under way."""
        return self._kept.flow if self._kept else None

    @property
    def values(self) -> Values:
        """All values as they are answered, or else the defaults."""
        return {} if self.flow is None else {each.key: each.value for each in catalogue(self.flow.text, self._zone)}

    @property
    def new_secrets(self) -> tuple[str, ...]:
        """The names of what was entered in secret."""
        return tuple(self._entered)

    async def begin(self) -> Flow:
        """Begin anew with the settings in force."""
        self._entered.clear()
        text = self._service.text
        return await self._keep(Kept(flow=Flow(text=text), begun_with=text))

    async def answer(
        self, changes: Mapping[str, Value | None], secrets: Mapping[str, str], user: str | None, step: str | None
    ) -> Flow:
        """Take answers in, and go to a step. Raises KeyError where there is no such step, `SettingsNotEditable`."""
        kept = self._under_way()
        flow = answered(kept.flow, self.values, changes, secrets=secrets, user=user)
        if step is not None:
            flow = gone_to(flow, step)
        self._entered |= {name: Secret(value) for name, value in secrets.items()}
        return await self._keep(replace(kept, flow=flow))

    async def note_check(self, step: str, *, well: bool) -> None:
        """Take down how a check went, unless the set-up has ended meanwhile."""
        if self._kept is not None:
            await self._keep(replace(self._kept, flow=checked(self._kept.flow, step, well=well)))

    async def problems(self) -> tuple[Problem, ...]:
        """Return everything that is missing or wrong."""
        found = problems(self._under_way().flow, self.values, await self.secrets(), self._service.file.settings)
        return (*found, *(await self._without_effect()))

    def changes(self) -> tuple[Difference, ...]:
        """Return what applying would change in the settings as they are now, whoever changed them meanwhile."""
        return differences(self._service.text, self._text())

    def tried(self, step: Step) -> Settings:
        """Return the settings that the check of a step tries. Raises `SettingsInvalid`."""
        return self._service.file.settings(tried(self._under_way().flow.text, self.values, step))

    async def secrets(self) -> dict[str, Secret]:
        """Return all secrets by name, those entered first."""
        return {**await self._secrets.known(), **self._entered}

    async def apply(self, author: Author) -> Plan | None:
        """Put everything into force and end the set-up; return what was done, None where only secrets have changed.

        Raises what `Service.change` does; then the set-up goes on.
        """
        changes = {each.key: each.after for each in self.changes()}
        new = await self._new_secrets()
        if new:
            await self._secrets.put(new)
        plan = await self._service.change(changes, "*", author) if changes else await self._service.begin_anew()
        self._entered.clear()
        self._kept = None
        await asyncio.to_thread(self._path.unlink, missing_ok=True)
        return plan

    async def _new_secrets(self) -> dict[str, Secret]:
        """Return what was entered and is not known already."""
        known = await self._secrets.known()
        return {
            name: value
            for name, value in self._entered.items()
            if name not in known or known[name].reveal() != value.reveal()
        }

    async def _without_effect(self) -> tuple[Problem, ...]:
        """What is given to the engine from outside stands before anything that is stored."""
        places = {origin.name: origin.place for origin in await self._secrets.origins()}
        return tuple(
            Problem(
                name,
                None,
                f"is given to the engine in the {places[name]}, which stands before what is entered here",
                "Change it there, or take it out there and restart the engine.",
            )
            for name in await self._new_secrets()
            if places[name] in ("environment", "secrets file")
        )

    def _text(self) -> str:
        kept = self._under_way()
        answers = {each.key: each.after for each in differences(kept.begun_with, kept.flow.text)}
        return edited(self._service.text, answers)

    def _under_way(self) -> Kept:
        if self._kept is None:
            raise LookupError("no set-up is under way")
        return self._kept

    async def _keep(self, kept: Kept) -> Flow:
        self._kept = kept
        await asyncio.to_thread(_write, self._path, kept)
        return kept.flow


def _read(path: Path) -> Kept | None:
    """What cannot be understood, say of another version, is begun anew."""
    try:
        kept = bounded.json(path.read_bytes(), Kept)
        step_named(kept.flow.step)
    except (OSError, bounded.NotReadable, KeyError):
        return None
    return kept


def _write(path: Path, kept: Kept) -> None:
    new = path.with_name(f".{path.name}.new")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as stream:
            stream.write(msgspec.json.encode(kept))
        new.replace(path)
    except OSError as error:
        raise SetupNotKept(f"{path}: {error.strerror}") from error
