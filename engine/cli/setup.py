"""The command `setup`, as a dialogue or from a file of answers."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TextIO

import msgspec
from msgspec.structs import replace

from engine.api.client import reachable_socket
from engine.api.paths import usual_sockets
from engine.api.resources.cloud import CloudRequests
from engine.api.resources.setup import SetupRequests
from engine.api.schema.checks import RungAccount
from engine.api.schema.cloud import CloudCertificates
from engine.api.schema.settings import SettingChange, Value
from engine.api.schema.setup import (
    Setup,
    SetupAnswers,
    SetupApplied,
    SetupBeginning,
    SetupCheck,
    SetupCheckQuestion,
    SetupOptions,
    SetupOptionsQuestion,
    SetupSummary,
)
from engine.cli.check import call_off, show_steps, tell_end
from engine.cli.client import CommandClient, reporting_wait
from engine.cli.errors import AnswersInvalid, AnswersNotGiven, FlowUnknown
from engine.cli.exit_codes import FAILED, WELL
from engine.cli.output import put_json, remark, say
from engine.cli.setup_prompts import SetupPrompts
from engine.cli.status import FOLLOWED
from engine.core import bounded
from engine.daemon.loop import run_loop
from engine.daemon.process import protect_memory
from engine.display import displayed
from engine.settings.forms import differences
from engine.settings.keys import KEYS
from engine.settings.problems import InvalidSetting, SettingsInvalid
from engine.settings.reader import read_settings
from engine.setup.flow import TIME_ZONE
from engine.setup.pages import FLOWS, OWN_KEYS, START
from engine.store.secrets import ENVIRONMENT, given_secrets
from engine.supervisor.settings_file import SettingsFile, system_zone


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers in a file, `own` being those that are no settings; `problems` lists everything missing or wrong in
    it, except secrets."""

    settings: dict[str, Value]
    own: dict[str, str]
    problems: tuple[InvalidSetting, ...]


def read_answers(path: Path) -> Answers:
    """Return the answers in a file. Raises `SettingsMissing` or `SettingsUnreadable`."""
    text = SettingsFile(path).read()
    found: tuple[InvalidSetting, ...] = ()
    try:
        read_settings(text, default_zone=system_zone(), source=str(path), today=datetime.now(UTC).date())
    except SettingsInvalid as failure:
        found = tuple(problem for problem in failure.problems if not problem.key.startswith("setup"))
    settings = {each.key: each.after for each in differences("", text) if each.key in KEYS}
    own, others = _setup_table(text)
    own.setdefault(START, "nobody" if settings.get("engine.dry_run") is True else "everybody")
    return Answers(settings, own, (*found, *others))


def _setup_table(text: str) -> tuple[dict[str, str], tuple[InvalidSetting, ...]]:
    try:
        table = bounded.toml(text).get("setup", {})
    except bounded.NotReadable:
        return {}, ()  # reported as a problem of the settings
    if not isinstance(table, dict):
        return {}, (InvalidSetting("setup", None, "must be a table", "Write a table [setup] with user = … in it."),)
    known = {name: value for name, value in table.items() if f"setup.{name}" in OWN_KEYS}
    names = ", ".join(OWN_KEYS)
    others = [
        InvalidSetting(f"setup.{name}", None, "is not a known key", f"The keys besides the settings are {names}.")
        for name in table
        if name not in known
    ]
    others += [
        InvalidSetting(f"setup.{name}", None, "must be text", "Write it in quotation marks.")
        for name, value in known.items()
        if not isinstance(value, str)
    ]
    return {f"setup.{name}": str(value) for name, value in known.items()}, tuple(others)


class SetupClient:
    """The set-up of one engine over its API; each step is printed to `narration` as soon as it is done."""

    def __init__(self, client: CommandClient, narration: TextIO) -> None:
        self._client = client
        self._requests = SetupRequests(client)
        self._narration = narration

    async def under_way(self) -> Setup | None:
        """Return the set-up in progress, None if there is none."""
        return await self._requests.under_way()

    async def begin(self, question: SetupBeginning) -> Setup:
        """Start a set-up."""
        return await self._requests.begin(question)

    async def take_over(self) -> Setup:
        """Go on with what somebody else began."""
        return await self._requests.take_over(SetupBeginning(where=origin(os.environ)))

    async def answer(self, answers: SetupAnswers) -> Setup:
        """Send answers, and go to a page."""
        return await self._requests.answer(replace(answers, where=origin(os.environ)))

    async def options(self, question: SetupOptionsQuestion) -> SetupOptions:
        """Search the options of a field."""
        return await self._requests.options(question)

    async def make_certificate(self) -> CloudCertificates:
        """Make a certificate for the application, unless there is one; return its public part."""
        return await CloudRequests(self._client).make()

    async def check(self) -> Setup:
        """Check the current page, printing each step, and return what came of it."""
        operation = await self._requests.check(SetupCheckQuestion(log_in=True))
        printed = 0
        try:
            async with reporting_wait(lambda: f"Checking the next step, {printed} done"):
                while True:
                    state = await self._requests.state()
                    check = state.page.check
                    rungs = check.rungs if check is not None else ()
                    show_steps(rungs[printed:], self._narration)
                    printed = len(rungs)
                    if check is None or check.operation.state != "running":
                        break
                    await asyncio.sleep(FOLLOWED)
        except asyncio.CancelledError:
            await call_off(self._client, operation)
            raise
        if check is not None:
            tell_end(check.operation)
        return state

    async def reach(self) -> Setup:
        """Check what costs no log-in, and return what came of it."""
        await self._requests.check(SetupCheckQuestion(log_in=False))
        while True:
            state = await self._requests.state()
            reach = state.page.reach
            if reach is None or reach.operation.state != "running":
                return state
            await asyncio.sleep(FOLLOWED)

    async def tried(self, step: SetupSummary) -> SetupCheck | None:
        """Go to a step, check it, and return the result."""
        say("", self._narration)
        say(step.title, self._narration)
        await self.answer(SetupAnswers(go=step.name))
        return (await self.check()).page.check

    async def apply(self) -> SetupApplied:
        """Apply the set-up; return what was applied."""
        return await self._requests.apply()


def origin(environment: Mapping[str, str]) -> str:
    """Return the address that somebody has logged in from (ssh(1), SSH_CONNECTION), "" if not over SSH."""
    return environment.get("SSH_CONNECTION", "").partition(" ")[0]


class TriedStep(msgspec.Struct, frozen=True, kw_only=True):
    """The result of checking a step."""

    name: str
    title: str
    passed: bool
    rungs: tuple[RungAccount, ...]


class SetupResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a set-up from a file. `changes` and `new_secrets` were applied, or would be without problems."""

    state: Literal["unusable", "failed", "works", "applied"]
    problems: tuple[InvalidSetting, ...] = ()
    steps: tuple[TriedStep, ...] = ()
    changes: tuple[SettingChange, ...] = ()
    new_secrets: tuple[str, ...] = ()


ENDS = {
    "failed": ("", "Nothing was changed."),
    "works": ("", "Everything works. Nothing was changed."),
    "applied": ("The set-up is applied.",),
}


def run_setup(options: argparse.Namespace) -> int:
    """Run the set-up. Raises a `Failure`, `AnswersInvalid` before anything is checked."""
    if options.json and not options.answers and not options.export_answers:
        raise AnswersNotGiven
    if options.flow not in FLOWS:
        raise FlowUnknown(f"{options.flow!r}; there are {', '.join(FLOWS)}")
    protect_memory()
    answers = read_answers(options.answers) if options.answers else None
    path = reachable_socket((options.socket,) if options.socket else usual_sockets(), "change")
    try:
        return run_loop(_run(options, path, answers))
    except KeyboardInterrupt:
        return FAILED


async def _run(options: argparse.Namespace, path: Path, answers: Answers | None) -> int:
    client = CommandClient(path)
    if options.export_answers:
        return await _export(SetupRequests(client), as_json=options.json)
    setup = SetupClient(client, sys.stderr if options.json else sys.stdout)
    if answers is None:
        return await SetupPrompts(setup).run(SetupBeginning(flow=options.flow, where=origin(os.environ)))
    return await _by_file(setup, answers, options)


async def _export(requests: SetupRequests, *, as_json: bool) -> int:
    """Print the answers as a file, and say which secrets are needed besides."""
    answers = await requests.answers_file()
    if as_json:
        put_json(answers)
        return WELL
    for line in answers.text.splitlines():
        say(line)
    for name in answers.needed:
        remark(f"Needed besides: {name} ({ENVIRONMENT[name]}, or the file given with --secrets)")
    return WELL


async def _by_file(setup: SetupClient, answers: Answers, options: argparse.Namespace) -> int:
    state = await _answered(setup, answers, options)
    problems = (*answers.problems, *_missing(state, answers))
    if problems:
        if options.json:
            put_json(SetupResult(state="unusable", problems=problems))
        raise AnswersInvalid(options.answers, problems)
    outcome = await _carried_out(setup, state, apply=not options.check_only)
    if options.json:
        put_json(outcome)
    elif outcome.state == "applied":
        say()
        for line in _lines(displayed(outcome)):
            say(line)
    for line in ENDS[outcome.state]:
        remark(line)
    return FAILED if outcome.state == "failed" else WELL


async def _answered(setup: SetupClient, answers: Answers, options: argparse.Namespace) -> Setup:
    secrets = {name: secret.reveal() for name, secret in given_secrets(os.environ, options.secrets).items()}
    await setup.begin(SetupBeginning(over=True, where=origin(os.environ)))
    return await setup.answer(SetupAnswers(settings=answers.settings, secrets=secrets, texts=answers.own))


async def _carried_out(setup: SetupClient, state: Setup, *, apply: bool) -> SetupResult:
    """Check all steps and, if all pass, `apply` the answers."""
    outcome = SetupResult(state="works", changes=state.changes, new_secrets=state.new_secrets)
    tried: list[TriedStep] = []
    for each in state.steps:
        if each.can_check:
            check = await setup.tried(each)
            passed = check is not None and check.passed
            rungs = check.rungs if check is not None else ()
            tried.append(TriedStep(name=each.name, title=each.title, passed=passed, rungs=rungs))
            if not passed:
                return replace(outcome, state="failed", steps=tuple(tried))
    outcome = replace(outcome, steps=tuple(tried))
    if not apply:
        return outcome
    applied = await setup.apply()
    return replace(outcome, state="applied", changes=applied.changes, new_secrets=applied.new_secrets)


def _missing(state: Setup, answers: Answers) -> Iterator[InvalidSetting]:
    """Yield the missing answers that the file alone does not show: secrets, and a time zone unless it is known."""
    for problem in state.problems:
        if problem.key == TIME_ZONE and all(each.key != TIME_ZONE for each in answers.problems):
            remedy = 'Add timezone = "Europe/Berlin", or the zone of your users, to the table [presence].'
            yield InvalidSetting(problem.key, None, problem.reason, remedy)
        if problem.key in ENVIRONMENT:
            remedy = f"Set {ENVIRONMENT[problem.key]} in the environment, or add it to the file given with --secrets."
            yield InvalidSetting(problem.key, None, problem.reason, remedy)


def _lines(outcome: SetupResult) -> Iterator[str]:
    """Yield the changes and the names of the new secrets as lines."""
    for change in outcome.changes:
        before = "" if change.before is None else f" (was {change.before})"
        yield f"  {change.key} = {'the default' if change.after is None else change.after}{before}"
    for name in outcome.new_secrets:
        yield f"  secret {name}"
