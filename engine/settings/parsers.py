"""Parsers of settings values: numbers, choices, texts, hosts, URLs and files.

A parser takes the TOML value after "=" and returns the parsed value, or a `InvalidValue`.
"""

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from engine.core.presence import is_supported_language, supported_languages
from engine.core.quiet_hours import canonical
from engine.core.time_zones import known_time_zones
from engine.core.users import UserSelection


@dataclass(frozen=True, slots=True)
class InvalidValue:
    """The reason why a value is invalid (continues a sentence that starts with the key), and what to write instead."""

    reason: str
    remedy: str


ValueParser = Callable[[object], object]
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a table"),
)


def kind(value: object) -> str:
    """Return the everyday name of the TOML type of a value."""
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or time")


def shown(value: str) -> str:
    """Quote a value for a message, shortened if it is long."""
    return json.dumps(value if len(value) <= 60 else value[:59] + "…", ensure_ascii=False)


def boolean(value: object) -> bool | InvalidValue:
    """Parse true or false."""
    if isinstance(value, bool):
        return value
    return InvalidValue(f"must be true or false, not {kind(value)}", "Write true or false, without quotation marks.")


@dataclass(frozen=True, slots=True)
class IntRange:
    """Parser of whole numbers from `low` to `high`, both included."""

    low: int
    high: int

    def __call__(self, value: object) -> int | InvalidValue:
        """Return the number."""
        remedy = f"Write a whole number from {self.low} to {self.high}, without quotation marks."
        if isinstance(value, bool) or not isinstance(value, int):
            return InvalidValue(f"must be a whole number, not {kind(value)}", remedy)
        return value if self.low <= value <= self.high else InvalidValue("is out of range", remedy)


@dataclass(frozen=True, slots=True)
class FloatRange:
    """Parser of numbers from `low` to `high`, both included."""

    low: float
    high: float

    def __call__(self, value: object) -> float | InvalidValue:
        """Return the number."""
        remedy = f"Write a number from {self.low:g} to {self.high:g}, without quotation marks."
        if isinstance(value, bool) or not isinstance(value, int | float):
            return InvalidValue(f"must be a number, not {kind(value)}", remedy)
        return float(value) if self.low <= value <= self.high else InvalidValue("is out of range", remedy)


def text_or_nothing(value: object) -> str | InvalidValue:
    """Parse one line of text, which may be empty; surrounding blanks are removed."""
    if not isinstance(value, str):
        return InvalidValue(f"must be text, not {kind(value)}", "Put it in quotation marks.")
    if _CONTROL.search(value):
        return InvalidValue(
            "contains a control character",
            "Remove it. Text with a backslash is written between single quotation marks.",
        )
    return value.strip()


def text(value: object) -> str | InvalidValue:
    """Parse one non-empty line of text; surrounding blanks are removed."""
    return text_or_nothing(value) or InvalidValue("is empty", "Write a value, or leave the key out.")


@dataclass(frozen=True, slots=True)
class EnumWord:
    """Parser of the words of an enumeration."""

    values: type[StrEnum]

    @property
    def words(self) -> tuple[str, ...]:
        """The allowed words."""
        return tuple(each.value for each in self.values)

    def __call__(self, value: object) -> StrEnum | InvalidValue:
        """Return the member."""
        remedy = one_of(self.words)
        if not isinstance(value, str):
            return InvalidValue(f"must be text, not {kind(value)}", remedy)
        if value not in list(self.values):
            return InvalidValue(f"has an unknown value: {shown(value)}", remedy)
        return self.values(value)


def one_of(words: Sequence[str]) -> str:
    """Return a remedy that lists the allowed words."""
    return f'Write "{words[0]}".' if len(words) == 1 else f"Write one of: {', '.join(words)}."


def channel_binding(value: object) -> bool | InvalidValue:
    """Parse "auto" or "off": whether channel binding is used."""
    if value in ("auto", "off"):
        return value == "auto"
    return InvalidValue("has an unknown value", one_of(["auto", "off"]))


def all_users(value: object) -> UserSelection | InvalidValue:
    """Parse the word "all", the only value of pbx.users besides a table."""
    if value == "all":
        return UserSelection()
    return InvalidValue(
        'must be "all" or a table', 'Write users = "all", or a table [pbx.users] with include and exclude.'
    )


def time_zone(value: object) -> ZoneInfo | InvalidValue:
    """Parse an IANA time zone name."""
    name = text(value)
    if isinstance(name, InvalidValue):
        return name
    zones = known_time_zones()
    if name in zones:
        return ZoneInfo(name)
    remedy = did_you_mean(nearest(name, zones), otherwise='Write one like "Europe/Berlin".')
    return InvalidValue(f"is not an IANA time zone: {shown(name)}", remedy)


def language(value: object) -> str | InvalidValue:
    """Parse the tag of a supported language."""
    tag = text(value)
    if isinstance(tag, InvalidValue) or is_supported_language(tag):
        return tag
    return InvalidValue(f"is not a supported language: {shown(tag)}", one_of(sorted(supported_languages())))


LONGEST_WORD = 100
"""Longest word, in characters, that is compared to find a typing error."""


def nearest(word: str, words: Collection[str], cutoff: float = 0.6) -> str | None:
    """Return the most similar of `words`, ignoring case.

    None if none is as similar as `cutoff`, from 0 (not at all) to 1 (equal).
    """
    if len(word) > LONGEST_WORD:
        return None
    spellings = {each.casefold(): each for each in sorted(words)}
    matches = get_close_matches(word.casefold(), spellings, n=1, cutoff=cutoff)
    return spellings[matches[0]] if matches else None


def did_you_mean(word: str | None, otherwise: str) -> str:
    """Return a remedy that suggests `word`, or `otherwise` if there is none."""
    return f"Did you mean {word}?" if word else otherwise


_LABEL = r"(?!-)[\w-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_MAIL = re.compile(rf"[^@\s\\]+@{_LABEL}(\.{_LABEL})+")
_ACCOUNT = re.compile(r"[^@\s\\]+\\[^@\\]+")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NODE = re.compile(r"[A-Za-z0-9._-]{1,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def quiet_hours(value: object) -> str | InvalidValue:
    """Parse a span of the day, "20:00-06:00", or a day of the week."""
    entry = text(value)
    if isinstance(entry, InvalidValue):
        return entry
    return canonical(entry) or InvalidValue(
        f"is neither a span of the day nor a day of the week: {shown(entry)}",
        'Write it like "20:00-06:00" or "saturday".',
    )


def host(value: object) -> str | InvalidValue:
    """Parse a host name or IP address, without scheme, port and path; brackets around IPv6 are removed."""
    name = text(value)
    if isinstance(name, InvalidValue) or _is_domain(name):
        return name
    if _is_ip(name):
        return name.strip("[]")
    return InvalidValue(
        f"is not a host name: {shown(name)}", "Write the name or the IP address alone, without https://, port and path."
    )


def domain(value: object) -> str | InvalidValue:
    """Parse a DNS domain."""
    name = text(value)
    if isinstance(name, InvalidValue) or _is_domain(name):
        return name
    return InvalidValue(f"is not a domain: {shown(name)}", 'Write a domain like "example.com".')


def listening_address(value: object) -> str | InvalidValue:
    """Parse the IP address of an interface."""
    address = text(value)
    if isinstance(address, InvalidValue) or _is_ip(address):
        return address
    return InvalidValue(
        f"is not an IP address: {shown(address)}", 'Write an address of this machine, or "0.0.0.0" for all.'
    )


def url_path(value: object) -> str | InvalidValue:
    """Parse the path of a URL."""
    path = text(value)
    if isinstance(path, InvalidValue) or re.fullmatch(r"/[^\s?#]*", path):
        return path
    return InvalidValue(f"is not a URL path: {shown(path)}", 'Start it with "/", without host, "?" and "#".')


def https_url(value: object) -> str | InvalidValue:
    """Parse a URL that starts with https://. A refusal never quotes it: it may contain a password."""
    url = text(value)
    if isinstance(url, InvalidValue):
        return url
    remedy = 'Write it like "https://mail.example.com/path", without user name and password.'
    try:
        parts = urlsplit(url)
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        return InvalidValue("is not a URL", remedy)
    if parts.scheme != "https":
        return InvalidValue("does not start with https://", remedy)
    if "@" in parts.netloc:
        return InvalidValue("contains a user name", remedy)
    if re.search(r"\s", url) or not (_is_ip(name) or _is_domain(name)):
        return InvalidValue("has no valid host name", remedy)
    return url


def proxy_url(value: object) -> str | InvalidValue:
    """Parse the URL of a proxy, perhaps with a user, but without a password. A refusal never quotes it."""
    url = text(value)
    if isinstance(url, InvalidValue):
        return url
    remedy = 'Write it like "http://proxy.example.com:3128"; a user stands before the host, as in "http://user@proxy…".'
    try:
        parts = urlsplit(url)
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        return InvalidValue("is not a URL", remedy)
    if parts.scheme not in ("http", "https"):
        return InvalidValue("does not start with http:// or https://", remedy)
    if parts.password is not None:
        return InvalidValue(
            "contains a password", "Leave it out and store it: calendar-engine secret set exchange.proxy_password."
        )
    if re.search(r"\s", url) or not (_is_ip(name) or _is_domain(name)):
        return InvalidValue("has no valid host name", remedy)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        return InvalidValue("has more than a host and a port", remedy)
    return url


def database_url(value: object) -> str | InvalidValue:
    """Parse the URL of a PostgreSQL database on one or more hosts, without a password. A refusal never quotes it."""
    url = text(value)
    if isinstance(url, InvalidValue):
        return url
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        return InvalidValue("is not a URL", _DATABASE)
    user, _, named = parts.netloc.rpartition("@")
    if parts.scheme not in ("postgresql", "postgres"):
        return InvalidValue("does not start with postgresql://", _DATABASE)
    if ":" in user or {"password", "passfile"} & options.keys():
        return InvalidValue(
            "contains a password", "Leave it out and store it: calendar-engine secret set cluster.password."
        )
    if re.search(r"\s", url) or parts.fragment or "service" in options:
        return InvalidValue("is not a URL of PostgreSQL", _DATABASE)
    if not (parts.path.strip("/") or options.get("dbname")):
        return InvalidValue("names no database", _DATABASE)
    hosts = [unquote(host) for host in options.get("host", named).split(",")]
    if all(host.startswith(("/", "@")) for host in hosts) and "hostaddr" not in options:  # sockets of this machine
        return url
    if not all(hosts):
        return InvalidValue("names no host", _DATABASE)
    if options.get("sslmode", "verify-full") != "verify-full":
        return InvalidValue(
            "would allow connections that are not encrypted, or whose certificate is not verified",
            "Leave out sslmode; sslrootcert=FILE names the authority of the certificate if it is one of your own.",
        )
    return url


_DATABASE = 'Write it like "postgresql://calendar_engine@db.example.com/calendar", without a password.'


def node_name(value: object) -> str | InvalidValue:
    """Parse the name of one of several engines."""
    name = text(value)
    if isinstance(name, InvalidValue) or _NODE.fullmatch(name):
        return name
    return InvalidValue(
        f"is not a name for an engine: {shown(name)}",
        'Write at most 63 letters, digits, ".", "-" and "_", all of them from the Latin alphabet.',
    )


def has_user(proxy: str) -> bool:
    """Return whether the URL of a proxy, perhaps an invalid one, names a user: who needs a password."""
    try:
        return bool(urlsplit(proxy).username)
    except ValueError:
        return False


def mail_address(value: object) -> str | InvalidValue:
    """Parse an SMTP address."""
    address = text(value)
    if isinstance(address, InvalidValue) or _MAIL.fullmatch(address):
        return address
    return InvalidValue(f"is not an e-mail address: {shown(address)}", 'Write it like "name@example.com".')


def account(value: object) -> str | InvalidValue:
    r"""Parse the name of a Windows account, user@domain or DOMAIN\user."""
    name = text(value)
    if isinstance(name, InvalidValue) or _MAIL.fullmatch(name) or _ACCOUNT.fullmatch(name):
        return name
    return InvalidValue(
        f"is not an account name: {shown(name)}",
        r"""Write it with its domain: "user@example.com", or 'DOMAIN\user' (quoted like this in a file).""",
    )


def contact(value: object) -> str | InvalidValue:
    """Parse a presence contact (innovaphone SDK, PbxApi): a word and a colon, except those the PBX itself writes."""
    slot = text(value)
    if isinstance(slot, InvalidValue):
        return slot
    remedy = 'Leave it at "calendar:", the contact that innovaphone reserves for calendar apps.'
    if slot in ("tel:", "im:"):
        return InvalidValue(f"= {shown(slot)} would overwrite what users and the PBX set themselves", remedy)
    if not re.fullmatch(r"[A-Za-z][\w.+-]*:", slot):
        return InvalidValue(f"is not a presence contact: {shown(slot)}", remedy)
    return slot


def file(value: object) -> Path | InvalidValue:
    """Parse the absolute path of a file or directory; whether it exists is checked on use."""
    path = text(value)
    if isinstance(path, InvalidValue):
        return path
    if Path(path).is_absolute():
        return Path(path)
    return InvalidValue(f"is not an absolute path: {shown(path)}", 'Write the whole path, starting with "/".')


def fingerprint(value: object) -> str | InvalidValue:
    """Parse a SHA-256 fingerprint, with or without colons, as 64 lower-case hexadecimal digits."""
    digits = text(value)
    if isinstance(digits, InvalidValue):
        return digits
    digits = digits.replace(":", "").lower()
    if _SHA256.fullmatch(digits):
        return digits
    return InvalidValue("is not a SHA-256 fingerprint", "Write the 64 hexadecimal digits, with or without colons.")


def guid(value: object) -> str | InvalidValue:
    """Parse a GUID in the form shown by the Entra portal."""
    digits = text(value)
    if isinstance(digits, InvalidValue) or _GUID.fullmatch(digits):
        return digits
    return InvalidValue(f"is not a GUID: {shown(digits)}", 'Write it like "00000000-0000-0000-0000-000000000000".')


def day(value: object) -> date | InvalidValue:
    """Parse a date, as TOML has it or as text."""
    remedy = "Write it like 2027-11-30."
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    written = text(value)
    if isinstance(written, InvalidValue):
        return InvalidValue(written.reason, remedy)
    try:
        return datetime.strptime(written, "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no time zone
    except ValueError:
        return InvalidValue(f"is not a date: {shown(written)}", remedy)


def _is_ip(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_domain(name: str) -> bool:
    last = name.rstrip(".").rpartition(".")[2]
    return len(name) <= 253 and not last.isdigit() and _DOMAIN.fullmatch(name) is not None
