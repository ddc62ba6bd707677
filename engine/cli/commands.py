"""The command line of `calendar-engine`; what carries a command out is only imported when it runs."""

import argparse
import logging
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.cli.exit_codes import FAILED, WELL

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class Commands(Protocol):
    """Where a command is declared; argparse has no public name for it."""

    def add_parser(
        self,
        name: str,
        *,
        help: str,  # noqa: A002 (argparse calls it so)
        description: str,
        parents: Sequence[argparse.ArgumentParser] = (),
    ) -> argparse.ArgumentParser:
        """Return the parser of a new command."""
        ...


class Parser(argparse.ArgumentParser):
    """Writes what it has to say, or fails: that of the library passes over what it could not write."""

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        if message:
            (file or sys.stderr).write(message)


def declare(
    commands: Commands,
    texts: Mapping[str, tuple[str, str]],
    run: Callable[[argparse.Namespace], int],
    parent: argparse.ArgumentParser,
    **others: argparse.ArgumentParser,
) -> dict[str, argparse.ArgumentParser]:
    """Declare commands that `run` carries out, and return their parsers by name.

    `texts` has help and description of each; `others` the parent of whichever has another one than `parent`.
    """
    parsers = {
        name: commands.add_parser(name, parents=[others.get(name, parent)], help=short, description=text)
        for name, (short, text) in texts.items()
    }
    for parser in parsers.values():
        parser.set_defaults(run=run)
    return parsers


def attached() -> argparse.ArgumentParser:
    """Return a parent for the parsers of all commands that ask a running engine."""
    parent = argparse.ArgumentParser(add_help=False, parents=[at_socket()])
    parent.add_argument("--json", action="store_true", help="JSON as the local API gives it")
    return parent


def at_socket() -> argparse.ArgumentParser:
    """Return a parent for the parsers of all commands that need a running engine, whatever they print."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--socket", type=Path, metavar="PATH", help="the socket of the engine (found by itself)")
    return parent


def attached_or_beside() -> argparse.ArgumentParser:
    """Return a parent for the parsers of all commands that ask a running engine, or do without one."""
    parent = attached()
    parent.add_argument(
        "--settings", type=Path, metavar="FILE", help="this settings file (TOML), without asking an engine"
    )
    return parent


def positive(text: str) -> float:
    """Return a number above 0, or refuse the argument."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def at_least_one(text: str) -> int:
    """Return a whole number above 0, or refuse the argument."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)


def _add_about(commands: Commands) -> None:
    """Declare `version` and `completion`."""
    version = commands.add_parser(
        "version",
        parents=[attached()],
        help="show versions",
        description="Shows the versions of this program, and of the engine that runs, if there is one.",
    )
    version.set_defaults(run=_version)
    completion = commands.add_parser(
        "completion",
        help="print what completes commands in a shell",
        description="Prints a script that lets a shell complete the commands and options of calendar-engine.",
    )
    completion.add_argument("shell", choices=["bash", "zsh"], help="the shell it is for")
    completion.set_defaults(run=_completion)


def _version(options: argparse.Namespace) -> int:
    from engine.cli.about import show_versions

    return show_versions(options)


def _completion(options: argparse.Namespace) -> int:
    from engine.cli.about import script
    from engine.cli.output import put

    put(f"{script(make_parser(), options.shell)}\n".encode())
    return WELL


def _add_asking(commands: Commands) -> None:
    """Declare `status`, `users`, `explain`, `hold`, `resync` and `events`."""
    texts = {
        "status": ("show how the engine is doing", "Shows links, counts and problems with their remedies."),
        "users": ("list users and their presence", "Lists the users that take part, and what the PBX shows."),
        "explain": ("say why a user's presence is what it is", "Shows everything about one user, with reasons."),
        "hold": ("show or confirm what is held", "Shows a change that would clear most presences, or lets it."),
        "resync": ("read calendars anew", "Has the calendars of some users, or of everybody, read anew now."),
        "events": ("show what happens", "Shows what happens in the engine until interrupted."),
    }
    parsers = declare(commands, texts, _run_asking, attached())
    parsers["users"].add_argument("filter", nargs="*", metavar="FILTER", help="words that must all be found")
    parsers["explain"].add_argument("user", metavar="USER", help="name, display name, e-mail address or guid")
    parsers["hold"].add_argument("action", nargs="?", choices=["show", "confirm"], default="show", help="let it happen")
    parsers["resync"].add_argument("user", nargs="*", metavar="USER", help="as for explain; everybody if left out")
    parsers["resync"].add_argument("--resolve", action="store_true", help="look for the mailboxes anew before that")


def _run_asking(options: argparse.Namespace) -> int:
    from engine.cli.status import run_attached

    return run_attached(options)


def _add_demo(commands: Commands) -> None:
    """Declare `demo`."""
    parser = commands.add_parser(
        "demo",
        help="show the engine at work on a simulated PBX and Exchange",
        description="Starts a simulated PBX, a simulated Exchange and the engine, and lets a working day pass.",
    )
    parser.add_argument("--speed", type=positive, default=300.0, metavar="N", help="N times as fast as real (300)")
    parser.add_argument("--headless", action="store_true", help="plain lines, no colours")
    parser.add_argument("--for", type=positive, dest="seconds", metavar="SECONDS", help="end by itself after that long")
    parser.add_argument("--json", action="store_true", help="one JSON object per confirmed presence, and a summary")
    parser.add_argument("--socket", type=Path, metavar="PATH", help="where the local API is to be (a place of its own)")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does: with its other end")
    parser.set_defaults(run=_run_demo)


def _run_demo(options: argparse.Namespace) -> int:
    from engine.cli.demo import demo
    from engine.daemon.log_handler import start_logging
    from engine.daemon.loop import run_loop

    start_logging(logging.ERROR)
    went_well = run_loop(
        demo(
            speed=options.speed,
            seconds=options.seconds,
            plain=options.headless,
            as_json=options.json,
            socket=options.socket,
            pipe=sys.stdin.fileno() if options.until_eof else None,
        )
    )
    return WELL if went_well else FAILED


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _add_log(commands: Commands) -> None:
    """Declare `log` with what belongs to it."""
    log = commands.add_parser(
        "log",
        help="look at what was exchanged with Exchange",
        description="Shows the debug log of requests to Exchange and its answers, exports it, and switches it.",
    )
    actions = log.add_subparsers(dest="action", required=True, metavar="ACTION")
    texts = {
        "show": ("list exchanges", "Lists exchanges, the newest last; or shows one, by its number, with its bodies."),
        "follow": ("show exchanges as they happen", "Shows exchanges as they happen until interrupted."),
        "stats": ("show figures", "Shows figures by operation and code."),
        "diagnose": ("say what went wrong", "Says what went wrong, why, and what to do about it."),
        "export": ("write exchanges to a file", "Writes exchanges to a file that nobody else can read."),
        "on": ("capture exchanges from now on", "Captures exchanges from now on: all, or of some mailboxes."),
        "off": ("capture exchanges no longer", "Captures exchanges no longer; those that are kept stay."),
    }
    parsers = declare(actions, texts, _run_log, attached(), export=at_socket())
    for name in ("show", "follow", "stats", "diagnose", "export"):
        parsers[name].add_argument("filter", nargs="*", metavar="FILTER", help="for instance user:alice is:error")
    parsers["show"].add_argument("--limit", type=at_least_one, default=100, metavar="N", help="the newest N (100)")
    parsers["show"].add_argument("--raw", action="store_true", help="bodies exactly as they are kept")
    export = parsers["export"]
    export.set_defaults(json=False)
    export.add_argument(
        "--format", choices=("bundle", "har", "curl"), default="bundle", help="a support bundle (zip), HAR 1.2, or curl"
    )
    export.add_argument("--output", type=Path, metavar="FILE", help="where to; it must not be there yet")
    export.add_argument("--limit", type=at_least_one, default=1000, metavar="N", help="at most N exchanges (1000)")
    export.add_argument("--persons", action="store_true", help="leave addresses, names and subjects as they are kept")
    parsers["on"].add_argument("--mailbox", action="append", default=[], metavar="ADDRESS", help="of this one alone")
    parsers["on"].add_argument(
        "--for", dest="seconds", type=_duration, metavar="TIME", help="then off, e. g. 30m or 2h"
    )


def _duration(text: str) -> int:
    found = re.fullmatch(r"(\d{1,7})([smhd])", text)
    if found is None or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text} is no time like 90s, 30m, 2h or 1d")
    return int(found[1]) * _SECONDS[found[2]]


def _run_log(options: argparse.Namespace) -> int:
    from engine.cli.log import run_log

    return run_log(options)


def _add_log_in(commands: Commands) -> None:
    """Declare `log-in` and what can be done with it."""
    log_in = commands.add_parser(
        "log-in",
        help="see and end pauses of log-ins",
        description="Log-ins with a secret that is not proved right are few, so that no account is locked.",
    )
    actions = log_in.add_subparsers(dest="action", required=True)
    texts = {
        "show": ("list log-ins", "Lists the accounts that were logged in as, and until when each is paused."),
        "retry": ("try once more", "Lets one more log-in be tried with every account that is paused."),
    }
    declare(actions, texts, _run_log_in, attached_or_beside())


def _run_log_in(options: argparse.Namespace) -> int:
    from engine.cli.credentials import run_log_in

    return run_log_in(options)


def _add_secrets(commands: Commands) -> None:
    """Declare `secret` and what can be done with it."""
    secret = commands.add_parser(
        "secret",
        help="store passwords",
        description="Stores the passwords that the engine needs, encrypted in its state directory.",
    )
    actions = secret.add_subparsers(dest="action", required=True)
    texts = {
        "list": ("list names and ages", "Lists the secrets there can be, where each comes from, and how old it is."),
        "set": ("store a secret", "Reads a secret from a prompt, or a line of standard input, and stores it."),
        "delete": ("remove a stored secret", "Removes a stored secret."),
        "rotate-key": ("encrypt with another key", "Encrypts the stored secrets with another key."),
    }
    parsers = declare(actions, texts, _run_secrets, attached_or_beside())
    for name in ("set", "delete"):
        parsers[name].add_argument("name", metavar="NAME", help="as in exchange.password; secret list has them all")


def _run_secrets(options: argparse.Namespace) -> int:
    from engine.cli.credentials import run_secret

    return run_secret(options)


def _add_service(commands: Commands) -> None:
    """Declare `run`."""
    parser = commands.add_parser("run", help="keep presences in step until stopped", description="Runs the engine.")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="the settings file (TOML; found by itself)")
    parser.add_argument(
        "--secrets",
        type=Path,
        metavar="FILE",
        help="passwords as TOML, readable by the owner only; the environment variables "
        "CALENDAR_ENGINE_EXCHANGE_PASSWORD and CALENDAR_ENGINE_PBX_PASSWORD come first",
    )
    parser.set_defaults(run=_run_service)


def _run_service(options: argparse.Namespace) -> int:
    from engine.daemon.daemon import run
    from engine.daemon.log_handler import start_logging
    from engine.daemon.loop import run_loop
    from engine.daemon.paths import settings_path
    from engine.daemon.process import allow_many_files, keep_for_good, protect_memory, take_turns_quickly

    start_logging(logging.INFO)
    protect_memory()
    allow_many_files()
    take_turns_quickly()
    keep_for_good()
    run_loop(run(options.settings or settings_path(), options.secrets))
    return WELL


def _add_settings(commands: Commands) -> None:
    """Declare `config` and what can be done with it."""
    config = commands.add_parser(
        "config",
        help="show, check and change settings",
        description="Shows, checks and changes settings: those of a running engine, or else the settings file itself.",
    )
    actions = config.add_subparsers(dest="action", required=True)
    texts = {
        "show": ("show every setting", "Shows every setting with its value and where that comes from."),
        "get": ("show one setting", "Shows the value of one setting."),
        "set": ("change settings", "Puts other values into the file and into force: all of them, or none."),
        "check": ("check the file, or a change", "Says what is wrong with the file, or what a change would do."),
        "history": ("list the last versions", "Lists the last versions and what was changed."),
        "rollback": ("go back to an earlier version", "Puts an earlier version into force again."),
        "confirm": ("let the last change stand", "Lets a change stand that waits to be confirmed."),
        "schema": ("describe every setting", "Says what each setting is for, and what it may be."),
    }
    parsers = declare(actions, texts, _run_settings, attached_or_beside())
    parsers["get"].add_argument("key", metavar="KEY", help="as in presence.language")
    change = "KEY=VALUE; KEY= for the default"
    parsers["set"].add_argument("changes", nargs="+", metavar="KEY=VALUE", help=change)
    parsers["set"].add_argument(
        "--confirm-within",
        type=positive,
        metavar="SECONDS",
        help="roll back unless it is confirmed by then (at least 10)",
    )
    parsers["check"].add_argument("changes", nargs="*", metavar="KEY=VALUE", help=change)
    parsers["rollback"].add_argument(
        "version",
        nargs="?",
        type=int,
        metavar="VERSION",
        help="number of the version; if left out, the one before that in force",
    )


def _run_settings(options: argparse.Namespace) -> int:
    from engine.cli.config import run_config

    return run_config(options)


def _add_setup(commands: Commands) -> None:
    """Declare `setup`."""
    parser = commands.add_parser(
        "setup",
        help="set everything up, step by step",
        description="Asks for all that a running engine needs, tries it on the PBX and Exchange, and applies it.",
    )
    parser.add_argument("--socket", type=Path, metavar="PATH", help="the socket of the engine (found by itself)")
    parser.add_argument("--json", action="store_true", help="with --answers: what became of it, as one JSON object")
    parser.add_argument("--answers", type=Path, metavar="FILE", help="take all answers from this file (TOML)")
    parser.add_argument("--secrets", type=Path, metavar="FILE", help="with --answers: passwords, as for run")
    parser.add_argument("--check-only", action="store_true", help="with --answers: try everything, and change nothing")
    parser.set_defaults(run=_run_setup)


def _run_setup(options: argparse.Namespace) -> int:
    from engine.cli.setup import run_setup

    return run_setup(options)


def _add_trying(commands: Commands) -> None:
    """Declare `probe` and `preview`."""
    common = attached()
    probe = commands.add_parser(
        "probe",
        parents=[common],
        help="try the way to the PBX or to Exchange",
        description="Climbs from the name of the server to a presence or calendar, and says what to do where it fails.",
    )
    probe.add_argument("side", choices=("pbx", "exchange"), help="which side to try")
    probe.add_argument("--user", default="", metavar="USER", help="whose presence or calendar is looked at")
    _add_changes(probe, "try it with another value of a setting; may be repeated")
    probe.set_defaults(run=_probe)
    preview = commands.add_parser(
        "preview",
        parents=[common],
        help="show whose presence other settings would change today",
        description="Compares the presence of everybody until the end of the day under other presence settings.",
    )
    _add_changes(preview, "what if this setting of presence had that value; may be repeated")
    preview.set_defaults(run=_preview)


def _add_changes(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="KEY=VALUE", help=text)


def _probe(options: argparse.Namespace) -> int:
    from engine.cli.check import run_probe

    return run_probe(options)


def _preview(options: argparse.Namespace) -> int:
    from engine.cli.check import run_preview

    return run_preview(options)


PROGRAM = "calendar-engine"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; what it returns for a command has as `run` what carries it out."""
    parser: argparse.ArgumentParser = Parser(
        prog=PROGRAM, description="Sets the presence of innovaphone PBX users from their Exchange calendars."
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version('calendar-tui')}")
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (
        _add_service,
        _add_demo,
        _add_setup,
        _add_settings,
        _add_secrets,
        _add_log_in,
        _add_asking,
        _add_log,
        _add_trying,
        _add_about,
    ):
        add(commands)
    return parser
