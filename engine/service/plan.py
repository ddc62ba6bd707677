"""What has to be done to put other settings into force: as little as possible, found out before anything is done."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from engine.core.failures import Failure
from engine.core.settings.catalogue import Difference
from engine.core.settings.effects import RESTARTS, Effect, effect_of, effects_of
from engine.core.settings.model import ExchangeSettings, Settings
from engine.store.secrets import Secrets
from engine.sync.engine import Engine

LoadSecrets = Callable[[ExchangeSettings], Awaitable[Secrets]]
Assemble = Callable[[Settings, Secrets], Engine]


@dataclass(frozen=True, slots=True)
class InForce:
    """The settings that are in force, and the text that they were read from."""

    text: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be put into force: `engine` takes the place of the one that runs, None: that one goes on.

    `trouble` is why there is no engine at all.
    """

    goal: InForce
    differences: tuple[Difference, ...]
    effects: frozenset[Effect]
    engine: Engine | None = None
    trouble: Failure | None = None

    @property
    def live(self) -> tuple[Effect, ...]:
        """What goes on otherwise without a restart."""
        return tuple(sorted(self.effects - RESTARTS - {Effect.NEXT_START}))

    @property
    def restarted(self) -> tuple[Effect, ...]:
        """What begins anew. An engine begins as a whole; what it wrote before it does not write again."""
        return (Effect.PBX_LINK, Effect.CALENDARS) if self.engine is not None else ()

    @property
    def at_next_start(self) -> tuple[str, ...]:
        """The keys that have no effect before the next start."""
        return tuple(each.key for each in self.differences if effect_of(each.key) is Effect.NEXT_START)


class Planner:
    """Plans with the secrets that `load_secrets` returns, and the engines that `assemble` makes of them."""

    def __init__(self, load_secrets: LoadSecrets, assemble: Assemble) -> None:
        self._load_secrets = load_secrets
        self._assemble = assemble

    async def plan(self, running: InForce | None, goal: InForce, changed: tuple[Difference, ...]) -> Plan:
        """Return how to get to `goal` where `changed` is different; an engine begins if none is `running` so far."""
        effects = frozenset(RESTARTS)
        if running is not None:
            effects = effects_of((each.key for each in changed), running.settings, goal.settings)
            if not effects & RESTARTS:
                return Plan(goal, changed, effects)
        try:
            secrets = await self._load_secrets(goal.settings.exchange)
            return Plan(goal, changed, effects | RESTARTS, self._assemble(goal.settings, secrets))
        except Failure as trouble:
            return Plan(goal, changed, effects, trouble=trouble)
