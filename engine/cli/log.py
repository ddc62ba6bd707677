"""The command `log`, which shows and exports the debug log, and switches capturing."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from engine.api.client import reachable_socket
from engine.api.paths import usual_sockets
from engine.api.resources.engine import EngineRequests
from engine.api.resources.log import LogRequests, log_events
from engine.api.schema.log import (
    EVERY_PEER,
    CaptureQuestion,
    LogExportQuestion,
    LogHistogramQuestion,
    LogQuestion,
    LogRow,
)
from engine.cli.client import CommandClient
from engine.cli.errors import NotOneExchange
from engine.cli.exit_codes import FAILED, WELL
from engine.cli.output import put, put_json, remark, say, show_document, write_new_file
from engine.cli.terminal import palette_of, room
from engine.daemon.loop import run_loop
from engine.display import counted
from engine.documents.lines import UNLIMITED, Line
from engine.documents.log_chart import histogram_document
from engine.documents.log_entry import body_document, headers, summary
from engine.documents.log_rows import numbered_heads, numbered_line
from engine.documents.log_status import capture_document, figures_document, kept_by, whole_findings

MOST = 1000
"""Number of rows per request."""

NOTHING_CAN_COME = "The debug log is off, so nothing will appear: calendar-engine log on. Ctrl+C ends the command."

FILES = {"bundle": "calendar-engine-support.zip", "har": "calendar-engine.har", "curl": "calendar-engine.sh"}


def run_log(options: argparse.Namespace) -> int:
    """Run one of the actions and return the exit status. Raises a `Failure`."""
    paths = (options.socket,) if options.socket else usual_sockets()
    path = reachable_socket(paths, "change" if options.action in ("on", "off") else "ask")
    try:
        return run_loop(_run(options, path))
    except KeyboardInterrupt:
        return WELL if options.action == "follow" else FAILED


async def _run(options: argparse.Namespace, path: Path) -> int:
    client = CommandClient(path)
    status = await EngineRequests(client).status()
    log = LogCommands(client, ZoneInfo(status.timezone), as_json=options.json)
    if status.cluster is not None:
        remark(kept_by(status.cluster))
    match options.action:
        case "show" if len(options.filter) == 1 and options.filter[0].isdecimal():
            return await log.one(options.filter[0], raw=options.raw)
        case "show":
            return await log.show(" ".join(options.filter), options.limit)
        case "follow":
            return await log.follow(" ".join(options.filter))
        case "stats":
            return await log.stats(" ".join(options.filter))
        case "histogram":
            return await log.histogram(" ".join(options.filter), options.columns)
        case "diagnose":
            return await log.diagnose(" ".join(options.filter))
        case "export":
            return await log.export(options)
        case _:
            return await log.switch(options)


class LogCommands:
    """Runs the actions; data is printed to standard output, as lines or JSON, progress to standard error."""

    def __init__(self, client: CommandClient, zone: ZoneInfo, *, as_json: bool) -> None:
        self._client = client
        self._log = LogRequests(client)
        self._zone = zone
        self._as_json = as_json

    async def show(self, words: str, limit: int) -> int:
        """Show the newest matching entries, the newest last."""
        rows: list[LogRow] = []
        before: int | None = None
        while len(rows) < limit:
            question = LogQuestion(filter=words, limit=min(MOST, limit - len(rows)), before=before)
            page = await self._log.page(question)
            rows += page.rows
            before = page.next
            if before is None:
                break
        if rows and not self._as_json:
            self._say([numbered_heads()])
        for row in reversed(rows):
            show_document(row, self._row, as_json=self._as_json)
        if not rows:
            await self._tell_why_nothing()
        return WELL

    async def _tell_why_nothing(self) -> None:
        state = await self._log.capture()
        remark("No entry matches the filter." if state.stored else "Nothing has been captured yet.")
        for text in palette_of(sys.stderr).printed(capture_document(state, self._zone, room())):
            remark(text)

    async def one(self, number: str, *, raw: bool) -> int:
        """Show one entry with its bodies."""
        exchange = await self._log.exchange(number)
        pretty = self._as_json and not raw
        request = await self._log.body(number, "request", pretty=pretty)
        response = await self._log.body(number, "response", pretty=pretty)
        if self._as_json:
            whole = msgspec.to_builtins(exchange) | {
                "request_body": request.decode(errors="replace"),
                "response_body": response.decode(errors="replace"),
            }
            put_json(whole)
        else:
            self._say(summary(exchange, (), room(), self._zone, whole=True))
            self._say(headers(exchange, UNLIMITED))
            self._say(body_document("Request body", exchange.request, request, raw=raw))
            self._say(body_document("Response body", exchange.response, response, raw=raw))
        return WELL

    async def follow(self, words: str) -> int:
        """Show matching entries as they are stored, until interrupted."""
        after = (await self._log.page(LogQuestion(filter=words, limit=1))).newest
        state = await self._log.capture()
        remark("Waiting for entries; Ctrl+C ends the command." if state.on else NOTHING_CAN_COME)
        async for event in log_events(self._client):
            if event.capture is not None and not self._as_json:
                self._say(capture_document(event.capture, self._zone, room()))
            while event.count:
                page = await self._log.page(LogQuestion(filter=words, after=after, limit=MOST))
                for row in page.rows:
                    show_document(row, self._row, as_json=self._as_json)
                after = page.newest if page.next is None else page.next
                if page.next is None:
                    break
        return FAILED  # the events end only with a failure

    async def stats(self, words: str) -> int:
        """Show statistics."""
        found = await self._log.statistics(words)
        show_document(found, lambda this: figures_document(this, room()), as_json=self._as_json)
        return WELL

    async def histogram(self, words: str, columns: int) -> int:
        """Show how many entries ended when."""
        found = await self._log.histogram(LogHistogramQuestion(filter=words, columns=columns))
        show_document(found, lambda this: histogram_document(this, self._zone), as_json=self._as_json)
        return WELL

    async def diagnose(self, words: str) -> int:
        """Show the errors with causes and remedies."""
        found = await self._log.diagnosis(words)
        show_document(found, lambda this: whole_findings(this, self._zone, room()), as_json=self._as_json)
        return WELL

    async def export(self, options: argparse.Namespace) -> int:
        """Write entries to a file that only its owner can read, or to standard output for "-"."""
        words = " ".join(options.filter)
        if options.format == "curl":
            if not words.isdecimal():
                raise NotOneExchange(f"{words!r} is not the number of an entry")
            content = await self._log.curl(words)
        else:
            question = LogExportQuestion(filter=words, limit=options.limit, persons=options.persons)
            content = await self._log.export(options.format, question)
        file = options.output or Path(FILES[options.format])
        if str(file) == "-":
            put(content)
            return WELL
        write_new_file(file, content)
        remark(f"{file}: {counted(len(content), 'byte')}")
        return WELL

    async def switch(self, options: argparse.Namespace) -> int:
        """Start or stop capturing."""
        question = CaptureQuestion(on=False)
        if options.action == "on":
            peers = (options.peer,) if options.peer else EVERY_PEER
            question = CaptureQuestion(on=True, peers=peers, mailboxes=tuple(options.mailbox), seconds=options.seconds)
        state = await self._log.switch(question)
        show_document(state, lambda this: capture_document(this, self._zone, room()), as_json=self._as_json)
        return WELL

    def _row(self, row: LogRow) -> Iterator[Line]:
        yield numbered_line(row, self._zone)

    def _say(self, lines: Iterable[Line]) -> None:
        for text in palette_of(sys.stdout).printed(lines):
            say(text)
