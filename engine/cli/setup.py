"""Carries out `setup`: the answers come from a file, or from whoever sits at the terminal."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from engine.api.client.finding import reachable_socket
from engine.api.schema.places import usual_sockets
from engine.api.schema.probes import RungAccount
from engine.api.schema.settings import SettingChange
from engine.api.schema.setup import Setup, SetupAnswers
from engine.cli.answers import Answers, read_answers
from engine.cli.client import CommandClient
from engine.cli.dialogue import Dialogue
from engine.cli.failures import AnswersInvalid, AnswersNotGiven
from engine.cli.loop import run_loop
from engine.cli.output import put_json, remark, say
from engine.cli.process import protect_memory
from engine.cli.setup_client import SetupClient
from engine.cli.statuses import FAILED, WELL
from engine.core.settings.problems import Problem
from engine.core.setup.flow import TIME_ZONE
from engine.display import displayed
from engine.store.secrets import ENVIRONMENT, given_secrets


class TriedStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step that was tried."""

    name: str
    title: str
    passed: bool
    rungs: tuple[RungAccount, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file with answers. `changes` and `new_secrets` were applied, or would be if all goes well."""

    state: Literal["unusable", "failed", "works", "applied"]
    problems: tuple[Problem, ...] = ()
    steps: tuple[TriedStep, ...] = ()
    changes: tuple[SettingChange, ...] = ()
    new_secrets: tuple[str, ...] = ()


ENDS = {
    "failed": ("", "Nothing was changed."),
    "works": ("", "Everything works. Nothing was changed."),
    "applied": ("The set-up is in force.",),
}


def run_setup(options: argparse.Namespace) -> int:
    """Set everything up. Raises a `Failure`, `AnswersInvalid` before anything was tried."""
    if options.json and not options.answers:
        raise AnswersNotGiven
    protect_memory()
    answers = read_answers(options.answers) if options.answers else None
    path = reachable_socket((options.socket,) if options.socket else usual_sockets(), "change")
    try:
        return run_loop(_run(options, path, answers))
    except KeyboardInterrupt:
        return FAILED


async def _run(options: argparse.Namespace, path: Path, answers: Answers | None) -> int:
    client = CommandClient(path)
    setup = SetupClient(client, sys.stderr if options.json else sys.stdout)
    if answers is None:
        return await Dialogue(setup).run()
    return await _by_file(setup, answers, options)


async def _by_file(setup: SetupClient, answers: Answers, options: argparse.Namespace) -> int:
    state = await _answered(setup, answers, options)
    problems = (*answers.problems, *_missing(state, answers))
    if problems:
        if options.json:
            put_json(Outcome(state="unusable", problems=problems))
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
    await setup.begin()
    return await setup.answer(SetupAnswers(settings=answers.settings, secrets=secrets, user=answers.user))


async def _carried_out(setup: SetupClient, state: Setup, *, apply: bool) -> Outcome:
    """Try all steps and, where nothing speaks against it, `apply` the answers."""
    outcome = Outcome(state="works", changes=state.changes, new_secrets=state.new_secrets)
    tried: list[TriedStep] = []
    for each in state.steps:
        if each.can_check:
            step = await setup.tried(each)
            tried.append(TriedStep(name=step.name, title=step.title, passed=step.passed, rungs=step.rungs))
            if not step.passed:
                return msgspec.structs.replace(outcome, state="failed", steps=tuple(tried))
    outcome = msgspec.structs.replace(outcome, steps=tuple(tried))
    if not apply:
        return outcome
    applied = await setup.apply()
    return msgspec.structs.replace(outcome, state="applied", changes=applied.changes, new_secrets=applied.new_secrets)


def _missing(state: Setup, answers: Answers) -> Iterator[Problem]:
    """Yield what the file cannot be seen to lack: the secrets are elsewhere, and a time zone may be known already."""
    for problem in state.problems:
        if problem.key == TIME_ZONE and all(each.key != TIME_ZONE for each in answers.problems):
            remedy = 'Add timezone = "Europe/Berlin", or where your users are, to the table [presence].'
            yield Problem(problem.key, None, problem.reason, remedy)
        if problem.key in ENVIRONMENT:
            remedy = f"Set {ENVIRONMENT[problem.key]} in the environment, or put it into the file of --secrets."
            yield Problem(problem.key, None, problem.reason, remedy)


def _lines(outcome: Outcome) -> Iterator[str]:
    """Yield what was changed, and which secrets went in."""
    for change in outcome.changes:
        before = "" if change.before is None else f" (was {change.before})"
        yield f"  {change.key} = {'the default' if change.after is None else change.after}{before}"
    for name in outcome.new_secrets:
        yield f"  secret {name}"
