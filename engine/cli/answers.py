"""The file with all answers of a set-up: the tables of a settings file, and who to try it with."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.api.schema.settings import Value
from engine.core import bounded
from engine.core.settings.catalogue import differences
from engine.core.settings.keys import KEYS
from engine.core.settings.problems import Problem, SettingsInvalid
from engine.core.settings.reader import read_settings
from engine.service.settings_file import SettingsFile, system_zone


@dataclass(frozen=True, slots=True)
class Answers:
    """What the file says; `problems` is everything that is missing or wrong in it, secrets left aside."""

    settings: dict[str, Value]
    user: str
    problems: tuple[Problem, ...]


def read_answers(path: Path) -> Answers:
    """Return the answers in a file. Raises `SettingsMissing` or `SettingsUnreadable`."""
    text = SettingsFile(path).read()
    found: tuple[Problem, ...] = ()
    try:
        read_settings(text, default_zone=system_zone(), source=str(path), today=datetime.now(UTC).date())
    except SettingsInvalid as failure:
        found = tuple(problem for problem in failure.problems if not problem.key.startswith("setup"))
    settings = {each.key: each.after for each in differences("", text) if each.key in KEYS}
    user, others = _setup_table(text)
    return Answers(settings, user, (*found, *others))


def _setup_table(text: str) -> tuple[str, tuple[Problem, ...]]:
    try:
        table = bounded.toml(text).get("setup", {})
    except bounded.NotReadable:
        return "", ()  # which is told as a problem of the settings
    if not isinstance(table, dict):
        return "", (Problem("setup", None, "must be a table", "Write [setup], and user = … in it."),)
    user = table.pop("user", "")
    others = [
        Problem(f"setup.{name}", None, "is no answer", "The only one beside the settings is setup.user.")
        for name in table
    ]
    if not isinstance(user, str):
        others.append(Problem("setup.user", None, "must be text", "Write the e-mail address of a user."))
    return str(user), tuple(others)
