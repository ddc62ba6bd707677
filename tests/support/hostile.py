"""Texts with control characters, and users with such names."""

import unicodedata
from datetime import timedelta

from engine.core.appointments import Appointment
from engine.core.users import User
from engine.exchange.errors import MailboxNotFound
from tests.support.served_engine import NINE, InstantSource

HOSTILE = (
    "\x1b]0;owned\x07\x1b[31mX\x1b[45m\n\r\x0b\x0cERROR forged\t\x9b2J\x85"
    "\u202e\u2066\u2069\u200b\u200d\u2028\u2029\ufeff\xad\U000e0041"
)
"""Controls of C0 and C1, overrides of the direction, what has no width, other ends of lines, a tag."""

NAME = f"Zoé {HOSTILE} Ende"
LONG = NAME * 100

USERS = [
    User(
        guid=f"{number:032x}",
        name=f"user{number}{HOSTILE}",
        display_name=NAME,
        addresses=(f"user{number}@corp.example",),
        groups=(NAME,),
    )
    for number in range(3)
]


def hostile_source() -> InstantSource:
    """Return a source with a hostile appointment for everybody; the last user has no mailbox."""
    source = InstantSource()
    day = Appointment(id="m", start=NINE, end=NINE + timedelta(hours=1), subject=NAME)
    source.calendars = {f"user{number}@corp.example": (day,) for number in range(3)}
    source.failures["user2@corp.example"] = MailboxNotFound(NAME)
    return source


def harm_in(text: str) -> list[str]:
    """Return the harmful characters of one line, including line feeds and tabs."""
    return [letter for letter in text if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


def harm_in_lines(text: str) -> list[str]:
    """Return the harmful characters of an output with many lines."""
    return harm_in(text.replace("\n", ""))
