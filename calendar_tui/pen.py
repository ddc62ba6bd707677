"""A driver for terminals that leaves out codes of colours and styles which are in force already."""

import re
from typing import NamedTuple

from textual.drivers.linux_driver import LinuxDriver

_STYLE = re.compile(r"\x1b\[([\d;]*)m")
_MOVES = re.compile(r"(?:\x1b\[\d*(?:;\d*)*[HABCD])*")
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "8": "28", "9": "29"}
"""The code that ends each attribute."""

DEFAULT = ("39", "49")


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


class FrugalPen:
    """Removes from what is written the codes that repeat what is in force."""

    def __init__(self) -> None:
        self._wanted = self._written = Pen()

    def filtered(self, data: str) -> str:
        """Return `data` with changes of the pen only, each as short as possible."""
        parts: list[str] = []
        for index, part in enumerate(_STYLE.split(data)):
            if index % 2:
                self._wanted = self._wanted.after(part)
            elif part:
                moves = _MOVES.match(part)
                start = moves.end() if moves else 0
                parts.append(part[:start])
                if start < len(part):
                    parts += [self._wanted.from_(self._written), part[start:]]
                    self._written = self._wanted
        return "".join(parts)


class FrugalDriver(LinuxDriver):
    """The driver of Textual; a change of view takes a third of the bytes."""

    _pen: FrugalPen

    def start_application_mode(self) -> None:
        """Begin with the pen that the terminal has then."""
        self._pen = FrugalPen()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def write(self, data: str) -> None:
        """Write what changes the picture."""
        super().write(self._pen.filtered(data))

    def stop_application_mode(self) -> None:
        """Leave the terminal with its own pen."""
        super().write("\x1b[m")
        super().stop_application_mode()
