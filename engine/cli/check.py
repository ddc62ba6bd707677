"""The commands `probe` and `preview`, which run a check in the engine and show its result."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TextIO

import msgspec

from engine.api.client import reachable_socket
from engine.api.paths import usual_sockets
from engine.api.resources.checks import CheckRequests
from engine.api.resources.engine import EngineRequests
from engine.api.schema import Operation
from engine.api.schema.checks import CheckSide, ProbeQuestion, RungAccount
from engine.api.schema.preview import PreviewPageQuestion, PreviewQuestion, PreviewRow
from engine.api.schema.settings import Value
from engine.cli.client import CommandClient, reporting_wait
from engine.cli.errors import ChangeNotUnderstood
from engine.cli.exit_codes import FAILED, WELL
from engine.cli.output import put_json, remark, say, show_document
from engine.cli.status import FOLLOWED, PER_PAGE
from engine.cli.terminal import palette_of, room
from engine.core import bounded
from engine.core.errors import Failure
from engine.daemon.loop import run_loop
from engine.documents.preview import preview_document
from engine.documents.problems import step_lines

CALLED_OFF_WITHIN = 2.0
"""Seconds allowed for telling the engine to cancel an operation."""


def run_probe(options: argparse.Namespace) -> int:
    """Run a connection check in the engine, and show each step as it is done. Raises a `Failure`."""
    question = ProbeQuestion(settings=changes_typed(options.changes), user=options.user, log_in=options.log_in)
    return attached_to_engine(options, lambda client: _probe(client, options.side, question, as_json=options.json))


def run_preview(options: argparse.Namespace) -> int:
    """Run a preview in the engine, and show the affected users. Raises a `Failure`."""
    question = PreviewQuestion(settings=changes_typed(options.changes))
    return attached_to_engine(options, lambda client: _preview(client, question, as_json=options.json))


def changes_typed(pairs: Iterable[str]) -> dict[str, Value]:
    """Parse `key=value` arguments: an empty value means the default, else it is a TOML value or plain text.

    Raises `ChangeNotUnderstood`.
    """
    changes: dict[str, Value] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not key or not equals:
            raise ChangeNotUnderstood(pair)
        changes[key] = _value(text) if text else None
    return changes


def _value(text: str) -> Value:
    try:
        value = bounded.toml(f"value = {text}")["value"]
    except ValueError:
        return text
    if isinstance(value, list):
        return tuple(str(each) for each in value)
    return value if isinstance(value, bool | int | float | str) else text


def attached_to_engine(options: argparse.Namespace, work: Callable[[CommandClient], Awaitable[int]]) -> int:
    """Do `work` with the engine that the options name, on the socket that allows changes. Raises a `Failure`."""
    paths = (options.socket,) if options.socket else usual_sockets()
    path = reachable_socket(paths, "change")

    async def run() -> int:
        client = CommandClient(path)
        return await work(client)

    try:
        return run_loop(run())
    except KeyboardInterrupt:
        return FAILED


async def _probe(client: CommandClient, side: CheckSide, question: ProbeQuestion, *, as_json: bool) -> int:
    checks = CheckRequests(client)
    operation = await checks.begin_probe(side, question)
    printed = 0
    probe = await checks.probe(operation.id)

    def what() -> str:
        return (
            f"Checking {', '.join(probe.names[len(probe.rungs) :][:1]) or side}, {printed} of {len(probe.names)} done"
        )

    try:
        async with reporting_wait(what):
            while True:
                if not as_json:
                    show_steps(probe.rungs[printed:], sys.stdout)
                printed = len(probe.rungs)
                if probe.operation.state != "running":
                    break
                await asyncio.sleep(FOLLOWED)
                probe = await checks.probe(operation.id)
    except asyncio.CancelledError:
        await call_off(client, operation)
        raise
    if as_json:
        put_json(probe)
    tell_end(probe.operation)
    well = probe.operation.state == "done" and all(step.outcome != "failed" for step in probe.rungs)
    return WELL if well else FAILED


async def call_off(client: CommandClient, operation: Operation) -> None:
    """Cancel an operation whose result is no longer needed, without waiting for an engine that does not respond."""
    with suppress(TimeoutError, Failure):
        async with asyncio.timeout(CALLED_OFF_WITHIN):
            await EngineRequests(client).cancel(operation.id)


def tell_end(operation: Operation) -> None:
    """Print that an operation was cancelled, or failed by an internal error."""
    if operation.state == "cancelled":
        remark("It was cancelled.")
    elif operation.state == "failed":
        remark("Internal error in the engine; please report it with the log.")


def show_steps(steps: Iterable[RungAccount], output: TextIO) -> None:
    """Print the steps of a check."""
    palette = palette_of(output)
    for step in steps:
        for line in palette.printed(step_lines(step, room())):
            say(line, output)


async def _preview(client: CommandClient, question: PreviewQuestion, *, as_json: bool) -> int:
    checks = CheckRequests(client)
    operation = await checks.begin_preview(question)
    try:
        while operation.state == "running":
            await asyncio.sleep(FOLLOWED)
            operation = await EngineRequests(client).operation(operation.id)
            remark(f"{operation.done} of {operation.total}")
    except asyncio.CancelledError:
        await call_off(client, operation)
        raise
    rows: list[PreviewRow] = []
    while True:
        part = PreviewPageQuestion(page=len(rows) // PER_PAGE + 1, per_page=PER_PAGE)
        page = await checks.preview(operation.id, part)
        rows += page.users
        if len(page.users) < PER_PAGE:
            break
    preview = msgspec.structs.replace(page, page=1, per_page=max(len(rows), 1), users=tuple(rows))
    show_document(preview, lambda this: preview_document(this, room()), as_json=as_json)
    tell_end(operation)
    return WELL if operation.state == "done" else FAILED
