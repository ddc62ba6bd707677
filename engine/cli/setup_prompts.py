"""The set-up as a dialogue of questions at a terminal."""

import getpass
import shutil
import textwrap
from collections.abc import Callable, Iterator
from typing import Protocol

from msgspec.structs import replace

from engine.api.schema.cloud import CloudCertificates
from engine.api.schema.settings import Setting, Value
from engine.api.schema.setup import Setup, SetupAnswers, SetupSecret, SetupStep
from engine.cli.cloud import show_certificates
from engine.cli.exit_codes import FAILED, WELL
from engine.cli.output import remark, say
from engine.daemon.signals import interruptible
from engine.display import visible

CERTIFICATE_OFFERED = "Let the engine make a certificate, instead of a client secret?"
HOW = "Enter keeps the value in brackets, - removes an answer, < goes back a step, ? explains."


class SetupSteps(Protocol):
    """The set-up of one engine, as the dialogue uses it."""

    async def under_way(self) -> Setup | None: ...  # noqa: D102
    async def begin(self) -> Setup: ...  # noqa: D102
    async def answer(self, answers: SetupAnswers) -> Setup: ...  # noqa: D102
    async def make_certificate(self) -> CloudCertificates: ...  # noqa: D102
    async def check(self) -> bool: ...  # noqa: D102
    async def apply(self) -> Setup: ...  # noqa: D102


class StepBack(Exception):
    """Raised if < is typed, to go back a step."""


class SetupPrompts:
    """Asks questions with `ask`, and for secrets with `ask_hidden`; prints to standard output."""

    def __init__(
        self, setup: SetupSteps, ask: Callable[[str], str] = input, ask_hidden: Callable[[str], str] = getpass.getpass
    ) -> None:
        self._setup = setup
        self._ask = interruptible(ask)
        self._ask_hidden = interruptible(ask_hidden)

    async def run(self) -> int:
        """Ask until everything is applied, or the input ends."""
        try:
            state = await self._setup.under_way()
            if state is None or not self._agrees("A set-up is in progress. Continue it?"):
                state = await self._setup.begin()
            _say(HOW)
            while True:
                applied = await self._step(state)
                if applied is None:
                    return WELL
                state = applied
        except (EOFError, KeyboardInterrupt):
            remark()
            remark("Your answers are kept: calendar-engine setup continues with them.")
            return FAILED

    async def _step(self, state: Setup) -> Setup | None:
        """Carry out one step and return the next, None after the last."""
        step = state.step
        say()
        say(step.title)
        for line in step.guidance:
            _say(line, "  ")
        try:
            state = await self._ask_all(state)
        except StepBack:
            return await self._setup.answer(SetupAnswers(step="back"))
        for problem in state.step.problems:
            _say(f"! {problem.key} {problem.reason}. {problem.remedy}")
        if state.step.problems and self._agrees("Answer them again?"):
            return state
        if not await self._try(state.step) and self._agrees("Change something?"):
            return state
        if state.step.name != state.steps[-1].name:
            return await self._setup.answer(SetupAnswers(step="next"))
        return await self._review(state)

    async def _try(self, step: SetupStep) -> bool:
        """Offer to check a step; return whether to continue."""
        if not step.can_check or step.problems or not self._agrees("Check it now?"):
            return True
        return await self._setup.check()

    async def _review(self, state: Setup) -> Setup | None:
        if not state.ready:
            for problem in state.problems:
                _say(f"! {problem.key} {problem.reason}. {problem.remedy}")
            first = next(step.name for step in state.steps if step.problems)
            return await self._setup.answer(SetupAnswers(step=first))
        for change in state.changes:
            before = _text(change.before) or "not set"
            after = _text(change.after) or "not set (the default applies)"
            _say(f"{change.key}: {before} -> {after}", "  ")
        for name in state.new_secrets:
            say(f"  secret {name}: new")
        if not self._agrees("Apply these changes?"):
            return await self._setup.answer(SetupAnswers(step="back"))
        await self._setup.apply()
        say("The set-up is applied.")
        return None

    async def _ask_all(self, state: Setup) -> Setup:
        """Ask all questions of a step. Each answer is sent at once, because later questions may depend on it.

        Raises `StepBack`.
        """
        asked: set[str] = set()
        while (field := next((each for each in state.step.fields if each.key not in asked), None)) is not None:
            asked.add(field.key)
            changes = dict(self._setting(field, state.step.suggestions.get(field.key)))
            if changes:
                state = await self._setup.answer(SetupAnswers(settings=changes))
        wanted = [each for each in state.step.secrets if not await self._has_certificate(each, state)]
        secrets = {each.name: typed for each in wanted if (typed := self._secret(each.name, each.known))}
        user = None
        if state.step.asks_for_user:
            user = self._typed(f"User to check with (e-mail address) [{state.user}]: ", "") or state.user
        return await self._setup.answer(SetupAnswers(secrets=secrets, user=user))

    async def _has_certificate(self, secret: SetupSecret, state: Setup) -> bool:
        """Offer to make a certificate in place of the client secret; return whether it was made, and show it."""
        if secret.name != "exchange.client_secret" or secret.known or not self._agrees(CERTIFICATE_OFFERED):
            return False
        made = await self._setup.make_certificate()
        client_id = next((each.value for each in state.step.fields if each.key == "exchange.client_id"), None)
        if isinstance(client_id, str):
            made = replace(made, client_id=client_id)
        show_certificates(made)
        self._ask("Enter once it is uploaded: ")
        return True

    def _setting(self, field: Setting, suggestion: Value) -> Iterator[tuple[str, Value]]:
        words = f" ({', '.join(field.words)})" if 0 < len(field.words) <= 12 else ""
        offered = suggestion if field.origin == "default" and suggestion is not None else field.value
        typed = self._typed(f"{field.key}{words} [{_text(offered)}]: ", field.help)
        if typed == "-":
            yield field.key, None
        elif typed:
            yield field.key, value_typed(field, typed)
        elif suggestion is not None and offered == suggestion:
            yield field.key, suggestion

    def _typed(self, prompt: str, explanation: str) -> str:
        while True:
            typed = self._ask(prompt).strip()
            if typed == "<":
                raise StepBack
            if typed != "?" or not explanation:
                return typed
            _say(explanation, "  ")

    def _secret(self, name: str, known: bool) -> str:
        typed = self._ask_hidden(f"{name} (not shown){' [known]' if known else ''}: ")
        if typed == "<":
            raise StepBack
        return typed

    def _agrees(self, question: str) -> bool:
        return self._ask(f"{question} [Y/n] ").strip().casefold() not in ("n", "no")


def _say(text: str, indent: str = "") -> None:
    """Print a text, wrapped between words to the width of the terminal."""
    width = shutil.get_terminal_size().columns
    for line in textwrap.wrap(
        visible(text),
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        say(line)


def value_typed(field: Setting, typed: str) -> Value:
    """Return the input as a value of this kind; invalid input stays text, which the engine rejects."""
    if field.many:
        return tuple(part.strip() for part in typed.split(",") if part.strip())
    if field.kind == "true or false":
        return {"true": True, "yes": True, "false": False, "no": False}.get(typed.casefold(), typed)
    try:
        match field.kind:
            case "whole number":
                return int(typed)
            case "number":
                return float(typed)
    except ValueError:
        pass
    return typed


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
