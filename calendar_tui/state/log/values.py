"""Values as a filter has them."""

import re

_STATUS = re.compile(r"HTTP (\d{3})\b")


def condition_of_code(code: str) -> str:
    """Return the condition for what a diagnosis or a figure is about: a code, the first of some, or an HTTP status."""
    status = _STATUS.match(code)
    return f"status:{status[1]}" if status else f"code:{quoted(code.partition(' ')[0])}"


def quoted(value: str) -> str:
    """Return a value as a filter has it."""
    if value and all(letter.isalnum() or letter in "@._-" for letter in value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
