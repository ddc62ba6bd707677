"""The pen of a terminal: the colours and attributes in which it writes."""

from typing import NamedTuple

_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "8": "28", "9": "29"}
"""The code that ends each attribute."""

DEFAULT = ("39", "49")

ON_BLANKS = frozenset({"4", "7", "9"})
"""Attributes that are seen where no letter is: underlined, reversed, struck out."""


class Pen(NamedTuple):
    """How the terminal writes: its colours as codes, and its attributes."""

    foreground: str = ""
    background: str = ""
    attributes: frozenset[str] = frozenset()

    def after(self, codes: str) -> "Pen":
        """Return the pen after a sequence of codes."""
        foreground, background, attributes = self
        rest = codes.split(";")
        while rest:
            code = rest.pop(0)
            colour = code
            if code in ("38", "48"):
                taken = 2 if rest[:1] == ["5"] else 4
                colour = ";".join((code, *rest[:taken]))
                rest = rest[taken:]
            if code in ("", "0"):
                foreground, background, attributes = Pen()
            elif code in _OFF:
                attributes |= {code}
            elif code in _OFF.values():
                attributes = frozenset(each for each in attributes if _OFF[each] != code)
            elif code.startswith(("4", "10")):
                background = "" if code == "49" else colour
            else:
                foreground = "" if code == "39" else colour
        return Pen(foreground, background, attributes)

    @property
    def on_blanks(self) -> "Pen":
        """The part of the pen that is seen where no letter is."""
        return self if self.attributes & ON_BLANKS else Pen(background=self.background)

    def from_(self, before: "Pen") -> str:
        """Return the shortest sequence that turns `before` into this pen, "" if they are the same."""
        if self == before:
            return ""
        codes: list[str] = []
        ended = {_OFF[each] for each in before.attributes - self.attributes}
        codes += sorted(ended)
        kept = {each for each in before.attributes if _OFF[each] not in ended}
        codes += sorted(self.attributes - kept)
        for now, then, default in zip(self[:2], before[:2], DEFAULT, strict=True):
            if now != then:
                codes.append(now or default)
        return f"\x1b[{';'.join(codes)}m" if self != Pen() else "\x1b[m"
