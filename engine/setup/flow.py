"""The flow of the guided set-up: a pure state machine, and the settings that it makes.

Any step can be gone to at any time and nothing that was typed is lost, right or wrong; only applying needs all to be
right. Secrets are never part of it, only their names.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from engine.settings.editor import Value, edited
from engine.settings.keys import KEYS
from engine.settings.model import Settings
from engine.settings.problems import Problem, SettingsInvalid
from engine.setup.steps import STEPS, Step, Values, step_named

NAMES = tuple(step.name for step in STEPS)

TIME_ZONE = "presence.timezone"
_ZONE_MISSING = "is missing, and this machine is set to a zone that says nothing of the site"
_ZONE_REMEDY = 'Enter where your users are by its IANA name, such as "Europe/Berlin", or "Etc/UTC" if that is meant.'


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is the settings file as it would be applied, `user` whose calendar is looked at, `passed` the steps whose
    check went well with these answers."""

    text: str
    step: str = NAMES[0]
    user: str = ""
    passed: tuple[str, ...] = ()


Read = Callable[[str], Settings]
"""Reads the text of a settings file; raises `SettingsInvalid`."""


def answered(
    flow: Flow,
    values: Values,
    changes: Mapping[str, Value | None],
    *,
    secrets: Iterable[str] = (),
    user: str | None = None,
) -> Flow:
    """Take answers in, to whichever step they belong. `values` are those of before; None takes an answer back.
    `secrets` are the names of those that were entered.

    What was checked with other answers is not checked any more, and neither is what comes after it.
    """
    names = [*changes, *secrets]
    asking = [index for index, step in enumerate(STEPS) if any(name in _asked_by(step, values) for name in names)]
    if user is not None and user != flow.user:
        asking += [index for index, step in enumerate(STEPS) if step.asks_for_user]
    known = {name for step in STEPS for name in _asked_by(step, values)}
    first = 0 if any(name not in known for name in names) else min(asking, default=len(STEPS))
    return replace(
        flow,
        text=edited(flow.text, changes),
        user=flow.user if user is None else user,
        passed=tuple(name for name in flow.passed if NAMES.index(name) < first),
    )


def gone_to(flow: Flow, name: str) -> Flow:
    """Return the flow at a step by its name, or the `next` or `back` one, which end at the last and the first."""
    here = NAMES.index(flow.step)
    targets = {"next": NAMES[min(here + 1, len(NAMES) - 1)], "back": NAMES[max(here - 1, 0)]}
    return replace(flow, step=step_named(targets.get(name, name)).name)


def checked(flow: Flow, name: str, *, well: bool) -> Flow:
    """Take down how the check of a step went."""
    others = tuple(each for each in flow.passed if each != name)
    return replace(flow, passed=(*others, name) if well else others)


def problems(flow: Flow, values: Values, known_secrets: Collection[str], read: Read) -> tuple[Problem, ...]:
    """Return everything that is missing or wrong, in the order of the steps. `known_secrets` are names."""
    found: list[Problem] = []
    try:
        read(flow.text)
    except SettingsInvalid as failure:
        found += failure.problems
    if values.get(TIME_ZONE) is None and all(problem.key != TIME_ZONE for problem in found):
        found.append(Problem(TIME_ZONE, None, _ZONE_MISSING, _ZONE_REMEDY))
    for name in needed_secrets(values):
        if name not in known_secrets:
            found.append(Problem(name, None, "is missing", "Enter this secret."))
    places = {key: index for index, step in enumerate(STEPS) for key in _asked_by(step, values)}
    return tuple(sorted(found, key=lambda problem: places.get(problem.key, len(STEPS))))


def problems_of(step: Step, values: Values, found: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return those of the problems that a step asks for."""
    return tuple(problem for problem in found if problem.key in _asked_by(step, values))


def needed_secrets(values: Values) -> tuple[str, ...]:
    """Return the names of the secrets that the answers need."""
    return tuple(name for step in STEPS for name in step.secrets(values))


def _asked_by(step: Step, values: Values) -> frozenset[str]:
    return frozenset((*step.keys(values), *step.secrets(values)))


_NO_EXCHANGE_YET: Mapping[str, Value | None] = MappingProxyType(
    {key: None for key in KEYS if key.startswith("exchange.")}
    | {"exchange.type": "on-premises", "exchange.user": "nobody@localhost.invalid"}
)


def tried(text: str, values: Values, step: Step) -> str:
    """Return the text of a settings file for the check of `step`: what later steps ask for is as if not answered."""
    here = NAMES.index(step.name)
    if here < NAMES.index("server"):
        text = edited(text, _NO_EXCHANGE_YET)
    later = {key for each in STEPS[here + 1 :] for key in each.keys(values)}
    earlier = {key for each in STEPS[: here + 1] for key in each.keys(values)}
    return edited(text, dict.fromkeys(later - earlier - _NO_EXCHANGE_YET.keys()))
