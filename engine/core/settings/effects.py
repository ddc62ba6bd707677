"""What a change of a setting has an effect on, and what is restarted for it."""

from collections.abc import Iterable
from enum import StrEnum

from engine.core.settings.model import Settings


class Effect(StrEnum):
    """What goes on with other settings once one is changed."""

    DECISIONS = "decisions"
    WRITING = "writing"
    USERS = "users"
    PBX_LINK = "PBX link"
    CALENDARS = "calendars"
    DEBUG_LOG = "debug log"
    NEXT_START = "next start"


RESTARTS = frozenset({Effect.PBX_LINK, Effect.CALENDARS})

DAY = 24.0

_EFFECTS = (
    ("pbx.users", Effect.USERS),
    ("pbx.writes_", Effect.WRITING),
    ("pbx.", Effect.PBX_LINK),
    ("presence.", Effect.DECISIONS),
    ("exchange.", Effect.CALENDARS),
    ("debug_log.", Effect.DEBUG_LOG),
    ("engine.dry_run", Effect.WRITING),
    ("engine.", Effect.NEXT_START),
)


def effect_of(key: str) -> Effect:
    """Return what a change of this key has an effect on."""
    return next(effect for start, effect in _EFFECTS if key.startswith(start))


def effects_of(keys: Iterable[str], old: Settings, new: Settings) -> frozenset[Effect]:
    """Return what a change of `keys` from `old` to `new` has an effect on.

    Presence settings that need more of the appointments than was read so far have one on the calendars too.
    """
    effects = {effect_of(key) for key in keys}
    if Effect.DECISIONS in effects and _read_of(old) != _read_of(new):
        effects.add(Effect.CALENDARS)
    return frozenset(effects)


def _read_of(settings: Settings) -> tuple[bool, str | None, float]:
    presence = settings.presence
    return (
        presence.needs_subjects,
        presence.tentative_exception_organizer,
        max(presence.horizon_hours or 0.0, DAY),
    )
