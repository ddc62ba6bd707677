"""Queries of the debug log."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from engine.core.errors import Failure, Fault, Scope
from engine.debuglog.conditions import Parameter, SqlConditions, holds, looks_into_bodies
from engine.debuglog.entry import EntryRow, LogEntry
from engine.debuglog.filter.complete import Known
from engine.debuglog.filter.model import Filter
from engine.debuglog.store import PEERS, open_to_read, unpacked


class DebugLogUnusable(Failure):
    """The database of the debug log cannot be opened, read or written."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The debug log cannot be used"
    remedy = (
        "Free space on the disk of engine.state_dir, or lower debug_log.max_megabytes. Presences are not affected: "
        "entries that cannot be written are dropped and counted."
    )


T = TypeVar("T")

THREADS = 2
PATIENCE = 0.5
"""Seconds that one query may search bodies; what it has found by then is returned, to be continued from."""

WINDOW = 1000
"""Entries whose bodies are searched at a time."""

COLUMNS = (
    "e.id, e.at, e.ms, e.operation, w.mailbox, w.user, e.status, o.codes, o.failure, e.error, e.part, e.attempt, "
    "e.lane, e.sent, e.received, e.peer, e.quiet"
)
# Two subqueries: SQLite finds min or max by the index, but scans the table for both together.
ENDS = "SELECT (SELECT coalesce(min(id), 1) FROM exchange), (SELECT coalesce(max(id), 0) FROM exchange)"
# CROSS JOIN fixes the order of the joins: entries first, in the order of time.
TABLES = "exchange e CROSS JOIN who w ON w.id = e.who CROSS JOIN outcome o ON o.id = e.outcome"


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Rows in the requested order; `next` is where to continue, None at the end."""

    rows: tuple[EntryRow, ...]
    next: int | None
    newest: int


class LogReader:
    """Read access to the debug log. Every method raises `DebugLogUnusable`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="debuglog-reader")
        self._own = threading.local()
        self._connections: list[sqlite3.Connection] = []

    async def close(self) -> None:
        """Close all connections."""
        self._threads.shutdown(wait=True)
        for connection in self._connections:
            connection.close()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of `work`, called with a connection."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._work, work)

    async def rows(
        self, this: Filter, now: datetime, *, before: int | None = None, after: int | None = None, limit: int = 100
    ) -> EntryPage:
        """Return the newest matching entries, those before an id, or the oldest of those after one."""
        return await self.run(lambda connection: rows(connection, this, now, before=before, after=after, limit=limit))

    async def exchange(self, number: int) -> LogEntry | None:
        """Return a complete entry, None if it does not exist, or no longer does."""
        return await self.run(lambda connection: whole(connection, number))

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._connection())
        except (sqlite3.Error, OSError) as error:
            raise DebugLogUnusable(f"{self._path}: {error}") from error

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._own, "connection"):
            self._own.connection = connection = open_to_search(self._path)
            self._connections.append(connection)
        return cast("sqlite3.Connection", self._own.connection)


def open_to_search(path: Path) -> sqlite3.Connection:
    """Return a connection that only reads, on which the functions of this module work."""
    connection = open_to_read(path)
    connection.create_function("holds", 2, lambda content, text: holds(content, text.encode()), deterministic=True)
    return connection


def rows(
    connection: sqlite3.Connection, this: Filter, now: datetime, *, before: int | None, after: int | None, limit: int
) -> EntryPage:
    """Return the matching entries, newest first, or after an id oldest first."""
    oldest, newest = connection.execute(ENDS).fetchone()
    condition, parameters = SqlConditions(connection, now).of(this)
    low = max(oldest, (after or 0) + 1)
    high = newest if before is None else min(newest, before - 1)
    forward = after is not None
    step = WINDOW if looks_into_bodies(this) else high - low + 1
    deadline = time.monotonic() + PATIENCE
    found: list[EntryRow] = []
    while low <= high and len(found) < limit:
        window = (low, min(high, low + step - 1)) if forward else (max(low, high - step + 1), high)
        order = "ASC" if forward else "DESC"
        found += _select(connection, condition, parameters, window, order, limit - len(found))
        if forward:
            low = window[1] + 1
        else:
            high = window[0] - 1
        if time.monotonic() > deadline:
            break
    if len(found) >= limit:
        return EntryPage(tuple(found), found[-1].id, newest)
    rest = (low - 1 if forward else high + 1) if low <= high else None
    return EntryPage(tuple(found), rest, newest)


def every(connection: sqlite3.Connection, this: Filter, now: datetime, limit: int) -> Iterator[LogEntry]:
    """Yield the newest matching entries, complete; bodies are searched without a time limit."""
    before: int | None = None
    while limit > 0:
        found = rows(connection, this, now, before=before, after=None, limit=min(limit, WINDOW))
        for row in found.rows:
            kept = whole(connection, row.id)
            if kept is not None:
                yield kept
        limit -= len(found.rows)
        before = found.next
        if before is None:
            return


def known(connection: sqlite3.Connection) -> Known:
    """Return the values for completing filters."""
    recent = "(SELECT operation, lane FROM exchange ORDER BY id DESC LIMIT 10000)"
    operations = f"SELECT operation FROM {recent} GROUP BY 1 ORDER BY count(*) DESC"  # noqa: S608 (no input)
    lanes = f"SELECT lane FROM {recent} WHERE lane <> '' GROUP BY 1 ORDER BY 1"  # noqa: S608 (no input)
    outcomes = "SELECT codes, failure FROM outcome ORDER BY id"
    people = "SELECT CASE WHEN user <> '' THEN user ELSE mailbox END FROM who GROUP BY 1 ORDER BY 1"
    codes = (code for codes, failure in connection.execute(outcomes) for code in (*codes.split(), failure) if code)
    return Known(
        operations=[operation for (operation,) in connection.execute(operations)],
        codes=list(dict.fromkeys(codes)),
        users=[user for (user,) in connection.execute(people) if user],
        lanes=[lane for (lane,) in connection.execute(lanes)],
    )


def whole(connection: sqlite3.Connection, number: int) -> LogEntry | None:
    """Return a complete entry, None if it does not exist."""
    found = _select(connection, "1", [], (number, number), "ASC", 1)
    body = connection.execute("SELECT request_id, content FROM body WHERE id = ?", (number,)).fetchone()
    if not found or body is None:
        return None
    request_id, content = body
    particulars, request, response = unpacked(content)
    return LogEntry(row=found[0], request_id=request_id, particulars=particulars, request=request, response=response)


def _select(
    connection: sqlite3.Connection,
    condition: str,
    parameters: list[Parameter],
    window: tuple[int, int],
    order: str,
    limit: int,
) -> list[EntryRow]:
    # The id window is applied first, without the index on the condition, unless it is the only condition.
    sql = f"SELECT {COLUMNS} FROM {TABLES} WHERE e.id BETWEEN ? AND ? AND ({condition}) ORDER BY e.id {order} LIMIT ?"  # noqa: S608 (what was typed is in the parameters)
    return [_row(values) for values in connection.execute(sql, [*window, *parameters, limit])]


def _row(values: Any) -> EntryRow:
    number, at, ms, operation, mailbox, user, status, codes, failure, error, part, attempt, lane, *others = values
    sent, received, peer, quiet = others
    return EntryRow(
        id=number,
        at=at,
        ms=ms,
        operation=operation,
        mailbox=mailbox,
        user=user,
        status=status,
        codes=tuple(codes.split()),
        failure=failure,
        error=bool(error),
        part=bool(part),
        attempt=attempt,
        lane=lane,
        sent=sent,
        received=received,
        peer=PEERS[peer],
        quiet=bool(quiet),
    )
