"""The guided set-up in the words of the local API."""

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.api.schema.checks import MOST, RungAccount
from engine.api.schema.operations import Operation
from engine.api.schema.settings import Setting, SettingChange, SettingProblem, Value


class SetupAnswers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answers to whichever steps; null takes one back. `secrets` go in and never come out.

    `user` is whose calendar is looked at, `step` the one to go to: next, back, or one by its name; null stays.
    """

    settings: Annotated[dict[str, Value], MOST] = {}
    secrets: Annotated[dict[str, str], Meta(max_length=10)] = {}
    user: Annotated[str, MOST] | None = None
    step: Annotated[str, MOST] | None = None


class SetupSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that a step asks for, and whether it is known already."""

    name: str
    known: bool


class SetupStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step: what it asks for, what has to be done in the PBX or Exchange (`guidance`), and what is not right yet.

    `suggestions` are values that were found by looking. With `can_check`, it can be tried; `rungs` are what came of
    that last, and `passed` whether it went well with these answers.
    """

    name: str
    title: str
    guidance: tuple[str, ...]
    fields: tuple[Setting, ...]
    suggestions: dict[str, Value]
    secrets: tuple[SetupSecret, ...]
    problems: tuple[SettingProblem, ...]
    asks_for_user: bool
    can_check: bool
    check: Operation | None
    rungs: tuple[RungAccount, ...]
    passed: bool


class SetupSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A step in the list of all: how many `problems` it still has, and whether its check went well."""

    name: str
    title: str
    problems: int
    can_check: bool
    passed: bool


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """Where the set-up stands: the step it is at, all steps, and what applying would change.

    `new_secrets` names those that were entered. It is `ready` to be applied when there are no `problems`.
    """

    step: SetupStep
    steps: tuple[SetupSummary, ...]
    user: str
    changes: tuple[SettingChange, ...]
    new_secrets: tuple[str, ...]
    problems: tuple[SettingProblem, ...]
    ready: bool
