"""What was typed into a field as a value of its setting."""

from engine.settings.editor import SettingValue
from engine.settings.forms import SettingForm

_FLAGS = {"true": True, "yes": True, "false": False, "no": False}


def value_typed(form: SettingForm, text: str) -> SettingValue | None:
    """Return a text as a value of this kind, None if it is empty; what is no such value stays text, and is a problem
    of its field."""
    text = text.strip()
    if not text:
        return None
    if form.many:
        return tuple(part.strip() for part in text.split(",") if part.strip()) or None
    if form.kind == "true or false":
        return _FLAGS.get(text.casefold(), text)
    try:
        match form.kind:
            case "whole number":
                return int(text)
            case "number":
                return float(text)
    except ValueError:
        pass
    return text
