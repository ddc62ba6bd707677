"""What the palette finds: commands of all views, users, settings and problems, also by the vendor's words."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from calendar_tui.commands import registry
from calendar_tui.commands.command import EVERYWHERE, Command
from calendar_tui.model import Model
from engine.api.schema.settings import Setting
from engine.display import counted
from engine.documents.vendor import also_called

MAIN_VIEWS = ("overview", "users", "log", "settings", "day")
"""The views whose commands can be run from every other, after opening them."""

OF_A_USER = ("resync", "reresolve", "entries", "copy", "save")
OF_AN_ENTRY = ("curl", "compare", "search", "copy", "copy command", "pager", "save")
"""The commands of a user and of a log entry that can be run from every view: for the one chosen last."""

TOPICS = {
    "overview": "the overview",
    "problem": "a problem",
    "users": "the list of users",
    "user": "one user",
    "day": "everybody's day",
    "log": "the log",
    "exchange": "one log entry",
    "statistics": "the figures of the log",
    "settings": "the settings",
    "secrets": "passwords and other secrets",
    "setup": "the set-up",
}
"""What the palette calls the views whose keys it finds."""

TOO_MANY = 200
"""No more entries than this are found: nobody scrolls so far."""


class Kind(StrEnum):
    """What an entry is."""

    COMMAND = "command"
    USER = "user"
    SETTING = "setting"
    PROBLEM = "problem"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that is found by the words of its title, and by `words`; `note` stands at the right."""

    kind: Kind
    key: str
    title: str
    note: str = ""
    words: str = ""


def entries(
    model: Model, view: str, hindrance: Callable[[Command], str], settings: Sequence[Setting]
) -> Iterator[Entry]:
    """Yield everything that can be found from a view, the nearest first."""
    places = (view, EVERYWHERE, *(each for each in MAIN_VIEWS if each != view))
    for place in places:
        for command in registry.of_place(place):
            if not hindrance(command):
                yield _command(command, view)
    yield from _of_what_was_chosen(model, view, hindrance)
    for name, what in TOPICS.items():
        yield Entry(Kind.HELP, f"help:{name}", f"Keys and signs of {what}", "help", "help keyboard")
    for concern in model.status.concerns if model.status else ():
        if concern.link is None and concern.count:
            whom = counted(concern.count, "user")
            yield Entry(Kind.PROBLEM, f"problem:{concern.trouble.type}", concern.trouble.title, whom)
    for row in sorted(model.users.rows.values(), key=lambda row: row.display_name.casefold()):
        yield Entry(Kind.USER, f"user:{row.guid}", row.display_name or row.name, "user", f"{row.name} {row.mailbox}")
    for setting in settings:
        also = also_called(setting.key)
        yield Entry(Kind.SETTING, f"setting:{setting.key}", setting.help, setting.key, f"{setting.key} {also}")


def _of_what_was_chosen(model: Model, view: str, hindrance: Callable[[Command], str]) -> Iterator[Entry]:
    """Yield the commands of the user and the log entry that were chosen last, unless one of them is shown."""
    row, entry = model.users.rows.get(model.chosen_user), model.chosen_entry
    user = None if row is None else row.display_name or row.name
    for place, names, what in (
        ("user", OF_A_USER, user),
        ("exchange", OF_AN_ENTRY, None if entry is None else f"log entry {entry}"),
    ):
        for command in registry.of_place(place) if what is not None and place != view else ():
            if command.name in names and not hindrance(command):
                words = f"{command.name} {command.synonyms}"
                yield Entry(Kind.COMMAND, f"command:{place}:{command.name}", f"{what}: {command.title}", place, words)


def _command(command: Command, view: str) -> Entry:
    place = "" if command.place == EVERYWHERE else command.place
    where = command.key if place in ("", view) else place
    return Entry(
        Kind.COMMAND, f"command:{place}:{command.name}", command.title, where, f"{command.name} {command.synonyms}"
    )


def found(choice: Iterator[Entry], words: str) -> list[Entry]:
    """Return what has every one of `words`: in its title first."""
    wanted = words.casefold().split()
    first: list[Entry] = []
    second: list[Entry] = []
    for entry in choice:
        if all(word in entry.title.casefold() for word in wanted):
            first.append(entry)
        elif all(word in f"{entry.title} {entry.words} {entry.note}".casefold() for word in wanted):
            second.append(entry)
    return [*first, *second][:TOO_MANY]
