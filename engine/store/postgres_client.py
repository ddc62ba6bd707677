"""Tells whether the client of PostgreSQL is installed, which an engine that works alone does not need."""

from collections.abc import Iterator
from contextlib import contextmanager

from engine.store.errors import DatabaseClientMissing


@contextmanager
def client_needed() -> Iterator[None]:
    """Context manager for what imports the client. Raises `DatabaseClientMissing` if it is not there, or not whole."""
    try:
        yield
    except ImportError as error:  # psycopg without the library that it loads says so in the same way
        if error.name is not None and not error.name.startswith("psycopg"):
            raise
        raise DatabaseClientMissing(str(error).partition("\n")[0]) from error
