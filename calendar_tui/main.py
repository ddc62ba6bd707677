"""The `calendar-tui` program: command line, check of the terminal, and the demo."""

import argparse
import functools
import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from calendar_tui import kiosk
from calendar_tui.terminal import TerminalCapabilities, TerminalUnfit, ThemeName, look_of
from engine.command_parser import CommandParser

UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h: nothing can be shown here."""

MISTAKE = 70
"""EX_SOFTWARE of sysexits.h: an internal error of this program."""


FAILED = 1


def main(arguments: list[str] | None = None) -> int:
    """Show an engine until the user quits, and return the exit status."""
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        if not isinstance(error, BrokenPipeError):
            print(f"calendar-tui: The output cannot be written: {error.strerror}", file=sys.stderr)
        return FAILED


def _run(arguments: list[str] | None) -> int:
    parser = make_parser()
    try:
        options = parser.parse_args(kiosk.arguments_of_shell(sys.argv[1:] if arguments is None else arguments))
    except kiosk.CommandRefused as refusal:
        print(f"calendar-tui: {refusal}", file=sys.stderr)
        return FAILED
    is_kiosk = options.kiosk or kiosk.is_shell()
    if is_kiosk:
        if options.demo or (options.socket and kiosk.is_shell() and not kiosk.is_of_service(options.socket)):
            parser.error("a kiosk shows the engine of the service; --instance names another one")
        kiosk.confine()
    if options.version:
        return _show_version()
    from engine.display import is_ascii_locale

    try:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise TerminalUnfit("This is not a terminal.\nUse instead: calendar-engine status, users, explain, events")
        theme = ThemeName(options.theme) if options.theme else None
        ascii_only = options.ascii or is_ascii_locale(os.environ, utf8_mode=bool(sys.flags.utf8_mode))
        look = look_of(os.environ, sys.stdout.encoding or "", theme=theme, ascii_only=ascii_only)
    except TerminalUnfit as unfit:
        print(f"calendar-tui: {unfit}", file=sys.stderr)
        return UNAVAILABLE
    with ExitStack() as stack:
        paths = (options.socket,) if options.socket else None
        if options.demo:
            paths = (stack.enter_context(running_demo()),)
        idle = options.idle if is_kiosk else None
        crash = _show(paths, look, read_only=options.read_only, mouse=options.mouse, idle=idle)
    if crash is None:
        return 0
    if is_kiosk:
        print(f"calendar-tui has crashed because of a bug ({type(crash).__name__}).", file=sys.stderr)
        return MISTAKE
    from calendar_tui.private_files import crash_report

    print(crash_report(crash), file=sys.stderr)
    return MISTAKE


def _show(
    paths: tuple[Path, ...] | None, look: TerminalCapabilities, *, read_only: bool, mouse: bool, idle: float | None
) -> BaseException | None:
    """Show an engine until the user quits; return the internal error that ended the program, if any.

    A kiosk has a time after which it is `idle`.
    """
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")  # an animated scroll sends fifty times as many bytes
    os.environ.setdefault("TEXTUAL_FPS", "15")
    os.environ.setdefault("TEXTUAL_COLOR_SYSTEM", "256")  # all colours of the themes are in that palette
    gc.disable()  # a tenth of the start-up time would be spent on garbage collection while modules are imported
    from calendar_tui.app import CalendarApp
    from engine.api.client import reachable_socket
    from engine.api.paths import usual_sockets

    gc.freeze()
    gc.enable()
    find = functools.partial(reachable_socket, paths or usual_sockets(), "read" if read_only else "ask")
    app = CalendarApp(find, look, read_only=read_only, idle=idle)
    try:
        app.run(mouse=mouse)
    except Exception as error:  # its traceback may quote displayed data
        return error
    return app.crash


def _show_version() -> int:
    from importlib.metadata import version  # imports the whole e-mail package

    print(f"calendar-tui {version('calendar-tui')}")
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = CommandParser(
        prog="calendar-tui", description="Shows a running calendar-engine: connections, problems, users and reasons."
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--socket", type=Path, metavar="PATH", help="the socket of the engine (found automatically)")
    source.add_argument(
        "--instance", type=_instance, dest="socket", metavar="NAME", help="that of the service calendar-engine@NAME"
    )
    source.add_argument("--demo", action="store_true", help="start an engine on simulators, and stop it afterwards")
    parser.add_argument("--read-only", action="store_true", help="change nothing, even where the socket allows it")
    parser.add_argument(
        "--kiosk", action="store_true", help="start no other program, write to one directory, end when idle"
    )
    parser.add_argument(
        "--idle", type=_seconds, default=kiosk.IDLE, metavar="SECONDS", help="with --kiosk: without a key (900)"
    )
    parser.add_argument("--theme", choices=[*ThemeName], help="colours; ansi uses those of the terminal")
    parser.add_argument("--ascii", action="store_true", help="write nothing but ASCII")
    parser.add_argument("--mouse", action="store_true", help="handle mouse clicks and the wheel")
    shells = ["bash", "zsh", "fish"]
    parser.add_argument(
        "--completion", action=_Completion, choices=shells, help="print a completion script for that shell"
    )
    return parser


def _instance(name: str) -> Path:
    from engine.api.paths import instance_socket

    try:
        return instance_socket(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _seconds(text: str) -> float:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return float(text)


class _Completion(argparse.Action):
    """Prints the completion script for a shell, generated from the parser, and exits."""

    def __call__(self, parser: argparse.ArgumentParser, _: object, shell: object, option: object = None) -> None:
        import shtab

        for action in parser._actions:  # noqa: SLF001 (argparse has no public name for them)
            if action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, str(shell)))
        parser.exit()


GRACE = 10.0
"""Seconds that the demo may take to stop."""


@contextmanager
def running_demo() -> Iterator[Path]:
    """Context manager that runs `calendar-engine demo` and returns the path of its socket."""
    with tempfile.TemporaryDirectory(prefix="calendar-tui-demo-") as name:
        socket = Path(name) / "engine.sock"
        options = ("--headless", "--json", "--until-eof", "--socket", str(socket))
        with subprocess.Popen(  # noqa: S603 - our own command, without a shell
            [sys.executable, "-m", "engine.cli.main", "demo", *options],
            stdin=subprocess.PIPE,  # the demo ends with this program, however that ends
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that closing the terminal does not end it before it has cleaned up
        ) as process:
            try:
                yield socket
            finally:
                _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.exit(main())
