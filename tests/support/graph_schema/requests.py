"""Checks of requests of a reader: paths, query options, headers, arguments and batches."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from tests.support.graph_schema.csdl import EDM, Resource
from tests.support.graph_schema.values import ValueChecks

MAX_PARTS = 20  # learn.microsoft.com/graph/json-batching
MAX_TOP = 1000  # learn.microsoft.com/graph/api/user-list-calendarview
MAX_CLAUSES = 15  # observed: "Too many child clauses specified in search filter expression ... Max allowed: 15"
MAX_SCHEDULES = 20  # learn.microsoft.com/graph/outlook-get-free-busy-schedule
INTERVALS = range(5, 1441)  # learn.microsoft.com/graph/api/calendar-getschedule
_OPTIONS = {"$select", "$top", "$skip", "$filter", "$orderby", "$count", "$expand", "$search", "$skiptoken"}
_HEADERS_OF_A_PART = {
    *("prefer", "consistencylevel", "content-type", "accept", "if-match", "if-none-match", "x-anchormailbox"),
    *("client-request-id", "x-ms-throttle-priority", "accept-language"),
}
_PREFERENCE = re.compile(
    r'\s*(outlook\.timezone="[^"]+"|outlook\.body-content-type="?(text|html)"?|IdType="ImmutableId"'
    r"|odata\.maxpagesize=\d+|include-unknown-enum-members)\s*"
)
_BETWEEN_PREFERENCES = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)?")
_VALUE = re.compile(r"'(?:[^']|'')*'")


class RequestChecks(ValueChecks):
    """Checks of requests; each returns its findings, none if all is well."""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        in_batch: bool = False,
    ) -> list[str]:
        """Check a request with its decoded JSON `body`; as a part of a batch if `in_batch`."""
        split = urlsplit(url)
        if split.path.removeprefix("/v1.0") == "/$batch":
            return self.batch(body) if method == "POST" else ["$batch is a POST"]
        if in_batch and (split.scheme or split.netloc or split.path.startswith("/v1.0")):
            return ["the URL of a part is relative to the version, e.g. /users/…"]
        low = {name.lower(): value for name, value in (headers or {}).items()}
        found = _preferences(low.get("prefer", ""))
        if in_batch:
            found += [f"headers.{name}: not expected in a part" for name in low.keys() - _HEADERS_OF_A_PART]
        if body is not None and low.get("content-type", "").partition(";")[0] != "application/json":
            found.append("a body needs Content-Type: application/json")
        resource = self.csdl.resource(split.path)
        if resource.wrong:
            return [*found, resource.wrong]
        expected = "POST" if resource.is_action else "GET"
        if method != expected:
            found.append(f"{method} {split.path}: {expected} is expected of a reader")
        found += self._query(split, resource)
        if resource.is_action:
            return found + self._arguments(resource, body)
        return found + (["a GET has no body"] if body is not None else [])

    def batch(self, body: Any) -> list[str]:
        """Check the decoded body of a batch and each of its parts."""
        parts = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
            return ["a batch is an object with a list of objects named requests"]
        found = [f"{len(parts)} parts; at most {MAX_PARTS}"] if len(parts) > MAX_PARTS else []
        ids = {str(part.get("id")).lower() for part in parts}
        if len(ids) != len(parts):
            found.append("ids are missing or not unique (they are not case-sensitive)")
        for number, part in enumerate(parts):
            where = f"requests[{number}]"
            if not isinstance(part.get("id"), str):
                found.append(f"{where}.id: a string is expected")
            if extra := set(part) - {"id", "method", "url", "headers", "body", "dependsOn"}:
                found.append(f"{where}: {', '.join(sorted(extra))}")
            findings = self.request(
                part.get("method", ""), part.get("url", ""), part.get("headers"), part.get("body"), in_batch=True
            )
            found += [f"{where}: {finding}" for finding in findings]
        return found

    def _query(self, split: SplitResult, resource: Resource) -> list[str]:
        pairs = parse_qsl(split.query, keep_blank_values=True)
        options = {name.lower(): value for name, value in pairs}
        found = ["a query option is given twice"] if len(options) < len(pairs) else []
        if "+" in split.query:
            found.append("a + in a query means a space; an offset needs %2B")
        window = {"startdatetime", "enddatetime"} if split.path.lower().endswith("calendarview") else set()
        for name in window:
            if not _ISO.fullmatch(options.get(name, "")):
                found.append(f"{name}: an ISO 8601 date and time is required")
        found += [f"{name}: no such query option" for name in options.keys() - _OPTIONS - window]
        known = self.csdl.properties(resource.type_name)
        selected = filter(None, options.get("$select", "").split(","))
        found += [f"$select: {resource.type_name} has no {name}" for name in selected if name not in known]
        if "$top" in options and not (options["$top"].isdecimal() and 1 <= int(options["$top"]) <= MAX_TOP):
            found.append(f"$top: 1 to {MAX_TOP}")
        return found + _filter(options.get("$filter", ""))

    def _arguments(self, resource: Resource, body: Any) -> list[str]:
        if not isinstance(body, dict):
            return ["a JSON object is expected as body"]
        assert resource.operation is not None
        wanted = {
            each.attrib["Name"].lower(): each.attrib["Type"]
            for each in resource.operation.findall(f"{EDM}Parameter")[1:]
        }
        given = {name.lower(): value for name, value in body.items()}
        found = [f"{name}: no such parameter" for name in given.keys() - wanted]
        for name in given.keys() & wanted:
            found += self.value(wanted[name], given[name], name, nullable=False)
        if resource.operation.get("Name") == "getSchedule":
            found += [f"{name}: missing" for name in ("schedules", "starttime", "endtime") if name not in given]
            if not 1 <= len(given.get("schedules") or []) <= MAX_SCHEDULES:
                found.append(f"schedules: 1 to {MAX_SCHEDULES} are documented")
            if given.get("availabilityviewinterval", 30) not in INTERVALS:
                found.append("availabilityViewInterval: 5 to 1440")
        return found


def _preferences(text: str) -> list[str]:
    each = _BETWEEN_PREFERENCES.split(text) if text else []
    return [f"Prefer: {one.strip()!r} is not known" for one in each if not _PREFERENCE.fullmatch(one)]


def _filter(text: str) -> list[str]:
    found = []
    bones = _VALUE.sub("", text)
    if "'" in bones:
        found.append("$filter: an apostrophe in a value is doubled")
    if len(re.findall(r"\bor\b", bones)) >= MAX_CLAUSES:
        found.append(f"$filter: at most {MAX_CLAUSES} clauses")
    listed = re.search(r"\bin\s*\((.*)\)", text)
    if listed and len(_VALUE.findall(listed.group(1))) > MAX_CLAUSES:
        found.append(f"$filter: at most {MAX_CLAUSES} values after in")
    return found
