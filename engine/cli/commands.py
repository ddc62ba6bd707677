"""The command line of `calendar-engine`; the code of a command is imported only when it runs."""

import argparse
import logging
import os
import re
import sys
from datetime import date
from pathlib import Path

from engine.cli.arguments import (
    SubParsers,
    at_least_one,
    at_socket,
    attached,
    attached_or_beside,
    declare,
    positive,
)
from engine.cli.cluster import add_cluster
from engine.cli.exit_codes import FAILED, WELL
from engine.cli.keeping import add_backup, add_health
from engine.cli.trying import add_live, add_trying
from engine.command_parser import CommandParser


class _ShowVersion(argparse.Action):
    """Prints the version of this program, and exits."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # imports the whole e-mail package

        sys.stdout.write(f"{PROGRAM} {version('calendar-tui')}\n")
        parser.exit()


def _add_about(commands: SubParsers) -> None:
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
        help="print a shell completion script",
        description="Prints a script that completes the commands and options of calendar-engine in a shell.",
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"], help="the shell")
    completion.set_defaults(run=_completion)


def _version(options: argparse.Namespace) -> int:
    from engine.cli.about import show_versions

    return show_versions(options)


def _completion(options: argparse.Namespace) -> int:
    from engine.cli.about import script
    from engine.cli.output import put

    put(f"{script(make_parser(), options.shell)}\n".encode())
    return WELL


def _add_asking(commands: SubParsers) -> None:
    """Declare `status`, `users`, `explain`, `day`, `hold`, `resync` and `events`."""
    texts = {
        "status": ("show how the engine is doing", "Shows links, counts and problems with their remedies."),
        "users": ("list users and their presence", "Lists the synchronised users and their presence in the PBX."),
        "explain": ("explain a user's presence", "Shows one user in full, with the reasons for the presence."),
        "day": ("show a day of users as bars", "Shows calendars and presences of a day, hour by hour, as bars."),
        "hold": ("show or confirm a held change", "Shows or confirms a held change, which would clear most presences."),
        "resync": ("read calendars again", "Reads the calendars of some or all users again now."),
        "events": ("show events", "Shows the events of the engine until interrupted."),
    }
    parsers = declare(commands, texts, _run_asking, attached())
    parsers["users"].add_argument("filter", nargs="*", metavar="FILTER", help="words that must all match")
    parsers["explain"].add_argument("user", metavar="USER", help="name, display name, e-mail address or guid")
    parsers["day"].add_argument(
        "--date", type=_date, metavar="DATE", help="a day such as 2026-11-30, in the presence time zone (today)"
    )
    parsers["day"].add_argument(
        "--user", action="append", default=[], metavar="USER", help="as for explain; may be repeated; all if omitted"
    )
    parsers["hold"].add_argument(
        "action", nargs="?", choices=["show", "confirm"], default="show", help="show the held change, or confirm it"
    )
    parsers["resync"].add_argument("user", nargs="*", metavar="USER", help="as for explain; all users if omitted")
    parsers["resync"].add_argument("--resolve", action="store_true", help="look up the mailboxes again first")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not a date such as 2026-11-30") from error


def _run_asking(options: argparse.Namespace) -> int:
    from engine.cli.status import run_attached

    return run_attached(options)


def _add_demo(commands: SubParsers) -> None:
    """Declare `demo`."""
    parser = commands.add_parser(
        "demo",
        help="show the engine at work on a simulated PBX and Exchange",
        description="Starts a simulated PBX, a simulated Exchange and the engine, and lets a working day pass.",
    )
    parser.add_argument("--cloud", action="store_true", help="with Exchange Online, by Microsoft Graph")
    parser.add_argument("--speed", type=positive, default=300.0, metavar="N", help="N times real time (300)")
    parser.add_argument("--headless", action="store_true", help="plain lines, no colours")
    parser.add_argument("--for", type=positive, dest="seconds", metavar="SECONDS", help="end after that many seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object per confirmed presence, and a summary")
    parser.add_argument(
        "--socket", type=Path, metavar="PATH", help="socket of the local API (default: a temporary one)"
    )
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
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
            cloud=options.cloud,
            socket=options.socket,
            pipe=sys.stdin.fileno() if options.until_eof else None,
        )
    )
    return WELL if went_well else FAILED


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _add_log(commands: SubParsers) -> None:
    """Declare `log` and its subcommands."""
    log = commands.add_parser(
        "log",
        help="show and export the debug log",
        description="Shows, exports and switches the debug log of what is said to Exchange and to the PBX.",
    )
    actions = log.add_subparsers(dest="action", required=True, metavar="ACTION")
    texts = {
        "show": ("list entries", "Lists entries, newest last; or shows one by its number, with its bodies."),
        "follow": ("show entries as they are added", "Shows entries as they are added, until interrupted."),
        "histogram": ("show how many entries ended when", "Shows how many entries and errors there were over time."),
        "stats": ("show statistics", "Shows statistics by operation and code."),
        "diagnose": ("show errors with cause and remedy", "Shows each kind of error with its cause and remedy."),
        "export": ("write entries to a file", "Writes entries to a file that only its owner can read."),
        "on": (
            "start capturing",
            "Starts capturing what is said to Exchange and the PBX: all, or about some mailboxes.",
        ),
        "off": ("stop capturing", "Stops capturing; the entries are kept."),
    }
    parsers = declare(actions, texts, _run_log, attached(), export=at_socket())
    for name in ("show", "follow", "stats", "histogram", "diagnose", "export"):
        parsers[name].add_argument("filter", nargs="*", metavar="FILTER", help="for instance user:alice is:error")
    parsers["show"].add_argument("--limit", type=at_least_one, default=100, metavar="N", help="the newest N (100)")
    parsers["show"].add_argument("--raw", action="store_true", help="bodies exactly as stored")
    export = parsers["export"]
    export.set_defaults(json=False)
    export.add_argument(
        "--format", choices=("bundle", "har", "curl"), default="bundle", help="a support bundle (zip), HAR 1.2, or curl"
    )
    export.add_argument("--output", type=Path, metavar="FILE", help="output file, which must not exist yet")
    export.add_argument("--limit", type=at_least_one, default=1000, metavar="N", help="at most N entries (1000)")
    export.add_argument("--persons", action="store_true", help="keep addresses, names and subjects as stored")
    parsers["histogram"].add_argument("--columns", type=at_least_one, default=60, metavar="N", help="at most N (60)")
    parsers["on"].add_argument("--peer", choices=("exchange", "pbx"), help="only what is said to this side")
    parsers["on"].add_argument("--mailbox", action="append", default=[], metavar="ADDRESS", help="only of this mailbox")
    parsers["on"].add_argument(
        "--for", dest="seconds", type=_duration, metavar="TIME", help="switch off after this time, e.g. 30m or 2h"
    )


def _duration(text: str) -> int:
    found = re.fullmatch(r"(\d{1,7})([smhd])", text)
    if found is None or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text} is not a duration such as 90s, 30m, 2h or 1d")
    return int(found[1]) * _SECONDS[found[2]]


def _run_log(options: argparse.Namespace) -> int:
    from engine.cli.log import run_log

    return run_log(options)


def _add_log_in(commands: SubParsers) -> None:
    """Declare `log-in` and its subcommands."""
    log_in = commands.add_parser(
        "log-in",
        help="show and end pauses of log-ins",
        description="Limits log-ins with an unproven secret, so that no account is locked out.",
    )
    actions = log_in.add_subparsers(dest="action", required=True)
    texts = {
        "show": ("list log-ins", "Lists the accounts used to log in, and until when each is paused."),
        "retry": ("allow one more attempt", "Allows one more log-in attempt with every paused account."),
    }
    declare(actions, texts, _run_log_in, attached_or_beside())


def _run_log_in(options: argparse.Namespace) -> int:
    from engine.cli.credentials import run_log_in

    return run_log_in(options)


def _add_secrets(commands: SubParsers) -> None:
    """Declare `secret` and its subcommands."""
    secret = commands.add_parser(
        "secret",
        help="store passwords",
        description="Stores the passwords that the engine needs, encrypted in its state directory.",
    )
    actions = secret.add_subparsers(dest="action", required=True)
    texts = {
        "list": ("list names and ages", "Lists all secrets, where each comes from, and how old it is."),
        "set": ("store a secret", "Reads a secret from a prompt or one line of standard input, and stores it."),
        "delete": ("remove a stored secret", "Removes a stored secret."),
        "rotate-key": ("encrypt with another key", "Encrypts the stored secrets with another key."),
    }
    parsers = declare(actions, texts, _run_secrets, attached_or_beside())
    for name in ("set", "delete"):
        parsers[name].add_argument("name", metavar="NAME", help="for instance exchange.password; secret list shows all")


def _run_secrets(options: argparse.Namespace) -> int:
    from engine.cli.credentials import run_secret

    return run_secret(options)


def _add_cloud(commands: SubParsers) -> None:
    """Declare `cloud` and its subcommands."""
    cloud = commands.add_parser(
        "cloud",
        help="make the certificate for Exchange Online, or show what is known of the tenant",
        description="Makes and renews the certificate with which the engine logs in at Microsoft Entra, and shows what "
        "is known of the tenant.",
    )
    actions = cloud.add_subparsers(dest="thing", required=True)
    texts = {
        "certificate": (
            "make, show or renew the certificate",
            "Makes a certificate, if there is none, and shows it with where to upload it; its key never leaves the "
            "engine.",
        ),
    }
    of_tenant = {
        "tenant": (
            "show what is known of the tenant",
            "Shows what checks of Exchange have found out about the tenant by Microsoft Graph.",
        ),
    }
    declare(actions, of_tenant, _run_tenant, attached_or_beside())
    certificate = declare(actions, texts, _run_certificate, attached_or_beside())["certificate"]
    certificate.add_argument(
        "action",
        nargs="?",
        choices=["make", "show", "renew", "delete"],
        default="make",
        help="make one if there is none; show it; make the next one; or remove all",
    )
    certificate.add_argument("--out", type=Path, metavar="FILE", help="also write the public part to this new file")


def _run_certificate(options: argparse.Namespace) -> int:
    from engine.cli.cloud import run_certificate

    return run_certificate(options)


def _run_tenant(options: argparse.Namespace) -> int:
    from engine.cli.cloud import run_tenant

    return run_tenant(options)


def _add_service(commands: SubParsers) -> None:
    """Declare `run`."""
    parser = commands.add_parser("run", help="synchronise presences until stopped", description="Runs the engine.")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="the settings file (TOML; found automatically)")
    parser.add_argument(
        "--secrets",
        type=Path,
        metavar="FILE",
        help="passwords as TOML, readable by the owner only; the environment variables "
        "CALENDAR_ENGINE_EXCHANGE_PASSWORD and CALENDAR_ENGINE_PBX_PASSWORD come first",
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json", "journal"),
        help="lines of text or of JSON on standard error, or entries of the journal (the latter where that reads them)",
    )
    parser.set_defaults(run=_run_service)


def _run_service(options: argparse.Namespace) -> int:
    from engine.daemon.daemon import run
    from engine.daemon.log_formats import LogFormat, usual_format, writer
    from engine.daemon.log_handler import start_logging
    from engine.daemon.loop import run_loop
    from engine.daemon.paths import settings_path
    from engine.daemon.process import allow_many_files, keep_for_good, protect_memory, take_turns_quickly

    form = LogFormat(options.log_format or usual_format(os.environ, sys.stderr))
    start_logging(logging.INFO, writer(form, sys.stderr))
    protect_memory()
    allow_many_files()
    take_turns_quickly()
    keep_for_good()
    run_loop(run(options.settings or settings_path(), options.secrets))
    return WELL


def _add_settings(commands: SubParsers) -> None:
    """Declare `config` and its subcommands."""
    config = commands.add_parser(
        "config",
        help="show, check and change settings",
        description="Shows, checks and changes the settings of a running engine, or else the settings file itself.",
    )
    actions = config.add_subparsers(dest="action", required=True)
    texts = {
        "show": ("show every setting", "Shows every setting with its value and where that comes from."),
        "get": ("show one setting", "Shows the value of one setting."),
        "set": ("change settings", "Changes settings in the file and applies them: all of them, or none."),
        "check": ("check the file or a change", "Checks the settings file, or shows the effect of a change."),
        "history": ("list the last versions", "Lists the last versions and their changes."),
        "rollback": ("go back to an earlier version", "Applies an earlier version again."),
        "confirm": ("confirm the last change", "Confirms a change that awaits confirmation."),
        "schema": ("describe every setting", "Describes each setting and its possible values."),
        "vendor": (
            "find settings by the names in the Calendar App",
            "Lists the settings of the innovaphone Calendar App, and which ones here correspond to them.",
        ),
    }
    parsers = declare(actions, texts, _run_settings, attached_or_beside())
    parsers["get"].add_argument("key", metavar="KEY", help="for instance presence.language")
    change = "KEY=VALUE; KEY= for the default"
    parsers["set"].add_argument("changes", nargs="+", metavar="KEY=VALUE", help=change)
    parsers["set"].add_argument(
        "--confirm-within",
        type=positive,
        metavar="SECONDS",
        help="roll back unless confirmed within this time (at least 10)",
    )
    parsers["check"].add_argument("changes", nargs="*", metavar="KEY=VALUE", help=change)
    parsers["rollback"].add_argument(
        "version",
        nargs="?",
        type=int,
        metavar="VERSION",
        help="number of the version (default: the one before the current)",
    )


def _run_settings(options: argparse.Namespace) -> int:
    from engine.cli.config import run_config

    return run_config(options)


def _add_setup(commands: SubParsers) -> None:
    """Declare `setup`."""
    parser = commands.add_parser(
        "setup",
        parents=[at_socket()],
        help="set everything up, step by step",
        description="Asks for everything the engine needs, checks it on the PBX and Exchange, and applies it.",
    )
    json_help = "with --answers or --export-answers: print the outcome as one JSON object"
    parser.add_argument("--json", action="store_true", help=json_help)
    parser.add_argument("--flow", default="all", metavar="NAME", help="change just that, for instance password or pbx")
    parser.add_argument("--export-answers", action="store_true", help="print the answers as a file, without secrets")
    parser.add_argument("--answers", type=Path, metavar="FILE", help="take all answers from this file (TOML)")
    parser.add_argument("--secrets", type=Path, metavar="FILE", help="with --answers: passwords, as for run")
    parser.add_argument("--check-only", action="store_true", help="with --answers: check everything, change nothing")
    parser.set_defaults(run=_run_setup)


def _run_setup(options: argparse.Namespace) -> int:
    from engine.cli.setup import run_setup

    return run_setup(options)


PROGRAM = "calendar-engine"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; the parsed arguments have the function that implements the command as `run`."""
    parser: argparse.ArgumentParser = CommandParser(
        prog=PROGRAM, description="Sets the presence of innovaphone PBX users from their Exchange calendars."
    )
    parser.add_argument(
        "--version", action=_ShowVersion, nargs=0, default=argparse.SUPPRESS, help="show the version and exit"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (
        _add_service,
        _add_demo,
        _add_setup,
        _add_settings,
        _add_secrets,
        add_backup,
        add_health,
        _add_log_in,
        _add_cloud,
        _add_asking,
        _add_log,
        add_trying,
        add_live,
        add_cluster,
        _add_about,
    ):
        add(commands)
    return parser
