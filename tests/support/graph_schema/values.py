"""Checks of JSON values against the types of a CSDL document, and against what is documented of events besides."""

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from tests.support.graph_schema.csdl import Csdl, bare, element_of

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,12})?(Z|[+-]\d\d:\d\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIME_OF_DAY = re.compile(r"\d\d:\d\d:\d\d(\.\d{1,12})?")


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_int32(value: Any) -> bool:
    return type(value) is int and -(2**31) <= value < 2**31


_PRIMITIVES: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        "Edm.String": lambda value: isinstance(value, str),
        "Edm.Boolean": lambda value: isinstance(value, bool),
        "Edm.Int32": _is_int32,
        "Edm.DateTimeOffset": _matches(_INSTANT),
        "Edm.Date": _matches(_DATE),
        "Edm.Double": lambda value: type(value) in (int, float),
        "Edm.Guid": _matches(_GUID),
        "Edm.TimeOfDay": _matches(_TIME_OF_DAY),
    }
)


class ValueChecks:
    """Checks of values and objects; each returns its findings, none if all is well."""

    def __init__(self, csdl: Csdl | None = None) -> None:
        self.csdl = csdl or Csdl()

    def value(self, kind: str, value: Any, where: str, *, nullable: bool = True) -> list[str]:
        """Check a value of a type as the CSDL names it."""
        inner, many = element_of(kind)
        if many:
            if not isinstance(value, list):
                return [f"{where}: a list is expected, not {type(value).__name__}"]
            return [
                finding
                for number, each in enumerate(value)
                for finding in self.value(inner, each, f"{where}[{number}]", nullable=False)
            ]
        if value is None:
            return [] if nullable else [f"{where}: null is not allowed"]
        if inner in _PRIMITIVES:
            return [] if _PRIMITIVES[inner](value) else [f"{where}: {value!r} is no {inner}"]
        name = bare(inner)
        if name in self.csdl.enums:
            is_member = isinstance(value, str) and value in self.csdl.enums[name]
            return [] if is_member else [f"{where}: {value!r} is none of {', '.join(sorted(self.csdl.enums[name]))}"]
        if name not in self.csdl.types:
            return []  # cut away
        return self.object(name, value, where)

    def object(self, name: str, value: Any, where: str, *, select: Collection[str] | None = None) -> list[str]:
        """Check an object of a type. `select`: exactly these properties were requested."""
        if not isinstance(value, dict):
            return [f"{where}: an object ({name}) is expected"]
        known, navigation = self.csdl.properties(name), self.csdl.navigation(name)
        found = []
        for key, each in value.items():
            if "@" in key:
                continue
            if key in known:
                nullable = known[key].get("Nullable") != "false"
                found += self.value(known[key].attrib["Type"], each, f"{where}.{key}", nullable=nullable)
            elif key not in navigation and not self.csdl.is_open(name):
                meant = [each for each in known if each.lower() == key.lower()]
                found.append(f"{where}.{key}: {name} has no such property" + "".join(f" (meant: {it})" for it in meant))
        if select is not None:
            there = {key for key in value if key in known}
            found += [f"{where}.{key}: selected but missing" for key in select if key in known and key not in there]
            found += [f"{where}.{key}: not selected but there" for key in there - {*select, "id"}]
        if name == "dateTimeTimeZone":
            found += _local_time(value, where)
        if name == "event":
            found += _event(value, where)
        return found


def _local_time(value: Mapping[str, Any], where: str) -> list[str]:
    found = [f"{where}.{key}: missing" for key in ("dateTime", "timeZone") if not value.get(key)]
    text = value.get("dateTime")
    if isinstance(text, str) and not _DATE_TIME.fullmatch(text):
        found.append(f"{where}.dateTime: {text!r} has an offset or is no local date and time")
    return found


def _event(value: Mapping[str, Any], where: str) -> list[str]:
    found = [] if value.get("id") else [f"{where}.id: missing"]
    times = []
    for key in ("start", "end"):
        text = (value.get(key) or {}).get("dateTime")
        if isinstance(text, str):
            times.append(text)
            if value.get("isAllDay") and "T00:00:00" not in text:
                found.append(f"{where}.{key}: an all-day event begins and ends at midnight")
    if len(times) == len({"start", "end"}):
        same_zone = value["start"].get("timeZone") == value["end"].get("timeZone")
        if same_zone and times[0][:19] > times[1][:19]:
            found.append(f"{where}: ends before it starts")
    return found
