"""Statistics of debug log entries: figures per operation and outcome, and errors with the affected mailboxes."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from engine.debuglog.conditions import SqlConditions
from engine.debuglog.entry import Peer
from engine.debuglog.filter.model import Filter
from engine.debuglog.store import PEERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of the entries of one operation with one outcome; `p50` and `p95` in milliseconds."""

    operation: str
    status: int | None
    codes: tuple[str, ...]
    failure: str
    count: int
    errors: int
    p50: float
    p95: float
    sent: int
    received: int
    first: float
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCount:
    """One kind of error of one operation."""

    peer: Peer
    operation: str
    status: int | None
    codes: tuple[str, ...]
    failure: str
    count: int
    mailboxes: tuple[str, ...]
    newest: int
    last: float


def figures(connection: sqlite3.Connection, this: Filter, now: datetime) -> tuple[Figures, ...]:
    """Return the figures of all matching entries, the most frequent first."""
    condition, parameters = SqlConditions(connection, now).of(this)
    # Percentiles by nearest rank; all in SQLite, so that no other thread waits for this one.
    sql = f"""
        SELECT operation, CASE WHEN error THEN status END AS status, o.codes, o.failure, count(*), sum(error),
            min(CASE WHEN 2 * place >= total THEN ms END), min(CASE WHEN 20 * place >= 19 * total THEN ms END),
            sum(sent), sum(received), min(at), max(at)
        FROM (
            SELECT e.*, row_number() OVER kind AS place, count(*) OVER (
                PARTITION BY e.operation, e.outcome, CASE WHEN e.error THEN e.status END
            ) AS total
            FROM exchange e WHERE {condition}
            WINDOW kind AS (
                PARTITION BY e.operation, e.outcome, CASE WHEN e.error THEN e.status END ORDER BY e.ms
            )
        ) AS ranked
        JOIN outcome o ON o.id = ranked.outcome
        GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 3
    """  # noqa: S608 (what was typed is in the parameters)
    return tuple(
        Figures(
            operation=operation,
            status=status,
            codes=tuple(codes.split()),
            failure=failure,
            count=count,
            errors=errors,
            p50=p50,
            p95=p95,
            sent=sent,
            received=received,
            first=first,
            last=last,
        )
        for operation, status, codes, failure, count, errors, p50, p95, sent, received, first, last in (
            connection.execute(sql, parameters)
        )
    )


def troubles(connection: sqlite3.Connection, this: Filter, now: datetime) -> tuple[ErrorCount, ...]:
    """Return the kinds of errors among the matching entries, the most frequent first."""
    condition, parameters = SqlConditions(connection, now).of(this)
    sql = f"""
        SELECT e.peer, e.operation, o.codes, o.failure, e.status, w.mailbox, count(*), max(e.id), max(e.at)
        FROM exchange e JOIN outcome o ON o.id = e.outcome JOIN who w ON w.id = e.who
        WHERE e.error = 1 AND ({condition})
        GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 7 DESC
    """  # noqa: S608 (what was typed is in the parameters)
    kinds: dict[tuple[int, str, str, str, int | None, bool], list[tuple[str, int, int, float]]] = {}
    for peer, operation, codes, failure, status, mailbox, count, newest, last in connection.execute(sql, parameters):
        kind = (peer, operation, codes, failure, status, bool(mailbox))
        kinds.setdefault(kind, []).append((mailbox, count, newest, last))
    found = (
        ErrorCount(
            peer=PEERS[peer],
            operation=operation,
            status=status,
            codes=tuple(codes.split()),
            failure=failure,
            count=sum(each[1] for each in concerned),
            mailboxes=tuple(each[0] for each in concerned if each[0]),
            newest=max(each[2] for each in concerned),
            last=max(each[3] for each in concerned),
        )
        for (peer, operation, codes, failure, status, _), concerned in kinds.items()
    )
    return tuple(sorted(found, key=lambda trouble: -trouble.count))
