"""The flow of the guided set-up: a pure state machine, and the settings that it makes.

Any page can be visited at any time and no input is lost, valid or not; only applying needs everything to be valid.
The flow contains the names of secrets, never the secrets.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Literal

import msgspec
from msgspec.structs import replace

from engine.settings.editor import SettingValue, edited
from engine.settings.keys import KEYS
from engine.settings.model import SiteSettings
from engine.settings.problems import InvalidSetting, SettingsInvalid
from engine.setup.pages import (
    ASKED,
    FLOWS,
    NAMES,
    OWN_KEYS,
    SECRETS,
    STEPS,
    FlowName,
    Page,
    Step,
    Values,
    places,
    step_named,
)
from engine.store.own_certificates import NEXT_CERTIFICATE, OWN_CERTIFICATE

StepState = Literal["open", "done", "failed", "changed"]

TIME_ZONE, LANGUAGE = "presence.timezone", "presence.language"
_ZONE_MISSING = "is missing, and the time zone of this machine does not tell where the site is"
_ZONE_REMEDY = 'Enter the IANA time zone of your users, such as "Europe/Berlin", or "Etc/UTC" if that is intended.'


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """State of the set-up. `text` is the settings file as it would be applied, `kind` what the set-up is about, `step`
    and `page` where somebody is. `own` are the answers that are no settings, `typed` counts how often each secret was.

    `passed` and `failed` name the steps that were checked, each with the digest of the answers it was checked with;
    `finished` those that somebody went on from.
    """

    text: str
    kind: FlowName = "all"
    step: str = NAMES[0]
    page: str = ""
    own: Mapping[str, str] = {}
    typed: Mapping[str, int] = {}
    passed: Mapping[str, str] = {}
    failed: Mapping[str, str] = {}
    finished: tuple[str, ...] = ()


ReadSettings = Callable[[str], SiteSettings]
"""Reads the text of a settings file; raises `SettingsInvalid`."""


def begun(text: str, kind: FlowName) -> Flow:
    """Return a new flow of a kind, from the settings `text`."""
    flow_kind = FLOWS[kind]
    step, _, page = flow_kind.places[0].partition("/")
    return Flow(text=edited(text, flow_kind.answers), kind=kind, step=step, page=page)


def answered(
    flow: Flow,
    changes: Mapping[str, SettingValue | None],
    *,
    secrets: Iterable[str] = (),
    own: Mapping[str, str] = MappingProxyType({}),
) -> Flow:
    """Return the flow with answers to any pages added; None removes one, for those of `own` an empty text. `secrets`
    are the names of the secrets that were typed."""
    return replace(
        flow,
        text=edited(flow.text, changes),
        own={key: text for key, text in {**flow.own, **own}.items() if text},
        typed={**flow.typed, **{name: flow.typed.get(name, 0) + 1 for name in secrets}},
    )


def place_of(flow: Flow, values: Values, found: frozenset[str]) -> tuple[Step, Page]:
    """Return the page that somebody is at: the one that was gone to, or if it does not apply any more, one before."""
    visited = places(flow.kind, values, found)
    for step, page in visited:
        if (step.name, page.name) == (flow.step, flow.page):
            return step, page
    here = NAMES.index(flow.step)
    before = [place for place in visited if NAMES.index(place[0].name) == here]
    if before and flow.page:
        names = [page.name for page in step_named(flow.step).pages]
        earlier = [place for place in before if names.index(place[1].name) < names.index(flow.page)]
        return (earlier or before)[-1 if earlier else 0]
    return (before or visited)[0]


def gone_to(flow: Flow, target: str, values: Values, found: frozenset[str]) -> Flow:
    """Return the flow at the `next` or `back` page, stopping at the last and the first, or at a step or `step/page`.

    Raises KeyError if the flow visits no such page.
    """
    visited = places(flow.kind, values, found)
    here = visited.index(place_of(flow, values, found))
    match target:
        case "next":
            later = [place for place in visited[here + 1 :] if not _is_left_out(flow, values, *place)]
            step, page = later[0] if later else visited[here]
        case "back":
            step, page = visited[max(here - 1, 0)]
        case _:
            wanted = [place for place in visited if target in (place[0].name, f"{place[0].name}/{place[1].name}")]
            if not wanted:
                raise KeyError(target)
            step, page = wanted[0]
    left = visited[here][0].name
    finished = flow.finished
    is_stuck = (step.name, page.name) == (left, visited[here][1].name)
    if target == "next" and (step.name != left or is_stuck) and left not in finished:
        finished = (*finished, left)
    return replace(flow, step=step.name, page=page.name, finished=finished)


def is_last(flow: Flow, values: Values, found: frozenset[str]) -> bool:
    """Return whether the flow visits no page after the one that somebody is at."""
    following = gone_to(flow, "next", values, found)
    return place_of(following, values, found) == place_of(flow, values, found)


def _is_left_out(flow: Flow, values: Values, step: Step, page: Page) -> bool:
    return page.is_left_out_when_passed and flow.passed.get(step.name) == digest(flow, values, step)


def digest(flow: Flow, values: Values, step: Step) -> str:
    """Return what tells apart the answers that the check of a step depends on: those of the step, those of the steps
    it needs, and those that no page asks for."""
    related = {step.name, *step.needs}
    theirs = {key for each in STEPS if each.name in related for key in each.keys(values)}
    answers = {key: value for key, value in {**values, **flow.own}.items() if key in theirs or key not in ASKED}
    typed = {name: flow.typed.get(name, 0) for name in SECRETS if name in theirs}
    return hashlib.sha256(msgspec.json.encode((answers, typed), order="sorted")).hexdigest()[:16]


def checked(flow: Flow, step: Step, made_with: str, *, well: bool) -> Flow:
    """Return the flow with the result of a step's check, made with the answers of that digest, recorded."""
    passed = {name: each for name, each in flow.passed.items() if name != step.name}
    failed = {name: each for name, each in flow.failed.items() if name != step.name}
    (passed if well else failed)[step.name] = made_with
    return replace(flow, passed=passed, failed=failed)


def state_of(
    flow: Flow, values: Values, step: Step, found: Iterable[InvalidSetting], written: Collection[str]
) -> StepState:
    """Return the state of a step, given the problems `found` in all answers, and the keys that are `written` in the
    file: a default of the language is nobody's choice."""
    now = digest(flow, values, step)
    own = problems_of(step, values, found)
    if flow.failed.get(step.name) == now or any(each.key in written for each in own):
        return "failed"
    is_finished = step.check is None and step.name in flow.finished
    is_chosen = step.name != "site" or LANGUAGE in written
    if not own and is_chosen and (flow.passed.get(step.name) == now or is_finished):
        return "done"
    return "changed" if step.name in flow.passed or step.name in flow.failed else "open"


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
    where = {key: index for index, step in reversed([*enumerate(STEPS)]) for key in step.keys(values)}
    return tuple(sorted(found, key=lambda problem: where.get(problem.key, len(STEPS))))


def problems_of(step: Step, values: Values, found: Iterable[InvalidSetting]) -> tuple[InvalidSetting, ...]:
    """Return the problems that belong to a step."""
    keys = step.keys(values)
    return tuple(problem for problem in found if problem.key in keys)


def needed_secrets(values: Values) -> tuple[str, ...]:
    """Return the names of the secrets that the answers need."""
    asked = dict.fromkeys(
        key
        for step in STEPS
        for page in step.pages
        if page.applies(values) and not page.only_if_found
        for key in (*page.keys(values), *page.advanced(values))
    )
    return tuple(key for key in asked if key in SECRETS)


_NO_EXCHANGE_YET: Mapping[str, SettingValue | None] = MappingProxyType(
    {key: None for key in KEYS if key.startswith("exchange.")}
    | {"exchange.type": "on-premises", "exchange.user": "nobody@localhost.invalid"}
)


def tried(text: str, values: Values, step: Step) -> str:
    """Return the settings file to check `step` with: answers of steps that it does not need are left out."""
    related = {step.name, *step.needs}
    if "exchange" not in related:
        text = edited(text, _NO_EXCHANGE_YET)
    needed = {key for each in STEPS if each.name in related for key in each.keys(values)}
    others = {key for each in STEPS for key in each.keys(values) if key in KEYS}
    return edited(text, dict.fromkeys(others - needed - _NO_EXCHANGE_YET.keys()))


def settings_keys(keys: Iterable[str]) -> tuple[str, ...]:
    """Return those of some keys that are settings."""
    return tuple(key for key in keys if key not in OWN_KEYS and key not in SECRETS)


def answers_file(text: str, own: Mapping[str, str]) -> str:
    """Return the text of a settings file, which contains no secrets, with the answers that are no settings in a table
    of their own, for `calendar-engine setup --answers`."""
    return edited(text, {key: value for key, value in own.items() if value})
