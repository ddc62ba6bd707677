"""All output of commands: cleaned lines for people, unchanged data for programs."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeVar

import msgspec

from engine.cli.errors import FileNotWritten, OutputNotWritten
from engine.cli.terminal import palette_of
from engine.display import displayed, visible
from engine.documents.lines import Line

T = TypeVar("T")

_OUR_COLOURS = re.compile(r"(\x1b\[\d{0,2}m)")
"""Data is cleaned before it comes between these: see `show`."""


def say(text: str = "", output: TextIO | None = None, *, colours: bool | None = None) -> None:
    """Print one line for people, on standard output by default; with `colours`, escape sequences are kept.

    Raises `OutputNotWritten`, or BrokenPipeError if the reader has gone.
    """
    output = output or sys.stdout
    if output.isatty() if colours is None else colours:
        text = "".join(part if index % 2 else visible(part) for index, part in enumerate(_OUR_COLOURS.split(text)))
    else:
        text = visible(text)
    with writing():
        print(text, file=output, flush=True)


def remark(text: str = "") -> None:
    """Print one line for people beside the data, on standard error."""
    say(text, sys.stderr)


def show(data: T, lines: Callable[[T], Iterable[str]], *, as_json: bool) -> None:
    """Print data as a line of JSON, or as the lines that `lines` makes of it."""
    if as_json:
        put_json(data)
    else:
        for line in lines(displayed(data)):
            say(line)


def show_document(data: T, document: Callable[[T], Iterable[Line]], *, as_json: bool) -> None:
    """Print data as a line of JSON, or as the document that is made of it."""
    show(data, lambda this: palette_of(sys.stdout).printed(document(this)), as_json=as_json)


def put_json(data: object) -> None:
    """Print data as a line of JSON (RFC 8259: UTF-8 in every locale)."""
    put(msgspec.json.encode(data) + b"\n")


def put(data: bytes) -> None:
    """Write bytes to standard output."""
    with writing():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@contextmanager
def writing() -> Iterator[None]:
    """Context manager that turns errors of the output into `OutputNotWritten`, except BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputNotWritten(error.strerror or type(error).__name__) from error


def write_new_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that does not exist yet. Raises `FileNotWritten`."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with open(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise FileNotWritten(f"{path}: {error.strerror}") from error
