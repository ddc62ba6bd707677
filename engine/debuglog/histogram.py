"""How many debug log entries ended when, and how many of them were errors."""

import math
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from engine.debuglog.conditions import SqlConditions
from engine.debuglog.filter.model import Filter

STEPS = (1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400)
"""Seconds that a column may stand for: each ends where a person would draw the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Columns of `seconds` each from `begin` on, both in seconds since 1970, with their entries and errors.

    `finer` and `coarser` are the next lengths of a column. `count`, `error_count`, `oldest` and `newest` are of all
    matching entries, also of those outside the columns.
    """

    begin: float
    seconds: int
    finer: int | None
    coarser: int | None
    counts: tuple[int, ...]
    errors: tuple[int, ...]
    count: int
    error_count: int
    oldest: float | None
    newest: float | None


def histogram(
    connection: sqlite3.Connection,
    this: Filter,
    now: datetime,
    *,
    columns: int,
    begin: float | None = None,
    seconds: int | None = None,
) -> Histogram:
    """Return the matching entries in at most `columns` columns, each as long as necessary, up to the newest.

    With `begin`, the first column is the one that contains it, and there are as many columns as requested. With
    `seconds`, each is that long, or as the next of `STEPS`.
    """
    condition, parameters = SqlConditions(connection, now).of(this)
    sql = f"SELECT count(*), sum(e.error), min(e.at), max(e.at) FROM exchange e WHERE {condition}"  # noqa: S608 (what was typed is in the parameters)
    count, errors, oldest, newest = connection.execute(sql, parameters).fetchone()
    step = _at_least(seconds) if seconds else _step(columns, oldest or 0.0, newest or 0.0)
    if begin is not None:
        first, length = math.floor(begin / step), columns
    elif newest is None:
        first, length = 0, 0
    else:
        last = math.floor(newest / step)
        first = max(math.floor(oldest / step), last - columns + 1)
        length = last - first + 1
    sql = f"""
        SELECT CAST((e.at - ?) / ? AS INTEGER), count(*), sum(e.error) FROM exchange e
        WHERE e.at >= ? AND e.at < ? AND ({condition}) GROUP BY 1
    """  # noqa: S608 (what was typed is in the parameters)
    start = float(first * step)
    found = connection.execute(sql, [start, step, start, start + length * step, *parameters])
    by_column = {column: (number, wrong) for column, number, wrong in found}
    return Histogram(
        begin=start,
        seconds=step,
        finer=max((each for each in STEPS if each < step), default=None),
        coarser=min((each for each in STEPS if each > step), default=None),
        counts=tuple(by_column.get(column, (0, 0))[0] for column in range(length)),
        errors=tuple(by_column.get(column, (0, 0))[1] for column in range(length)),
        count=count,
        error_count=errors or 0,
        oldest=oldest,
        newest=newest,
    )


def _step(columns: int, oldest: float, newest: float) -> int:
    """Return the shortest step by which everything fits into the columns, or else the longest."""
    fitting = (step for step in STEPS if math.floor(newest / step) - math.floor(oldest / step) < columns)
    return next(fitting, STEPS[-1])


def _at_least(seconds: int) -> int:
    return next((step for step in STEPS if step >= seconds), STEPS[-1])
