"""Messages of the local API about the guided set-up."""

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.api.schema.checks import MOST, RungAccount
from engine.api.schema.operations import Operation
from engine.api.schema.settings import Setting, SettingChange, SettingProblem, Value


class SetupAnswers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answers to any steps; null removes one. `secrets` are write-only.

    `user` is the user whose calendar is read, `step` the one to go to: next, back, or a name; null stays.
    """

    settings: Annotated[dict[str, Value], MOST] = {}
    secrets: Annotated[dict[str, str], Meta(max_length=10)] = {}
    user: Annotated[str, MOST] | None = None
    step: Annotated[str, MOST] | None = None


class SetupSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that a step asks for, and whether it is already known, or a certificate is used instead."""

    name: str
    known: bool


class SetupStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step: its questions, what to configure in the PBX or Exchange (`guidance`), and its problems.

    `suggestions` are values that were discovered. With `can_check`, it can be checked; `rungs` are the results of
    the last check, and `passed` whether it passed with these answers.
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
    """A step in the list of all: the number of its `problems`, and whether its check passed."""

    name: str
    title: str
    problems: int
    can_check: bool
    passed: bool


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the set-up: the current step, all steps, and what applying would change.

    `new_secrets` names those that were entered. It is `ready` to be applied when there are no `problems`.
    """

    step: SetupStep
    steps: tuple[SetupSummary, ...]
    user: str
    changes: tuple[SettingChange, ...]
    new_secrets: tuple[str, ...]
    problems: tuple[SettingProblem, ...]
    ready: bool
