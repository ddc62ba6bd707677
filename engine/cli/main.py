"""The entry point of `calendar-engine`: runs a command, and maps failures to messages and exit statuses."""

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn, TextIO

from engine.api.errors import EngineUnreachable, RequestRefused, SocketForbidden
from engine.cli.commands import PROGRAM, make_parser
from engine.cli.errors import AnswersInvalid, OutputNotWritten, SecretUnknown, SettingUnknown, UserNotFound
from engine.cli.exit_codes import (
    DISK,
    FAILED,
    FORBIDDEN,
    INTERRUPTED,
    MISTAKE,
    NOT_FOUND,
    UNKNOWN,
    UNREACHABLE,
    UNUSABLE,
)
from engine.cli.output import remark, writing
from engine.core.errors import Failure, Fault
from engine.daemon.log_handler import where
from engine.daemon.process import leave
from engine.display import NEAREST, ascii_errors, is_ascii_locale
from engine.settings.problems import SettingsInvalid
from engine.store.errors import DiskUnusable

HTTP_NOT_FOUND = 404


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status."""
    _accept_any_text(sys.stdout, sys.stderr)
    status = _said(lambda: _run(arguments))
    flushed = _said(_flush)
    return status or flushed


def program() -> NoReturn:
    """Run the command of this process, and exit quickly even on a busy machine."""
    leave(main())


def _run(arguments: list[str] | None) -> int:
    try:
        with writing():
            options = make_parser().parse_args(arguments)
    except SystemExit as end:  # argparse has printed its message
        _flush()
        if end.code == UNUSABLE and (sys.argv[1:] if arguments is None else arguments)[:1] == ["health"]:
            raise SystemExit(UNKNOWN) from None  # 2 would mean that the engine is in a critical state
        raise
    status: int = options.run(options)
    return status


def _flush() -> int:
    """Flush the output and report a failure, before the interpreter does so in its own way."""
    with writing():
        sys.stdout.flush()
    return 0


def _said(work: Callable[[], int]) -> int:
    """Do `work` and return its exit status; failures are printed on standard error."""
    status = 0
    try:
        status = work()
    except* BrokenPipeError:
        _give_up_output()  # The reader of our output has closed the pipe.
        status = FAILED
    except* KeyboardInterrupt:
        status = INTERRUPTED
    except* Failure as failures:
        status = FAILED
        for failure in _flatten(failures):
            if isinstance(failure, OutputNotWritten):
                _give_up_output()
            _tell(explain(failure))
            status = max(status, _exit_status(failure))
    except* Exception as mistakes:
        _tell([f"{PROGRAM}: internal error; please report it with these lines", *where(mistakes)])
        status = MISTAKE
    return status


def _exit_status(failure: Failure) -> int:
    match failure:
        case EngineUnreachable():
            return UNREACHABLE
        case SocketForbidden():
            return FORBIDDEN
        case DiskUnusable():
            return DISK
        case UserNotFound() | SettingUnknown() | SecretUnknown():
            return NOT_FOUND
        case RequestRefused() if failure.status == HTTP_NOT_FOUND:
            return NOT_FOUND
        case OutputNotWritten():
            return FAILED
        case _:
            return UNUSABLE if failure.fault is Fault.SETTINGS else FAILED


def explain(failure: Failure) -> list[str]:
    """Return a failure and its remedy as lines for a terminal."""
    match failure:
        case SettingsInvalid() | AnswersInvalid():
            problems = (f"  {problem}" for problem in failure.problems)
            return [f"{PROGRAM}: {failure.meaning}: {failure.source}", *problems]
        case RequestRefused():
            return [f"{PROGRAM}: {failure}", *(f"  {part}" for part in failure.parts), f"  {failure.remedy}"]
        case _:
            return [f"{PROGRAM}: {failure}", f"  {failure.remedy}"]


def _tell(lines: list[str]) -> None:
    with contextlib.suppress(OutputNotWritten, BrokenPipeError):
        for line in lines:
            remark(line)


def _give_up_output() -> None:
    """Discard unwritten output, so that the interpreter does not report an error when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _accept_any_text(*streams: TextIO) -> None:
    """Replace letters that the encoding of the terminal lacks by ASCII ones, so that printing cannot fail."""
    codecs.register_error(NEAREST, ascii_errors)
    plain = is_ascii_locale(os.environ, utf8_mode=bool(sys.flags.utf8_mode))
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="ascii" if plain else None, errors=NEAREST)


def _flatten(group: BaseExceptionGroup[Failure]) -> Iterator[Failure]:
    for member in group.exceptions:
        if isinstance(member, BaseExceptionGroup):
            yield from _flatten(member)
        else:
            yield member


if __name__ == "__main__":
    program()
