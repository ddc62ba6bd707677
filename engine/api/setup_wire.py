"""From the set-up as the engine knows it to the API's words."""

import os
from collections.abc import Collection, Mapping, Sequence
from zoneinfo import ZoneInfo

from engine.api import settings_wire
from engine.api.convert import converted
from engine.api.schema import Operation
from engine.api.schema.probes import RungAccount
from engine.api.schema.settings import SettingChange, SettingProblem, Value
from engine.api.schema.setup import Setup, SetupSecret, SetupStep, SetupSummary
from engine.core.settings.catalogue import Difference, catalogue
from engine.core.settings.problems import Problem
from engine.core.setup.flow import Flow, problems_of
from engine.core.setup.guesses import guessed_language
from engine.core.setup.steps import STEPS, Step, Values, step_named


def setup(
    flow: Flow,
    *,
    values: Values,
    zone: ZoneInfo | None,
    found: Sequence[Problem],
    changes: Sequence[Difference],
    known_secrets: Collection[str],
    new_secrets: Collection[str],
    check: Operation | None,
    rungs: Sequence[RungAccount],
) -> Setup:
    """Return where the set-up stands."""
    step = step_named(flow.step)
    forms = {form.key: settings_wire.setting(form) for form in catalogue(flow.text, zone)}
    keys = [key for key in step.keys(values) if forms[key].available]
    return Setup(
        step=SetupStep(
            name=step.name,
            title=step.title,
            guidance=step.guidance(values),
            fields=tuple(forms[key] for key in keys),
            suggestions=_suggestions(keys, os.environ),
            secrets=tuple(SetupSecret(name=name, known=name in known_secrets) for name in step.secrets(values)),
            problems=tuple(converted(each, SettingProblem) for each in problems_of(step, values, found)),
            asks_for_user=step.asks_for_user,
            can_check=step.check is not None,
            check=check,
            rungs=tuple(rungs),
            passed=step.name in flow.passed,
        ),
        steps=tuple(_summary(each, flow, values, found) for each in STEPS),
        user=flow.user,
        changes=tuple(converted(each, SettingChange) for each in changes),
        new_secrets=tuple(new_secrets),
        problems=tuple(converted(each, SettingProblem) for each in found),
        ready=not found,
    )


def _summary(step: Step, flow: Flow, values: Values, found: Sequence[Problem]) -> SetupSummary:
    return SetupSummary(
        name=step.name,
        title=step.title,
        problems=len(problems_of(step, values, found)),
        can_check=step.check is not None,
        passed=step.name in flow.passed,
    )


def _suggestions(keys: Collection[str], environment: Mapping[str, str]) -> dict[str, Value]:
    """The language of the site is likely the one that this machine was installed in."""
    language = guessed_language(environment) if "presence.language" in keys else None
    return {} if language is None else {"presence.language": language}
