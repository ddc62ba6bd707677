"""One exchange as a command line for curl; where a log-in was, there is a placeholder."""

import shlex

from engine.core.redaction.spans import BLANKED
from engine.debuglog.model import Kept
from engine.display import visible

_LEFT_TO_CURL = frozenset({"content-length", "host", "connection", "accept-encoding", "authorization"})
_BREAKS = {ord(letter): " " for letter in "\n\t"}


def curl(kept: Kept) -> str:
    """Return the command; the user name and password, or the token, are for the reader to put in."""
    particulars = kept.particulars
    words = ["curl", "--request", particulars.method, particulars.url]
    if particulars.url.startswith("https:") and kept.row.operation not in ("Token", "Tenant"):
        words += ["--ntlm", "--user", "USER:PASSWORD"]
    for name, value in particulars.request_headers:
        if name.lower() not in _LEFT_TO_CURL and BLANKED not in value:
            words += ["--header", f"{name}: {value}"]
    if kept.request:
        words += ["--data-binary", kept.request.decode(errors="replace")]
    lines = " \\\n  ".join(_pairs(list(map(_quoted, words))))
    return f"{lines}\n"


def _quoted(word: str) -> str:
    """Return a word for the shell; what would do something to the terminal it is pasted into is escaped in $'…'."""
    line = word.translate(_BREAKS)
    return shlex.quote(word) if line == visible(line) else f"$'{''.join(map(_escaped, word))}'"


def _escaped(letter: str) -> str:
    """Return a letter as it stands in $'…' (POSIX.1-2024, Shell Command Language, 2.2.4)."""
    if letter in "\\'":
        return f"\\{letter}"
    is_harmless = ord(letter) in _BREAKS or letter == visible(letter)
    return letter if is_harmless else "".join(f"\\{byte:03o}" for byte in letter.encode())


def _pairs(words: list[str]) -> list[str]:
    """An option and its value stand on one line."""
    lines: list[str] = []
    for word in words:
        if lines and lines[-1].startswith("--") and " " not in lines[-1] and lines[-1] != "--ntlm":
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
