"""The set-up of a running engine: each step is shown as it is tried."""

import asyncio
import os
from typing import TextIO

from engine.api.schema import Operation
from engine.api.schema.setup import Setup, SetupAnswers, SetupStep, SetupSummary
from engine.cli.attached import FOLLOWED
from engine.cli.client import CommandClient
from engine.cli.ladders import Ladders
from engine.cli.output import say
from engine.cli.palette import palette_of
from engine.cli.trying import call_off, show_rungs, tell_end
from engine.cli.waiting import saying

PATH = "/v1/setup"


class SetupClient:
    """The set-up of one engine, over its API; `narration` is where each rung is written as soon as it is done."""

    def __init__(self, client: CommandClient, narration: TextIO) -> None:
        self._client = client
        self._narration = narration
        self._ladders = Ladders(palette_of(narration, no_colour="NO_COLOR" in os.environ))

    async def under_way(self) -> Setup | None:
        """Return the set-up that was begun before, None where there is none."""
        return await self._client.find(PATH, Setup)

    async def begin(self) -> Setup:
        """Begin it anew."""
        return await self._client.post(PATH, Setup)

    async def answer(self, answers: SetupAnswers) -> Setup:
        """Take answers in, and go to a step."""
        return await self._client.patch(PATH, Setup, answers)

    async def check(self) -> bool:
        """Try the step that it is at, and tell whether all went well."""
        return (await self._tried()).passed

    async def tried(self, step: SetupSummary) -> SetupStep:
        """Go to a step and try it, and return what came of it."""
        say("", self._narration)
        say(step.title, self._narration)
        await self.answer(SetupAnswers(step=step.name))
        return await self._tried()

    async def apply(self) -> Setup:
        """Put it into force; return what was applied."""
        return await self._client.post(f"{PATH}/apply", Setup)

    async def _tried(self) -> SetupStep:
        operation = await self._client.post(f"{PATH}/check", Operation)
        told = 0
        try:
            async with saying(lambda: f"Trying the next one, {told} done"):
                while True:
                    step = (await self._client.get(PATH, Setup)).step
                    show_rungs(self._ladders, step.rungs[told:], self._narration)
                    told = len(step.rungs)
                    if step.check is None or step.check.state != "running":
                        break
                    await asyncio.sleep(FOLLOWED)
        except asyncio.CancelledError:
            await call_off(self._client, operation)
            raise
        if step.check is not None:
            tell_end(step.check)
        return step
