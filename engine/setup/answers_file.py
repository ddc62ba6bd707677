"""The answers of a set-up as a file, for `calendar-engine setup --answers`."""

from collections.abc import Mapping

from engine.settings.editor import edited

TABLE = "setup"


def answers_file(text: str, own: Mapping[str, str]) -> str:
    """Return the text of a settings file, which contains no secrets, with the answers that are no settings in a table
    of their own."""
    return edited(text, {key: value for key, value in own.items() if value})
