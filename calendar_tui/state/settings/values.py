"""Values of settings as a person writes and reads them."""

import csv

from engine.api.schema.settings import Setting, Value

NUMBERS = ("whole number", "number")
FLAG = "true or false"


def written(value: Value) -> str:
    """Return a value as it is typed; nothing where there is none."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(f'"{each}"' if "," in each or '"' in each else each for each in value)
        case _:
            return str(value)


def shown(value: Value) -> str:
    """Return a value as it is read."""
    return written(value) or ("none" if value == () else "not set" if value is None else '""')


def typed(text: str, setting: Setting) -> Value:
    """Return what was typed as the value of a setting; nothing typed takes it out, so that the default holds.

    What does not fit stays text: the engine says what is wrong with it.
    """
    text = text.strip()
    if not text:
        return () if setting.many else None
    if setting.many:
        return tuple(each.strip() for each in next(csv.reader([text], skipinitialspace=True)) if each.strip())
    if setting.kind == FLAG and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if setting.kind in NUMBERS:
        return _number(text)
    return text


def words_of(setting: Setting) -> tuple[str, ...]:
    """Return all that a setting may be, where that is one of some words."""
    return ("true", "false") if setting.kind == FLAG and not setting.many else setting.words


def form(setting: Setting) -> str:
    """Return in words what a value may be."""
    text = ", ".join(setting.words) if setting.words else setting.kind
    if setting.low is not None and setting.high is not None:
        text += f" from {setting.low:g} to {setting.high:g}"
    return f"list of {text}, divided by commas" if setting.many else text


def _number(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
