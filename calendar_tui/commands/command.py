"""The definition of a command."""

from dataclasses import dataclass

EVERYWHERE = "everywhere"
LIST = "list"
"""Two places beside the names of the views: all of them, and every list in them."""

_KEYS = {
    "slash": "/",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "colon": ":",
    "space": "Space",
    "tab": "Tab",
    "delete": "Del",
    "enter": "Enter",
    "escape": "Esc",
    "up": "↑",
    "down": "↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
}


@dataclass(frozen=True, slots=True)
class Command:
    """Something an administrator can do in a place.

    `keys` are Textual's names; the first is shown. `title` says in full what it does, `label` in a word for the
    footer (none: not shown there). `action` is the action of the view that does it. `changes` commands need the right
    to change something, `capability` is what the engine must be able to do.
    """

    name: str
    place: str
    keys: tuple[str, ...]
    title: str
    action: str
    label: str = ""
    changes: bool = False
    capability: str = ""

    @property
    def key(self) -> str:
        """The first key as it is written on a keyboard."""
        return key_name(self.keys[0])


def key_name(key: str) -> str:
    """Return a key of Textual as it is written on a keyboard."""
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+").upper()
    return _KEYS.get(key, key)
