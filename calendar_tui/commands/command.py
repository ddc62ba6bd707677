"""The definition of a command."""

from dataclasses import dataclass

EVERYWHERE = "everywhere"
LIST = "list"
"""The two places besides the screens: every screen, and every list."""

_KEYS = {
    "slash": "/",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "colon": ":",
    "equals_sign": "=",
    "plus": "+",
    "minus": "-",
    "space": "Space",
    "tab": "Tab",
    "delete": "Del",
    "left": "←",
    "right": "→",
    "less_than_sign": "<",
    "greater_than_sign": ">",
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
    """A command that an administrator can run in a place.

    `keys` are Textual's names; the first one is shown. `title` describes it in full, `label` in a word for the footer
    (empty: not shown there; `wide`: only where there is room). `action` is the action of the view that carries it out.
    `changes`: it needs the right to make changes. `capability` is the feature of the engine that it needs.
    `synonyms` are other words by which the palette finds it. A command without keys is found there alone.
    """

    name: str
    place: str
    keys: tuple[str, ...]
    title: str
    action: str
    label: str = ""
    changes: bool = False
    capability: str = ""
    wide: bool = False
    synonyms: str = ""

    @property
    def key(self) -> str:
        """The first key as labelled on a keyboard, "" if there is none."""
        return key_name(self.keys[0]) if self.keys else ""

    @property
    def is_typed(self) -> bool:
        """Whether its key is a character, which a field with the cursor takes for itself."""
        return self.key == "Space" or (len(self.key) == 1 and self.key.isascii())


def key_name(key: str) -> str:
    """Return the label on a keyboard for a key name of Textual."""
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+").upper()
    return _KEYS.get(key, key.upper() if key[1:].isdigit() else key)
