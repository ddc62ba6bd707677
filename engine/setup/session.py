"""The set-up in progress: its state machine, kept on disk, and the secrets typed, kept encrypted."""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from engine.core import bounded
from engine.core.clock import Clock
from engine.core.errors import Failure, Fault, Scope
from engine.core.secret import Secret
from engine.core.users import UserSelection
from engine.settings.editor import SettingValue, edited
from engine.settings.forms import SettingDifference, differences, setting_forms
from engine.settings.model import SiteSettings
from engine.settings.problems import InvalidSetting
from engine.setup.flow import Flow, answered, begun, checked, digest, gone_to, place_of, problems, tried
from engine.setup.pages import (
    DRY_RUN,
    EVERYBODY,
    FLOWS,
    KEEP_WITHIN,
    NOBODY,
    PILOTS,
    START,
    FlowName,
    Page,
    Step,
    Values,
    step_named,
)
from engine.setup.people import Person, SetupInUse
from engine.setup.selection import LISTS
from engine.store.secret_sources import SecretSources
from engine.store.settings_history import Author
from engine.store.setup_state import SetupContinuedElsewhere, SetupStore
from engine.store.typed_secrets import TypedSecrets
from engine.supervisor.plan import ApplyPlan
from engine.supervisor.supervisor import Supervisor


class SetupUnderWay(Failure):
    """There is a set-up already. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "A set-up is under way already"
    remedy = "Go on with it, or start over and lose what was typed."


class SavedSetup(msgspec.Struct, frozen=True, kw_only=True):
    """The state on disk: the flow, the text of the settings file that it started with, who typed last, and how often
    something was changed."""

    flow: Flow
    begun_with: str
    person: Person
    revision: int = 1


class SetupSession:
    """The set-up in progress; every change is saved in `store` before it returns, or raises a failure of it. `load` it
    first.

    `directory` is that of the state, where files that answers name are saved. `zone` is the time zone of the site, None
    if it has to be asked for; `clock` is calendar time. Methods that read secrets may raise the failures of the secret
    store; those that change something raise `SetupInUse` while somebody else is there. `found` names what checks have
    found, by which pages are shown.
    """

    def __init__(
        self,
        service: Supervisor,
        secrets: SecretSources,
        store: SetupStore,
        directory: Path,
        zone: ZoneInfo | None,
        clock: Clock,
    ) -> None:
        self._service = service
        self._secrets = secrets
        self._typed = TypedSecrets(secrets)
        self._store = store
        self.directory = directory
        self._zone = zone
        self._clock = clock
        self._kept: SavedSetup | None = None
        self._saving = asyncio.Lock()
        self.found: frozenset[str] = frozenset()

    async def load(self) -> None:
        """Read what is kept; what cannot be read, for instance from another version, is started over."""
        self._kept = _saved(await self._store.read())

    async def refresh(self) -> None:
        """Read again what is kept, as others at another engine may have changed it; what is being saved here counts."""
        async with self._saving:
            before = self._kept
            found = _saved(await self._store.read())
            if self._kept is before:
                self._kept = found

    @property
    def saved(self) -> SavedSetup | None:
        """What is kept, None while no set-up is in progress."""
        return self._kept

    @property
    def flow(self) -> Flow | None:
        """The state of the set-up, None while none is in progress."""
        return self._kept.flow if self._kept else None

    @property
    def values(self) -> Values:
        """All values: the answers, or the defaults."""
        return {} if self.flow is None else values_of(self.flow, self._zone)

    @property
    def place(self) -> tuple[Step, Page]:
        """The page that somebody is at."""
        return place_of(self._under_way().flow, self.values, self.found)

    async def begin(self, kind: FlowName, person: Person, *, over: bool = False) -> Flow:
        """Start a set-up from the settings in force. Raises `SetupUnderWay` unless `over`."""
        if self._kept is not None:
            self.demand_alone(person)
            if not over:
                raise SetupUnderWay(f"{FLOWS[self._kept.flow.kind].title}, by {self._kept.person.name}")
        text = self._service.text
        flow = begun(text, kind)
        await self._typed.forget()
        self.found = frozenset()
        revision = self._kept.revision + 1 if self._kept else 1
        return await self._keep(SavedSetup(flow=flow, begun_with=text, person=person, revision=revision))

    async def take_over(self, person: Person) -> Flow:
        """Let another person go on; nothing typed is lost."""
        kept = self._under_way()
        return await self._keep(replace(kept, person=person, revision=kept.revision + 1))

    async def answer(
        self,
        person: Person,
        changes: Mapping[str, SettingValue | None],
        secrets: Mapping[str, str],
        own: Mapping[str, str],
        go: str | None,
    ) -> Flow:
        """Store answers and go to a page. Raises KeyError for an unknown page, and `SettingsNotEditable`."""
        self.demand_alone(person)
        if secrets:
            await self._typed.keep(secrets)
        kept = self._under_way()
        flow = answered(kept.flow, changes, secrets=secrets, own=own)
        if go is not None:
            flow = gone_to(flow, go, values_of(flow, self._zone), self.found)
        return await self._keep(replace(kept, flow=flow, person=person, revision=kept.revision + 1))

    async def note_check(self, step: Step, made_with: str, *, well: bool) -> None:
        """Record the result of a check made with the answers of that digest, unless the set-up has ended meanwhile, or
        they are others by now."""
        kept = self._kept
        if kept is not None:
            flow = checked(kept.flow, step, made_with, well=well)
            await self._keep(replace(kept, flow=flow, revision=kept.revision + 1))

    def digest(self, step: Step) -> str:
        """Return what tells apart the answers that the check of a step depends on."""
        return digest(self._under_way().flow, self.values, step)

    async def problems(self) -> tuple[InvalidSetting, ...]:
        """Return all missing or invalid answers."""
        found = problems(self._under_way().flow, self.values, await self.secrets(), self._service.file.settings)
        return (*found, *(await self._without_effect()))

    def changes(self) -> tuple[SettingDifference, ...]:
        """Return the changes that applying would make to the settings as they are now."""
        return differences(self._service.text, self.text)

    def tried(self, step: Step) -> SiteSettings:
        """Return the settings to check a step with. Raises `SettingsInvalid`."""
        return self._service.file.settings(tried(self._under_way().flow.text, self.values, step))

    async def secrets(self) -> dict[str, Secret]:
        """Return all secrets by name; those typed override stored ones."""
        return {**await self._secrets.known(), **await self._typed.known()}

    async def new_secrets(self) -> tuple[str, ...]:
        """Return the names of the secrets that were typed and differ from the stored ones."""
        known, typed = await self._secrets.known(), await self._typed.known()
        return tuple(
            name for name, value in typed.items() if name not in known or known[name].reveal() != value.reveal()
        )

    async def typed_secrets(self) -> tuple[str, ...]:
        """Return the names of all secrets that were typed."""
        return tuple(await self._typed.known())

    @property
    def start(self) -> str:
        """Whose presences are to be written: as was chosen, else as now, else nobody's; "" if this set-up is not about
        that."""
        flow, in_force = self._under_way().flow, self._service.settings
        if flow.kind != "all":
            return ""
        if in_force is None or in_force.engine.dry_run:
            return flow.own.get(START) or NOBODY
        return flow.own.get(START) or ("pilots" if in_force.engine.pilots else EVERYBODY)

    async def apply(self, author: Author) -> ApplyPlan | None:
        """Apply everything and end the set-up; return the plan carried out, None if only secrets changed.

        What is to be kept within a time is a change of its own, from a dry run. Raises what `Supervisor.change` does;
        the set-up stays in progress then.
        """
        text, keep_within = self.text, self._keep_within()
        if keep_within is not None:
            text = edited(text, {DRY_RUN: True})
        changes = {each.key: each.after for each in differences(self._service.text, text)}
        new = await self.new_secrets()
        if new:
            typed = await self._typed.known()
            await self._secrets.put({name: value for name, value in typed.items() if name in new})
        plan = await self._service.change(changes, "*", author) if changes else await self._service.start_again()
        if keep_within is not None:
            await self._service.change({DRY_RUN: False}, "*", author, keep_within)
        await self.end()
        return plan

    def _keep_within(self) -> float | None:
        """Return the seconds within which going live has to be confirmed, None if it need not be."""
        typed = self._under_way().flow.own.get(KEEP_WITHIN, "")
        in_force = self._service.settings
        is_live = in_force is not None and not in_force.engine.dry_run
        return float(typed) if self.start not in ("", NOBODY) and not is_live and typed.isdecimal() else None

    async def end(self) -> None:
        """End the set-up, and forget what was typed."""
        await self._typed.forget()
        async with self._saving:
            self._kept = None
            self.found = frozenset()
            await self._stored(self._store.remove())

    def demand_alone(self, person: Person) -> None:
        """Raise `SetupInUse` if somebody else is there."""
        there, now = self._under_way().person, self._clock.now()
        if not there.is_same(person) and there.is_present(now):
            seconds = int((now - there.last).total_seconds())
            raise SetupInUse(f"{there.name}, last answer {seconds} s ago")

    @property
    def text(self) -> str:
        """The settings file as applying would make it."""
        kept = self._under_way()
        answers = {each.key: each.after for each in differences(kept.begun_with, kept.flow.text)}
        if self.start == NOBODY:
            answers[DRY_RUN] = True
        elif self.start:
            answers[DRY_RUN] = None
        if self.start == EVERYBODY:
            answers[PILOTS] = None
        return edited(self._service.text, answers)

    @property
    def selection(self) -> UserSelection:
        """The choice of users as the engine would use it."""
        lists = {
            side: {names: self.values.get(f"pbx.users.{side}.{names}") or () for names in ("names", *LISTS)}
            for side in ("include", "exclude")
        }
        hidden = self.values.get("pbx.users.hidden") is not False
        return msgspec.convert({**lists, "hidden": hidden}, UserSelection)

    def typed(self, key: str) -> str:
        """Return what was typed for a setting, valid or not."""
        written = differences("", self._under_way().flow.text)
        return next((str(each.after) for each in written if each.key == key and each.after is not None), "")

    def as_far_as_valid(self) -> SiteSettings:
        """Return the settings that the answers make as far as they are valid, with defaults for everything else."""
        return self._service.file.settings_as_far_as_valid(self._under_way().flow.text)

    @property
    def in_force(self) -> SiteSettings | None:
        """The settings of the running engine, None while there are none."""
        return self._service.settings

    async def _without_effect(self) -> tuple[InvalidSetting, ...]:
        """Return a problem per typed secret that the engine also gets from outside, which overrides stored ones."""
        places = {origin.name: origin.place for origin in await self._secrets.origins()}
        return tuple(
            InvalidSetting(
                name,
                None,
                f"is given to the engine in the {places[name]}, which overrides what is entered here",
                "Change it there, or remove it there and restart the engine.",
            )
            for name in await self.new_secrets()
            if places.get(name) in ("environment", "secrets file")
        )

    def _under_way(self) -> SavedSetup:
        if self._kept is None:
            raise LookupError("no set-up is in progress")
        return self._kept

    async def _keep(self, kept: SavedSetup) -> Flow:
        self._kept = kept
        async with self._saving:
            await self._stored(self._store.write(msgspec.json.encode(kept)))
        return kept.flow

    async def _stored(self, change: Awaitable[None]) -> None:
        """Await a change of the store; what somebody has done at another engine meanwhile counts instead."""
        try:
            await change
        except SetupContinuedElsewhere:
            await self.load()
            raise


def values_of(flow: Flow, zone: ZoneInfo | None) -> Values:
    """Return all values of a flow: the answers, or the defaults."""
    return {**{each.key: each.value for each in setting_forms(flow.text, zone)}, **flow.own}


def new_person(uid: int, pid: int, user: str, where: str, now: datetime) -> Person:
    """Return the person who answers now."""
    return Person(uid=uid, pid=pid, user=user, where=where, last=now)


def _saved(content: bytes | None) -> SavedSetup | None:
    """Return the saved state, None if there is none that can be read."""
    try:
        kept = None if content is None else bounded.json(content, SavedSetup)
        if kept is not None:
            step_named(kept.flow.step)
    except (bounded.NotReadable, KeyError):
        return None
    return kept
