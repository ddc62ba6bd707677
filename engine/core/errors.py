"""Base class of all named failures, each with its fault, scope, meaning and remedy.

Packages subclass `Failure` in an `errors.py` of their own. The same text reaches status, log, CLI and TUI.
"""

import re
from enum import StrEnum
from typing import ClassVar, Self

from engine.display import visible


class Fault(StrEnum):
    """Area in which someone has to act."""

    SETTINGS = "settings"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    NETWORK = "network"
    SERVER = "server"
    PEER_PROTOCOL = "peer protocol"
    OURS = "ours"


class Scope(StrEnum):
    """Extent of what a failure stops."""

    USER = "one user"
    CONNECTION = "one connection"
    SERVICE = "the whole service"


_OF_PYTHON = re.compile(
    r"\[Errno -?\d+\] |\[(?:SSL|X509|PEM|ASN1|CONF|BIO|DH|EVP|SYS)(?:: [A-Z0-9_]+)?\] | \(_ssl\.c:\d+\)"
)
"""Decoration that Python adds to messages of the system (errno(3)) and of OpenSSL."""


class Failure(Exception):
    """A named failure. Subclasses define fault, scope, meaning and remedy; an instance adds where and why, and may
    replace meaning and remedy.

    `detail` gives the place and reason of this occurrence and never contains a secret or a subject. It is one line
    without control characters, so text from a server is safe in a terminal or a log. `confidential` parts, such as
    other people's addresses, are shown only in logs and to administrators.
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
        """Set the meaning and remedy of this failure, and return it."""
        self.meaning, self.remedy = meaning, remedy
        return self

    def __str__(self) -> str:
        return f"{self.meaning}: {self.whole_detail}" if self.whole_detail else self.meaning

    @property
    def whole_detail(self) -> str:
        """The detail including the confidential part."""
        return f"{self.detail} ({self.confidential})" if self.confidential else self.detail

    @property
    def slug(self) -> str:
        """The machine-readable name, for instance `login-refused` for `LoginRefused`."""
        return slug_of(type(self))


def slug_of(kind: type[object]) -> str:
    """Return the machine-readable name of a kind of failure, or of anything else that is named for what happened."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


class EngineMistake(Failure):
    """An internal error that affected one user; its traceback is in the log."""

    fault = Fault.OURS
    scope = Scope.USER
    meaning = "An internal error of the engine affects this user"
    remedy = "Please report it with the log. Other users are not affected."
