"""The output of the command `demo`: presences as they are confirmed, and a summary."""

import json
import shutil
import sys
import textwrap
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from engine.api.schema import Activity
from engine.cli.output import put, remark, say
from engine.cli.terminal import AnsiPalette
from engine.core.errors import Failure
from engine.core.presence.model import Presence
from engine.display import counted, visible
from engine.documents.lines import Line, Span, activity, fitted
from engine.sync.events import (
    ConcernArose,
    ConnectionLost,
    ConnectionRestored,
    Event,
    PresenceConfirmed,
    ReadingRestricted,
    UserTrouble,
)
from engine.sync.status import EngineStatus, UserProblem


class DemoStats:
    """An observer that counts written presences, and remembers failures of connections and of presences."""

    def __init__(self) -> None:
        self.presences_set = 0
        self._link_failures: list[tuple[str, Failure]] = []
        self._user_failures: dict[str, UserTrouble] = {}

    def note(self, event: Event) -> None:
        """Count one event."""
        match event:
            case PresenceConfirmed():
                self.presences_set += 1
            case ConnectionLost(side, failure):
                self._link_failures.append((side.value, failure))
            case UserTrouble(user):
                self._user_failures[user.guid] = event
            case _:
                pass

    def errors(self, status: EngineStatus) -> list[tuple[str, Failure]]:
        """Return the failures, except those of users that `status` lists as unresolved anyway."""
        known = {problem.user.guid for problem in status.unresolved}
        users = [trouble for guid, trouble in self._user_failures.items() if guid not in known]
        return [*self._link_failures, *((trouble.user.label, trouble.failure) for trouble in users)]


def problem_as_data(problem: UserProblem) -> dict[str, str]:
    """Return a user's problem for JSON."""
    return {"user": problem.user.label} | failure_as_data(problem.failure)


def failure_as_data(failure: Failure) -> dict[str, str]:
    """Return a failure for JSON: its name, meaning and remedy."""
    return {"failure": failure.slug, "reason": str(failure), "remedy": failure.remedy}


MIN_NOTE = 16
BEFORE_THE_NOTE = 42
"""Columns of time, state and name."""


class DemoJson:
    """Output as JSON, one object per line: every confirmed presence, and a summary at the end."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def begin(self, speed: float, now: datetime, socket: Path) -> None:
        """Print the socket of the local API on standard error, because standard output is JSON only."""
        remark(f"calendar-engine demo: local API at {socket}")

    def show(self, event: Event) -> None:
        """Print a confirmed presence."""
        if isinstance(event, PresenceConfirmed):
            presence = {"activity": event.presence.activity, "note": event.presence.note}
            time = event.at.astimezone(self._zone).isoformat(timespec="seconds")
            _print_json({"user": event.user.label, **presence, "time": time})

    def tell(self, at: datetime, change: str) -> None:
        """Do nothing, because changes of calendars show in the presences."""

    def end(self, status: EngineStatus, stats: DemoStats) -> None:
        """Print the summary."""
        _print_json(
            {
                "users": status.users,
                "resolved": status.resolved,
                "watched": status.watched,
                "unresolved": [problem_as_data(problem) for problem in status.unresolved],
                "presences_set": stats.presences_set,
                "errors": [{"where": where} | failure_as_data(failure) for where, failure in stats.errors(status)],
            }
        )


class DemoLines:
    """Output for people, one line per event; glyph and word convey the same as the colour."""

    def __init__(self, zone: ZoneInfo, *, colour: bool) -> None:
        self._zone = zone
        self._palette = AnsiPalette(colour=colour)

    def begin(self, speed: float, now: datetime, socket: Path) -> None:
        """Print an introduction, and the socket of the local API."""
        say(f"calendar-engine demo: {now.astimezone(self._zone):%A %d %B %Y}, {speed:g} times real time.")
        say("A simulated PBX and a simulated Exchange, on loopback. Ctrl+C ends it.")
        say(f"In another terminal: calendar-engine status --socket {socket}")
        say()

    def show(self, event: Event) -> None:
        """Print an event."""
        match event:
            case PresenceConfirmed(user, presence, at):
                self._print_presence(f"{at.astimezone(self._zone):%H:%M}", user.label, presence)
            case UserTrouble(user, failure):
                _print_trouble("       ! ", user.label, failure)
            case ConnectionLost(side, failure):
                _print_trouble("       ! ", side.value, failure)
            case ConnectionRestored(side):
                say(f"       = {side} is working")
            case ReadingRestricted(failure) | ConcernArose(failure=failure):
                say(f"       ! {failure}")
                say(f"         {failure.remedy}")
            case _:
                pass

    def tell(self, at: datetime, change: str) -> None:
        """Print a change of a calendar."""
        say(f"{at.astimezone(self._zone):%H:%M}  ~ {change}")

    def end(self, status: EngineStatus, stats: DemoStats) -> None:
        """Print the summary."""
        say()
        say(
            f"{counted(status.users, 'user')}, {status.resolved} with a calendar, {status.watched} of them watched; "
            f"{counted(stats.presences_set, 'presence')} set."
        )
        for problem in status.unresolved:
            _print_trouble("No calendar: ", problem.user.label, problem.failure)
        for where, failure in stats.errors(status):
            _print_trouble("Error: ", where, failure)

    def _print_presence(self, time: str, name: str, presence: Presence) -> None:
        state = activity(msgspec.convert(presence.activity or "available", Activity))
        text = f"{time}  {state.text}  {fitted(name, 20)}  {presence.note or '(nothing set)'}"
        say(self._palette.text(Line((Span(text, state.role),))), colours=self._palette.colour)


def _print_trouble(start: str, where: str, failure: Failure) -> None:
    width = shutil.get_terminal_size().columns
    indent = " " * 9
    for each in textwrap.wrap(f"{start}{visible(where)}: {failure}", width, subsequent_indent=indent):
        say(each)
    for each in textwrap.wrap(failure.remedy, width, initial_indent=indent, subsequent_indent=indent):
        say(each)


def _print_json(value: dict[str, object]) -> None:
    put(json.dumps(value, ensure_ascii=False).encode() + b"\n")


DemoOutput = DemoJson | DemoLines


def choose_view(zone: ZoneInfo, *, plain: bool, as_json: bool, no_colour: bool) -> DemoOutput:
    """Return the requested output, in a form that the terminal can show."""
    if as_json:
        return DemoJson(zone)
    on_terminal = sys.stdout.isatty() and not plain
    return DemoLines(
        zone,
        colour=on_terminal and not no_colour,
    )


def room_for_notes(*, plain: bool) -> int | None:
    """Return the maximum length of a note beside time, state and name, None if lines are not limited."""
    if plain or not sys.stdout.isatty():
        return None
    return max(MIN_NOTE, shutil.get_terminal_size().columns - BEFORE_THE_NOTE)
