"""The flow of the guided set-up: a pure state machine, and the settings that it makes.

Any step can be visited at any time and no input is lost, valid or not; only applying needs everything to be valid.
The flow contains the names of secrets, never the secrets.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from engine.settings.editor import SettingValue, edited
from engine.settings.keys import KEYS
from engine.settings.model import SiteSettings
from engine.settings.problems import InvalidSetting, SettingsInvalid
from engine.setup.steps import STEPS, SetupStepForm, Values, step_named
from engine.store.own_certificates import NEXT_CERTIFICATE, OWN_CERTIFICATE

NAMES = tuple(step.name for step in STEPS)

TIME_ZONE = "presence.timezone"
_ZONE_MISSING = "is missing, and the time zone of this machine does not tell where the site is"
_ZONE_REMEDY = 'Enter the IANA time zone of your users, such as "Europe/Berlin", or "Etc/UTC" if that is intended.'


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """State of the set-up. `text` is the settings file as it would be applied, `user` the user whose calendar is read,
    `passed` the steps whose check succeeded with these answers."""

    text: str
    step: str = NAMES[0]
    user: str = ""
    passed: tuple[str, ...] = ()


ReadSettings = Callable[[str], SiteSettings]
"""Reads the text of a settings file; raises `SettingsInvalid`."""


def answered(
    flow: Flow,
    values: Values,
    changes: Mapping[str, SettingValue | None],
    *,
    secrets: Iterable[str] = (),
    user: str | None = None,
) -> Flow:
    """Return the flow with answers to any steps added. `values` are the previous values; None removes an answer.
    `secrets` are the names of the secrets that were entered.

    A changed answer invalidates the check of its step and of all later ones.
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
    """Return the flow at the named step, or at the `next` or `back` one, stopping at the last and the first."""
    here = NAMES.index(flow.step)
    targets = {"next": NAMES[min(here + 1, len(NAMES) - 1)], "back": NAMES[max(here - 1, 0)]}
    return replace(flow, step=step_named(targets.get(name, name)).name)


def checked(flow: Flow, name: str, *, well: bool) -> Flow:
    """Return the flow with the result of a step's check recorded."""
    others = tuple(each for each in flow.passed if each != name)
    return replace(flow, passed=(*others, name) if well else others)


_INSTEAD_OF_A_SECRET = frozenset((OWN_CERTIFICATE, NEXT_CERTIFICATE))


def is_known(name: str, known_secrets: Collection[str]) -> bool:
    """Return whether a secret need not be entered: it is known, or for the client secret, a certificate that the engine
    has made is used instead. `known_secrets` are names."""
    instead = name == "exchange.client_secret" and not _INSTEAD_OF_A_SECRET.isdisjoint(known_secrets)
    return instead or name in known_secrets


def problems(
    flow: Flow, values: Values, known_secrets: Collection[str], read: ReadSettings
) -> tuple[InvalidSetting, ...]:
    """Return all missing or invalid answers, in the order of the steps. `known_secrets` are names."""
    found: list[InvalidSetting] = []
    try:
        read(flow.text)
    except SettingsInvalid as failure:
        found += failure.problems
    if values.get(TIME_ZONE) is None and all(problem.key != TIME_ZONE for problem in found):
        found.append(InvalidSetting(TIME_ZONE, None, _ZONE_MISSING, _ZONE_REMEDY))
    for name in needed_secrets(values):
        if not is_known(name, known_secrets):
            found.append(InvalidSetting(name, None, "is missing", "Enter this secret."))
    places = {key: index for index, step in enumerate(STEPS) for key in _asked_by(step, values)}
    return tuple(sorted(found, key=lambda problem: places.get(problem.key, len(STEPS))))


def problems_of(step: SetupStepForm, values: Values, found: Iterable[InvalidSetting]) -> tuple[InvalidSetting, ...]:
    """Return the problems that belong to a step."""
    return tuple(problem for problem in found if problem.key in _asked_by(step, values))


def needed_secrets(values: Values) -> tuple[str, ...]:
    """Return the names of the secrets that the answers need."""
    return tuple(name for step in STEPS for name in step.secrets(values))


def _asked_by(step: SetupStepForm, values: Values) -> frozenset[str]:
    return frozenset((*step.keys(values), *step.secrets(values)))


_NO_EXCHANGE_YET: Mapping[str, SettingValue | None] = MappingProxyType(
    {key: None for key in KEYS if key.startswith("exchange.")}
    | {"exchange.type": "on-premises", "exchange.user": "nobody@localhost.invalid"}
)


def tried(text: str, values: Values, step: SetupStepForm) -> str:
    """Return the settings file to check `step` with: answers of later steps are left out."""
    here = NAMES.index(step.name)
    if here < NAMES.index("server"):
        text = edited(text, _NO_EXCHANGE_YET)
    later = {key for each in STEPS[here + 1 :] for key in each.keys(values)}
    earlier = {key for each in STEPS[: here + 1] for key in each.keys(values)}
    return edited(text, dict.fromkeys(later - earlier - _NO_EXCHANGE_YET.keys()))
