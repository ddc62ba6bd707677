"""The commands `go-live`, `go-back` and `remove`, the comparison with the PBX, and the presence test."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from engine.api.client import reachable_socket
from engine.api.paths import usual_sockets
from engine.api.resources.engine import EngineRequests
from engine.api.resources.live import LiveRequests
from engine.api.schema import Operation
from engine.api.schema.learning import Learning, LearningQuestion
from engine.api.schema.live import (
    BackQuestion,
    LivePageQuestion,
    LivePreviewQuestion,
    LivePreviewRow,
    LiveQuestion,
    LiveState,
    Removal,
)
from engine.cli.check import call_off, changes_typed, show_steps, tell_end
from engine.cli.client import CommandClient, reporting_wait
from engine.cli.exit_codes import FAILED, WELL
from engine.cli.output import put_json, remark, say, show_document, write_new_file
from engine.cli.status import FOLLOWED, PER_PAGE
from engine.cli.terminal import palette_of, room
from engine.daemon.loop import run_loop
from engine.display import counted
from engine.documents.live import comparison_csv, comparison_document, goodbye_document, learned, live_document
from engine.documents.status import hindrance


def run_live(options: argparse.Namespace) -> int:
    """Run one of the commands and return its exit status. Raises a `Failure`."""
    paths = (options.socket,) if options.socket else usual_sockets()
    client = CommandClient(reachable_socket(paths, "change"))
    commands = LiveCommands(client, as_json=options.json)
    work: Awaitable[int]
    match options.command:
        case "go-live":
            work = commands.go_live(tuple(options.pilots), options.confirm_within)
        case "go-back":
            work = commands.go_back(keep=options.keep)
        case "remove":
            work = commands.remove(clear=options.clear)
        case "probe":
            work = commands.learn(LearningQuestion(user=options.learn, settings=changes_typed(options.changes)))
        case _:
            question = LivePreviewQuestion(settings=changes_typed(options.changes))
            work = commands.compare(question, options.csv, differing=options.differing)
    return run_loop(_run(work))


async def _run(work: Awaitable[int]) -> int:
    return await work


class LiveCommands:
    """Runs the commands; data is printed to standard output, as lines or JSON, progress to standard error."""

    def __init__(self, client: CommandClient, *, as_json: bool) -> None:
        self._client = client
        self._live = LiveRequests(client)
        self._as_json = as_json

    async def go_live(self, pilots: tuple[str, ...], confirm_within: float | None) -> int:
        """Go live, and show whose presences are written."""
        state = await self._live.go(LiveQuestion(pilots=pilots, confirm_within=confirm_within))
        await self._show(state)
        return WELL

    async def go_back(self, *, keep: bool) -> int:
        """Go back, wait until what was written is cleared, and show what is left."""
        state = await self._live.go_back(BackQuestion(keep=keep))
        well = await self._cleared(state.clearing)
        await self._show(replace(await self._live.state(), clearing=state.clearing))
        return WELL if well else FAILED

    async def _show(self, state: LiveState) -> None:
        zone = ZoneInfo((await EngineRequests(self._client).status()).timezone)
        show_document(state, lambda this: live_document(this, zone, room()), as_json=self._as_json)

    async def remove(self, *, clear: bool) -> int:
        """Clear all presences of the engine in the PBX, and show what is left on this machine."""
        removal = await (self._live.remove() if clear else self._live.removal())
        if not clear:
            remark("Nothing was changed. With --clear, writing ends and all presences of the engine are cleared.")
        well = await self._cleared(removal.clearing)
        removal = replace(await self._live.removal(), clearing=removal.clearing)
        if self._as_json:
            put_json(removal)
        elif removal.left or not clear:
            self._tell_left(removal)
        else:
            show_document(removal, lambda this: goodbye_document(this, room()), as_json=False)
        return WELL if well and (removal.left == 0 or not clear) else FAILED

    def _tell_left(self, removal: Removal) -> None:
        say(f"{counted(removal.left, 'presence')} of the engine are not updated any more, and left in the PBX.")
        say("calendar-engine remove --clear goes on where it was interrupted.")

    async def _cleared(self, operation: Operation | None) -> bool:
        """Wait until presences are cleared; return whether all are."""
        if operation is None:
            return True
        operation = await self._followed(operation, "presences cleared")
        return operation.state == "done" and not operation.failed

    async def _followed(self, operation: Operation, what: str) -> Operation:
        engine, printed = EngineRequests(self._client), -1
        while operation.state == "running":
            if operation.done != printed:
                printed = operation.done
                remark(f"{printed:,}{f' of {operation.total:,}' if operation.total else ''} {what}")
            await asyncio.sleep(FOLLOWED)
            operation = await engine.operation(operation.id)
        if operation.trouble is not None:
            zone = ZoneInfo((await engine.status()).timezone)
            for text in palette_of(sys.stderr).printed(hindrance(operation.trouble, operation.until, zone, room())):
                remark(text)
        tell_end(operation)
        return operation

    async def compare(self, question: LivePreviewQuestion, file: Path | None, *, differing: bool) -> int:
        """Show what the PBX shows now beside what would be written, or write it to a new CSV `file`."""
        operation = await self._live.begin_preview(question)
        try:
            operation = await self._followed(operation, "users compared")
        except asyncio.CancelledError:
            await call_off(self._client, operation)
            raise
        rows: list[LivePreviewRow] = []
        while True:
            page = len(rows) // PER_PAGE + 1
            part = LivePageQuestion(differing=differing, page=page, per_page=PER_PAGE)
            preview = await self._live.preview(operation.id, part)
            rows += preview.rows
            if len(preview.rows) < PER_PAGE:
                break
        preview = replace(preview, page=1, per_page=max(len(rows), 1), rows=tuple(rows))
        if file is not None:
            write_new_file(file, comparison_csv(rows).encode())
            remark(f"{counted(len(rows), 'user')} written to {file}")
        if file is None or self._as_json:
            show_document(preview, lambda this: comparison_document(this, room()), as_json=self._as_json)
        return WELL if operation.state == "done" and preview.stopped_by is None else FAILED

    async def learn(self, question: LearningQuestion) -> int:
        """Run a presence test, and show its steps and what it proposes."""
        operation = await self._live.begin_presence_test(question)
        try:
            found = await self._steps(operation.id)
        except asyncio.CancelledError:
            remark("The presences of before are put back.")
            await call_off(self._client, operation)
            raise
        if self._as_json:
            put_json(found)
        else:
            for text in palette_of(sys.stdout).printed(learned(found, room())):
                say(text)
        tell_end(found.operation)
        well = found.operation.state == "done" and all(step.outcome != "failed" for step in found.rungs)
        return WELL if well else FAILED

    async def _steps(self, key: str) -> Learning:
        printed = 0
        found = await self._live.presence_test(key)

        def what() -> str:
            return f"Testing presences, {printed} of {len(found.names)} steps done"

        async with reporting_wait(what):
            while True:
                if not self._as_json:
                    show_steps(found.rungs[printed:], sys.stdout)
                printed = len(found.rungs)
                if found.operation.state != "running":
                    return found
                await asyncio.sleep(FOLLOWED)
                found = await self._live.presence_test(key)
