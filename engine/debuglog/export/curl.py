"""One exchange as a command line for curl; where a log-in was, there is a placeholder."""

import shlex

from engine.core.redaction.spans import BLANKED
from engine.debuglog.model import Kept

_LEFT_TO_CURL = frozenset({"content-length", "host", "connection", "accept-encoding", "authorization"})


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
    lines = " \\\n  ".join(_pairs([shlex.quote(word) for word in words]))
    return f"{lines}\n"


def _pairs(words: list[str]) -> list[str]:
    """An option and its value stand on one line."""
    lines: list[str] = []
    for word in words:
        if lines and lines[-1].startswith("--") and " " not in lines[-1] and lines[-1] != "--ntlm":
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
