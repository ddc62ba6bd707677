"""Every failure has a name that says whose fault it is and what to do: the base of all exceptions of ours.

Rooms subclass `Failure` in a `errors.py` of their own. The same text reaches status, log, CLI and TUI.
"""

import re
from enum import StrEnum
from typing import ClassVar, Self

from engine.display import visible


class Fault(StrEnum):
    """Who has to act."""

    SETTINGS = "settings"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    NETWORK = "network"
    SERVER = "server"
    PEER_PROTOCOL = "peer protocol"
    OURS = "ours"


class Scope(StrEnum):
    """How much stands still because of it."""

    USER = "one user"
    CONNECTION = "one connection"
    SERVICE = "the whole service"


_OF_PYTHON = re.compile(
    r"\[Errno -?\d+\] |\[(?:SSL|X509|PEM|ASN1|CONF|BIO|DH|EVP|SYS)(?:: [A-Z0-9_]+)?\] | \(_ssl\.c:\d+\)"
)
"""What Python puts around the words of the system (errno(3)) and of OpenSSL."""


class Failure(Exception):
    """A named failure. Subclasses state fault, scope, meaning and remedy; an instance adds where and why, and may know
    better words for both.

    `detail` names the place and the reason of this one occurrence and never holds a secret or a subject. It is one
    line: whatever a server said in it does nothing to a terminal or a log. What is `confidential`, as somebody else's
    address, goes into logs and to administrators and nowhere else.
    """

    fault: ClassVar[Fault]
    scope: ClassVar[Scope]
    meaning: str
    remedy: str

    def __init__(self, detail: str = "") -> None:
        self.detail = visible(_OF_PYTHON.sub("", detail))
        super().__init__(self.detail)
        self.confidential = ""

    def in_words(self, meaning: str, remedy: str) -> Self:
        """Return this failure, which means that and asks for that."""
        self.meaning, self.remedy = meaning, remedy
        return self

    def __str__(self) -> str:
        return f"{self.meaning}: {self.whole_detail}" if self.whole_detail else self.meaning

    @property
    def whole_detail(self) -> str:
        """The detail with what is confidential."""
        return f"{self.detail} ({self.confidential})" if self.confidential else self.detail

    @property
    def slug(self) -> str:
        """The name for machines, for instance `login-refused` for `LoginRefused`."""
        return slug_of(type(self))


def slug_of(failure: type[Failure]) -> str:
    """Return the name of a failure for machines."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", failure.__name__).lower()


class EngineMistake(Failure):
    """An exception nobody expected, caught where it concerned one user; its traceback is in the log."""

    fault = Fault.OURS
    scope = Scope.USER
    meaning = "The engine made a mistake with this user"
    remedy = "Please report it with the log. The other users are not concerned."
