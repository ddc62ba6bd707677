"""The commands `status`, `users`, `explain`, `day`, `hold`, `resync` and `events`."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from engine.api.client import decoded, reachable_socket
from engine.api.paths import usual_sockets
from engine.api.resources.engine import EngineRequests
from engine.api.schema import (
    AuditEvent,
    ChangeEvent,
    Operation,
    OperationEvent,
    ResyncQuestion,
    Status,
    UserRow,
    UsersPage,
    UsersQuestion,
)
from engine.api.schema.days import DaysPage, DaysQuestion
from engine.cli.client import CommandClient, reporting_wait
from engine.cli.errors import UserNotClear, UserNotFound
from engine.cli.exit_codes import FAILED, WELL
from engine.cli.output import put, remark, say, show_document
from engine.cli.terminal import palette_of, room
from engine.daemon.loop import run_loop
from engine.display import counted
from engine.documents.day import day_document
from engine.documents.lines import Line, Role, cut, line, wrapped
from engine.documents.status import (
    audit_line,
    change_line,
    confirmed_in_words,
    dry_run_mode,
    held_in_words,
    hindrance,
    modes,
    progress,
    status_document,
)
from engine.documents.user import title, user_document
from engine.documents.user_rows import users_document

T = TypeVar("T")

PER_PAGE = 1000
FOLLOWED = 0.3
"""Seconds between two requests for the state of an operation."""


def run_attached(options: argparse.Namespace) -> int:
    """Run one of the commands and return its exit status. Raises a `Failure`."""
    paths = (options.socket,) if options.socket else usual_sockets()
    path = reachable_socket(paths, "change" if _changes(options) else "ask")
    try:
        return run_loop(_run(options, path))
    except KeyboardInterrupt:
        if options.command == "events":
            return WELL
        if options.command == "resync":
            remark("The engine continues; calendar-engine events shows the progress.")
        return FAILED


def _changes(options: argparse.Namespace) -> bool:
    return bool(options.command == "resync" or (options.command == "hold" and options.action == "confirm"))


async def _run(options: argparse.Namespace, path: Path) -> int:
    client = CommandClient(path)
    commands = StatusCommands(client, await EngineRequests(client).status(), as_json=options.json)
    match options.command:
        case "status":
            return commands.status()
        case "users":
            return await commands.users(options.filter)
        case "hold":
            return await commands.hold(confirm=options.action == "confirm")
        case "explain":
            return await commands.explain(options.user)
        case "day":
            return await commands.day(options.date, options.user)
        case "resync":
            return await commands.resync(options.user, search=options.resolve)
        case _:
            return await commands.events()


class StatusCommands:
    """Runs the commands; data is printed to standard output, as lines or JSON, progress to standard error.

    `status` is how the engine is; its time zone is that of all times for people.
    """

    def __init__(self, client: CommandClient, status: Status, *, as_json: bool) -> None:
        self._client = client
        self._engine = EngineRequests(client)
        self._status = status
        self._zone = ZoneInfo(status.timezone)
        self._as_json = as_json

    def status(self) -> int:
        """Show the status; the exit status is 0 if both connections work."""
        self._show(self._status, lambda this: status_document(this, self._zone, room()))
        return WELL if all(link.works for link in self._status.links) else FAILED

    async def users(self, words: list[str]) -> int:
        """Show all matching users."""
        page = await self._all_users(" ".join(words))
        self._show(page, lambda this: users_document(this.users, self._zone, self._status.now, room()))
        remark(counted(page.total, "user"))
        return WELL

    async def explain(self, typed: str) -> int:
        """Show everything about one user."""
        user = await self._engine.user(await self._guid(typed))
        now, zone = self._status.now, self._zone
        self._show(user, lambda this: [title(this, now, zone), *user_document(this, now, zone, room())])
        return WELL

    async def day(self, date: date | None, typed: list[str]) -> int:
        """Show a day of some users, or of all, as bars."""
        named = tuple([await self._guid(each) for each in typed])
        page = await self._all_days(DaysQuestion(date=date, users=",".join(named)))
        self._show(page, lambda this: day_document(this, self._status.now, room()))
        return WELL

    async def hold(self, *, confirm: bool) -> int:
        """Show the held change, or confirm it; the exit status is 0 if no change is held any more."""
        held = await self._engine.confirm_hold() if confirm else self._status.held
        if held is None or not held.of_users:
            remark("No change is held.")
            return WELL
        if confirm:
            sentence = f"{held_in_words(held)}. {confirmed_in_words(dry_run=self._status.dry_run)}"
            show_document(
                held,
                lambda _: [*_banner(dry_run_mode(self._status)), *wrapped(sentence, room())],
                as_json=self._as_json,
            )
        else:
            self._show(held, lambda _: ())
        return WELL if confirm else FAILED

    async def resync(self, typed: list[str], *, search: bool) -> int:
        """Have calendars read again, after looking up the mailboxes if `search` is set, and wait; the exit status is 0
        if any could be read."""
        meant = ResyncQuestion(users=tuple([await self._guid(each) for each in typed]) or None)
        operation = await self._engine.begin("reresolve" if search else "resync", meant)
        operation = await self._followed(operation)
        show_document(operation, lambda this: [line(progress(this))], as_json=self._as_json)
        if operation.state == "blocked":
            self._tell_reason(operation)
        is_any_read = operation.failed < operation.total or operation.passed_on
        return WELL if operation.state == "done" and is_any_read else FAILED

    async def _followed(self, operation: Operation) -> Operation:
        """Wait for an operation and return it; meanwhile report its progress and what it is waiting for."""
        printed, waits_for = -1, None

        def what() -> str:
            return f"Waiting for {operation.total - operation.done} of {operation.total} calendars to be read"

        async with reporting_wait(what):
            while operation.state == "running":
                if operation.done != printed:
                    printed = operation.done
                    remark(f"{printed} of {operation.total}")
                if operation.trouble != waits_for:
                    self._tell_reason(operation)
                waits_for = operation.trouble
                await asyncio.sleep(FOLLOWED)
                operation = await self._engine.operation(operation.id)
        return operation

    def _tell_reason(self, operation: Operation) -> None:
        if operation.trouble is not None:
            reason = hindrance(operation.trouble, operation.until, self._zone, room())
            for text in palette_of(sys.stderr).printed(reason):
                remark(text)

    async def events(self) -> int:
        """Show events until interrupted; as JSON with the snapshot and every topic."""
        palette = palette_of(sys.stdout)
        if not self._as_json:
            for text in palette.printed(self._modes()):
                say(text)
        if sys.stderr.isatty():
            remark("Waiting for events; Ctrl+C ends the command.")
        kinds: dict[str, type[ChangeEvent | AuditEvent | OperationEvent]] = {
            "changes": ChangeEvent,
            "audit": AuditEvent,
            "operations": OperationEvent,
        }
        async for event in self._client.events("" if self._as_json else ",".join(kinds)):
            if self._as_json:
                put(b'{"event":"%s","data":%s}\n' % (event.name.encode(), event.data))
            elif event.name in kinds:
                say(palette.text(self._event(decoded(event.data, kinds[event.name], event.name))))
        return FAILED  # the events end only with a failure

    def _show(self, data: T, document: Callable[[T], Iterable[Line]]) -> None:
        """Print data after the notices that it depends on (dry run, held change)."""
        show_document(data, lambda this: [*self._modes(), *document(this)], as_json=self._as_json)

    def _modes(self) -> Iterator[Line]:
        return _banner(modes(self._status, "calendar-engine hold confirm confirms"))

    def _event(self, event: ChangeEvent | AuditEvent | OperationEvent) -> Line:
        match event:
            case ChangeEvent():
                return change_line(event, self._zone, room(), seconds=True)
            case AuditEvent(entry=entry):
                return audit_line(entry, self._zone, room())
            case OperationEvent(operation=operation):
                return line(cut(f"{'':10}operation {operation.id}: {progress(operation)}", room()))

    async def _all_users(self, words: str) -> UsersPage:
        found: list[UserRow] = []
        while True:
            number = len(found) // PER_PAGE + 1
            question = UsersQuestion(filter=words, page=number, per_page=PER_PAGE)
            page = await self._engine.users(question)
            found += page.users
            if len(page.users) < PER_PAGE:
                return UsersPage(total=len(found), page=1, per_page=max(len(found), 1), users=tuple(found))

    async def _all_days(self, question: DaysQuestion) -> DaysPage:
        page = await self._engine.days(question)
        days = list(page.days)
        while not question.users and len(days) < page.total and page.days:
            page = await self._engine.days(replace(question, date=page.date, page=page.page + 1))
            days += page.days
        return replace(page, page=1, per_page=max(len(days), 1), days=tuple(days))

    async def _guid(self, typed: str) -> str:
        """Return the guid of the user with exactly that name, or of the only user that matches."""
        users = (await self._all_users(typed)).users
        exact = [user for user in users if typed.casefold() in _names(user)]
        words = typed.casefold().split()
        meant = exact or [user for user in users if all(any(word in name for name in _names(user)) for word in words)]
        if len(meant) == 1:
            return meant[0].guid
        if not meant:
            raise UserNotFound(f"no user matches {typed!r}")
        some = ", ".join(user.name for user in meant[:5])
        raise UserNotClear(f"{len(meant)} users match {typed!r}: {some}{', ...' if len(meant) > 5 else ''}")


def _banner(texts: Iterable[str]) -> Iterator[Line]:
    for each in texts:
        yield from wrapped(each, room(), "", Role.BANNER)


def _names(user: UserRow) -> set[str]:
    return {name.casefold() for name in (user.guid, user.name, user.display_name, user.mailbox) if name}
