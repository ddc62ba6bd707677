"""Carries out `setup`: the answers come from a file, or from whoever sits at the terminal."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from engine.api.schema import Operation
from engine.api.schema.places import usual_sockets
from engine.api.schema.setup import Setup, SetupAnswers
from engine.cli.answers import Answers, AnswersInvalid, read_answers
from engine.cli.attached import FOLLOWED
from engine.cli.client import ApiClient, reachable_socket
from engine.cli.dialogue import Dialogue
from engine.cli.ladders import Ladders
from engine.cli.palette import palette_of_output
from engine.cli.statuses import FAILED, WELL
from engine.cli.trying import show_rungs, tell_end
from engine.core.settings.problems import Problem
from engine.store.secrets import ENVIRONMENT, given_secrets

PATH = "/v1/setup"


def run_setup(options: argparse.Namespace) -> int:
    """Set everything up. Raises a `Failure`, `AnswersInvalid` before anything was tried."""
    answers = read_answers(options.answers) if options.answers else None
    path = reachable_socket((options.socket,) if options.socket else usual_sockets(), to_change=True)
    try:
        return asyncio.run(_run(options, path, answers))
    except KeyboardInterrupt:
        return FAILED


async def _run(options: argparse.Namespace, path: Path, answers: Answers | None) -> int:
    async with ApiClient(path) as client:
        setup = SetupClient(client, Ladders(palette_of_output(no_colour="NO_COLOR" in os.environ)))
        if answers is None:
            return await Dialogue(setup).run()
        return await _by_file(setup, answers, options)


async def _by_file(setup: "SetupClient", answers: Answers, options: argparse.Namespace) -> int:
    secrets = {name: secret.reveal() for name, secret in given_secrets(os.environ, options.secrets).items()}
    await setup.begin()
    state = await setup.answer(SetupAnswers(settings=answers.settings, secrets=secrets, user=answers.user))
    problems = [*answers.problems, *_missing_secrets(state)]
    if problems:
        raise AnswersInvalid(options.answers, problems)
    for step in state.steps:
        if step.can_check:
            print(f"\n{step.title}", flush=True)
            await setup.answer(SetupAnswers(step=step.name))
            if not await setup.check():
                print("\nNothing was changed.", file=sys.stderr)
                return FAILED
    if options.check_only:
        print("\nEverything works. Nothing was changed.", file=sys.stderr)
        return WELL
    applied = await setup.apply()
    print()
    for line in changes_of(applied):
        print(line)
    print("The set-up is in force.", file=sys.stderr)
    return WELL


def _missing_secrets(state: Setup) -> Iterator[Problem]:
    for problem in state.problems:
        if problem.key in ENVIRONMENT:
            remedy = f"Set {ENVIRONMENT[problem.key]} in the environment, or put it into the file of --secrets."
            yield Problem(problem.key, None, problem.reason, remedy)


def changes_of(state: Setup) -> Iterator[str]:
    """Yield what applying changes, and which secrets go in."""
    for change in state.changes:
        before = "" if change.before is None else f" (was {change.before})"
        yield f"  {change.key} = {'the default' if change.after is None else change.after}{before}"
    for name in state.new_secrets:
        yield f"  secret {name}"


class SetupClient:
    """The set-up of one engine, over its API."""

    def __init__(self, client: ApiClient, ladders: Ladders) -> None:
        self._client = client
        self._ladders = ladders

    async def under_way(self) -> Setup | None:
        """Return the set-up that was begun before, None where there is none."""
        return await self._client.find(PATH, Setup)

    async def begin(self) -> Setup:
        """Begin it anew."""
        return await self._client.post(PATH, Setup)

    async def answer(self, answers: SetupAnswers) -> Setup:
        """Take answers in, and go to a step."""
        return await self._client.send("PATCH", PATH, Setup, answers)

    async def check(self) -> bool:
        """Try the step that it is at, print each rung as it is done, and tell whether all went well."""
        operation = await self._client.post(f"{PATH}/check", Operation)
        told = 0
        try:
            while True:
                step = (await self._client.get(PATH, Setup)).step
                show_rungs(self._ladders, step.rungs[told:])
                told = len(step.rungs)
                if step.check is None or step.check.state != "running":
                    break
                await asyncio.sleep(FOLLOWED)
        except asyncio.CancelledError:
            await self._client.delete(f"/v1/operations/{operation.id}")
            raise
        if step.check is not None:
            tell_end(step.check)
        return step.passed

    async def apply(self) -> Setup:
        """Put it into force; return what was applied."""
        return await self._client.post(f"{PATH}/apply", Setup)
