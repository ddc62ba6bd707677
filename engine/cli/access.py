"""The command `access`: whose calendars can be read."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.api.resources.checks import CheckRequests
from engine.api.schema.access import Access, AccessPageQuestion, AccessQuestion, AccessUser
from engine.cli.check import attached_to_engine, call_off, changes_typed, show_steps, tell_end
from engine.cli.client import CommandClient, reporting_wait
from engine.cli.errors import FileNotWritten
from engine.cli.exit_codes import FAILED, WELL
from engine.cli.output import put_json, remark, say
from engine.cli.status import FOLLOWED, PER_PAGE
from engine.cli.terminal import palette_of, room
from engine.documents.access import access_csv, access_document, selection_document


def run_access(options: argparse.Namespace) -> int:
    """Try everybody's access in the engine, and show the result by cause. Raises a `Failure`."""
    question = AccessQuestion(settings=changes_typed(options.changes), again=options.again, who_only=options.who)
    return attached_to_engine(options, lambda client: _access(client, question, options.csv, as_json=options.json))


async def _access(client: CommandClient, question: AccessQuestion, file: Path | None, *, as_json: bool) -> int:
    checks = CheckRequests(client)
    operation = await checks.begin_access(question)
    found = await checks.access(operation.id)

    def what() -> str:
        state = found.access
        return f"{state.tried} of {state.total} calendars tried" if state else "Reading the users of the PBX"

    try:
        async with reporting_wait(what):
            while found.operation.state == "running":
                await asyncio.sleep(FOLLOWED)
                found = await checks.access(operation.id)
    except asyncio.CancelledError:
        await call_off(client, operation)
        raise
    found = await _whole(checks, found)
    if file is not None:
        _write(file, found.users)
    if as_json:
        put_json(found)
    else:
        _show(found)
    tell_end(found.operation)
    if question.who_only:
        return WELL if found.selection is not None and found.selection.taken else FAILED
    state = found.access
    return WELL if state is not None and state.readable == state.total else FAILED


async def _whole(checks: CheckRequests, found: Access) -> Access:
    """Return the result with all of its users on one page."""
    rows: list[AccessUser] = []
    while True:
        part = AccessPageQuestion(page=len(rows) // PER_PAGE + 1, per_page=PER_PAGE)
        page = await checks.access(found.operation.id, part)
        rows += page.users
        if len(page.users) < PER_PAGE:
            return msgspec.structs.replace(page, page=1, per_page=max(len(rows), 1), users=tuple(rows))


def _show(found: Access) -> None:
    if found.access is None and found.selection is not None:
        for line in palette_of(sys.stdout).printed(selection_document(found.selection, room())):
            say(line, sys.stdout)
        return
    if found.access is None:
        show_steps(found.rungs, sys.stdout)
        return
    palette = palette_of(sys.stdout)
    for line in palette.printed(access_document(found.access, room())):
        say(line, sys.stdout)
    if found.access.causes:
        remark(f"Those alone once more: calendar-engine access --again {found.operation.id}")


def _write(file: Path, users: Sequence[AccessUser]) -> None:
    try:
        file.write_text(access_csv(users), encoding="utf-8", newline="")
    except OSError as error:
        raise FileNotWritten(f"{file}: {error.strerror}") from error
