"""Takes out of an address what may be a secret in it, and leaves where it leads to."""

import re
from urllib.parse import urlsplit, urlunsplit

from engine.core.redaction.names import SECRETS
from engine.core.redaction.spans import BLANKED

_WORD = re.compile(r"[A-Za-z][A-Za-z_.-]{0,39}(?:\d{1,4}(?:\.\d{1,4}){0,2}[A-Za-z]{0,10}(?:\.[A-Za-z]{1,10})?)?")
"""A part of a path that is made of words, perhaps with the number of a version behind them."""

_NUMBER = re.compile(r"v?\d{1,4}(?:\.\d{1,4})?")
_TENANT = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_QUERY_NAME = re.compile(r"[A-Za-z][\w.-]{0,39}")
_SECRET = re.compile("|".join(re.escape(name.decode()) for name in SECRETS), re.IGNORECASE)
_ENDS_IN_SECRET = re.compile(f"(?:{_SECRET.pattern})\\w{{0,8}}$", re.IGNORECASE)


def without_secrets(url: str) -> str:
    """Return a URL without user, fragment, the values of its query, and what is no plain word in its path."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return BLANKED
    query = "&".join(_named(piece) for piece in parts.query.split("&") if piece)
    return urlunsplit((parts.scheme, host, _path(parts.path), query, ""))


def _named(piece: str) -> str:
    """Return the name of a value in a query, if it is like one."""
    name, equals, _ = piece.partition("=")
    return f"{name}={BLANKED}" if equals and _QUERY_NAME.fullmatch(name) else BLANKED


def _path(path: str) -> str:
    kept: list[str] = []
    before = ""
    for number, part in enumerate(path.split("/")):
        kept.append(_part(part, number == 1, announced=_ENDS_IN_SECRET.search(before) is not None))
        before = part
    return "/".join(kept)


def _part(part: str, is_first: bool, *, announced: bool) -> str:
    known = _WORD.fullmatch(part) or _NUMBER.fullmatch(part) or (is_first and _TENANT.fullmatch(part))
    return part if not part or (known and not announced) else BLANKED
