"""Names the errors of PostgreSQL and of its client."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from engine.store.errors import (
    DatabaseAddressUnusable,
    DatabaseAway,
    DatabaseNotPrepared,
    DatabaseRefused,
    DatabaseSlow,
    SharedDatabaseFailure,
)

_BY_STATE: tuple[tuple[tuple[str, ...], type[SharedDatabaseFailure]], ...] = (
    (("28", "3D000", "42501"), DatabaseRefused),
    (("3F000", "42P01", "42703", "42883", "42704"), DatabaseNotPrepared),
    (("57014", "55P03", "25P03", "40001", "40P01"), DatabaseSlow),
    (("08", "25006", "53", "57P", "58", "XX"), DatabaseAway),
)
"""Beginnings of SQLSTATE (PostgreSQL, appendix A) and what they mean here; any other is a mistake of ours."""

_WHILE_CONNECTING: tuple[tuple[re.Pattern[str], type[SharedDatabaseFailure]], ...] = (
    (re.compile(r"certificate|server does not support SSL"), DatabaseAddressUnusable),
    (
        re.compile(
            r"authentication failed|no password supplied|pg_hba\.conf|is not permitted to log in|permission denied"
            r"|(role|database) \".*\" does not exist"
        ),
        DatabaseRefused,
    ),
)
"""libpq tells no SQLSTATE while it connects. Where a server speaks another language, only the reason tells."""


@contextmanager
def errors_named(place: str) -> Iterator[None]:
    """Context manager that turns errors of the database at `place` into failures of the store."""
    try:
        yield
    except (OSError, TimeoutError) as error:  # a name that cannot be resolved; no connection in time
        raise DatabaseAway(f"{place}: {str(error) or 'no connection in time'}") from error
    except psycopg.Error as error:
        kind = _kind(error)
        if kind is None:
            raise
        raise kind(f"{place}: {_reason(error)}") from error


def _kind(error: psycopg.Error) -> type[SharedDatabaseFailure] | None:
    if error.sqlstate is not None:
        return next((kind for beginnings, kind in _BY_STATE if error.sqlstate.startswith(beginnings)), None)
    if not isinstance(error, psycopg.OperationalError):
        return None
    return next((kind for words, kind in _WHILE_CONNECTING if words.search(str(error))), DatabaseAway)


def _reason(error: psycopg.Error) -> str:
    """Return what happened, without the detail, which quotes what is stored."""
    if error.diag.message_primary:
        return error.diag.message_primary
    return "; ".join(line.strip() for line in str(error).splitlines())
