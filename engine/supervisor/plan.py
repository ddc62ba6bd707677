"""Plans how changed settings take effect, and which version to go back to. No I/O."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from engine.core.errors import Failure
from engine.settings.forms import SettingDifference
from engine.settings.keys import RESTARTS, Effect, effect_of, effects_of
from engine.settings.model import ExchangeSettings, SiteSettings
from engine.store.errors import StoreFailure
from engine.store.secrets import Secrets
from engine.store.settings_history import Version
from engine.supervisor.errors import NothingToGoBackTo
from engine.sync.reconciler import Engine

LoadSecrets = Callable[[ExchangeSettings], Awaitable[Secrets]]
Assemble = Callable[[SiteSettings, Secrets], Engine]


@dataclass(frozen=True, slots=True)
class ActiveSettings:
    """The settings in force, the text that says all of them, and what a version keeps of it."""

    text: str
    settings: SiteSettings
    kept: str


@dataclass(frozen=True, slots=True)
class ApplyPlan:
    """What will be applied: `engine` replaces the running one; None keeps it running.

    `trouble` is the reason why no engine can run. `secrets` are those that it was made with. `behind` are other engines
    at which the change was not in force after a moment. `is_audited`: the audit log has it already.
    """

    goal: ActiveSettings
    differences: tuple[SettingDifference, ...]
    effects: frozenset[Effect]
    engine: Engine | None = None
    trouble: Failure | None = None
    secrets: Secrets | None = None
    behind: tuple[str, ...] = ()
    is_audited: bool = False

    @property
    def live(self) -> tuple[Effect, ...]:
        """Parts that change without a restart."""
        return tuple(sorted(self.effects - RESTARTS - {Effect.NEXT_START}))

    @property
    def restarted(self) -> tuple[Effect, ...]:
        """Parts that restart. The engine restarts as a whole and does not re-send acknowledged presences."""
        return (Effect.PBX_LINK, Effect.CALENDARS) if self.engine is not None else ()

    @property
    def at_next_start(self) -> tuple[str, ...]:
        """The keys that take effect at the next start."""
        return tuple(each.key for each in self.differences if effect_of(each.key) is Effect.NEXT_START)


class Planner:
    """Makes plans from the secrets of `load_secrets` and the engines that `assemble` builds."""

    def __init__(self, load_secrets: LoadSecrets, assemble: Assemble) -> None:
        self._load_secrets = load_secrets
        self._assemble = assemble

    async def plan(
        self, running: ActiveSettings | None, goal: ActiveSettings, changed: tuple[SettingDifference, ...]
    ) -> ApplyPlan:
        """Return the plan that reaches `goal`, given the `changed` keys; it starts an engine if none is `running`."""
        effects = frozenset(RESTARTS)
        if running is not None:
            effects = effects_of((each.key for each in changed), running.settings, goal.settings)
            if not effects & RESTARTS:
                return ApplyPlan(goal, changed, effects)
        try:
            secrets = await self._load_secrets(goal.settings.exchange)
            engine = self._assemble(goal.settings, secrets)
            return ApplyPlan(goal, changed, effects | RESTARTS, engine, secrets=secrets)
        except Failure as trouble:
            return ApplyPlan(goal, changed, effects, trouble=trouble)

    async def are_other_secrets(self, known: Secrets | None, exchange: ExchangeSettings) -> bool:
        """Return whether the settings need other secrets than those known, or some that cannot be had any more.

        Raises a `StoreFailure` if that cannot be found out at the moment.
        """
        try:
            return known is None or not known.are_same(await self._load_secrets(exchange), exchange)
        except StoreFailure:
            raise
        except Failure:
            return True


def version_to_go_back_to(versions: Sequence[Version]) -> Version:
    """Return the version before the one in force, `versions` being the newest first.

    A change that was rolled back automatically never counts: neither it nor its rollback is a version to go back to,
    and the version before it is in force again. A version with the same text is not a different one.
    Raises `NothingToGoBackTo`, also if the last change was itself a rollback.
    """
    if not versions:
        raise NothingToGoBackTo("there is no version yet")
    newest = versions[0]
    if newest.returns_to is not None and newest.author is not None:
        raise NothingToGoBackTo(f"version {newest.id} already went back to version {newest.returns_to}")
    place = _in_force(versions, 0)
    while place is not None and place + 1 < len(versions):
        place = _in_force(versions, place + 1)
        if place is not None and versions[place].text != newest.text:
            return versions[place]
    raise NothingToGoBackTo(f"no version before the current one, {newest.id}, is kept")


def _in_force(versions: Sequence[Version], place: int) -> int | None:
    """Return the index of the version in force at `place`: after a trial, that of the version before the trial."""
    while versions[place].author is None and versions[place].returns_to is not None:
        returned_to = versions[place].returns_to
        found = next((index for index, each in enumerate(versions) if each.id == returned_to), None)
        if found is None or found <= place:
            return None
        place = found
    return place
