"""Query options and pages that all collections of Graph have in common (OData URL Conventions, 5)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from engine.simulator.graph.errors import bad_request
from engine.simulator.graph.request import GraphRequest
from engine.simulator.windows_zones import iana_zone

YEARS = range(1602, 4500)
ALWAYS_THERE = frozenset({"id"})


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a collection: how many entries it has at most, and how many come before it."""

    size: int
    skip: int


def check_options(request: GraphRequest, *known: str) -> None:
    """Refuse system query options that the collection does not know; others are ignored. Raises Refusal."""
    for name in request.options:
        if name.startswith("$") and name not in known:
            raise bad_request(f"The query option '{name}' is not supported.", "RequestBroker--ParseUri")


def selected(request: GraphRequest, type_name: str, properties: Collection[str]) -> frozenset[str]:
    """Return the selected properties, none for all. Raises Refusal if the type has no such property."""
    names = frozenset(each.strip() for each in request.options.get("$select", "").split(",")) - {""}
    for name in sorted(names - ALWAYS_THERE):
        if name.partition("/")[0] not in properties:
            message = f"Could not find a property named '{name}' on type 'microsoft.graph.{type_name}'."
            raise bad_request(message, "RequestBroker--ParseUri")
    return frozenset(name.partition("/")[0] for name in names)


def page_of(request: GraphRequest, *, usual: int, most: int) -> Page:
    """Return the requested page. Raises Refusal if it cannot be had."""
    preferred = request.preferences.get("odata.maxpagesize", str(usual))
    size = _number(request.options.get("$top", preferred), "$top")
    if not 1 <= size <= most:
        raise bad_request(f"The limit of '{most}' for Top query has been exceeded. The value is '{size}'.")
    return Page(size, _number(request.options.get("$skip", "0"), "$skip"))


def next_link(request: GraphRequest, **changed: str) -> str:
    """Return the absolute link to the next page: the same request with changed options."""
    options = dict(request.options) | {f"${name}": value for name, value in changed.items()}
    names = {"startdatetime": "startDateTime", "enddatetime": "endDateTime"}
    query = "&".join(f"{quote(names.get(name, name))}={quote(value, safe='')}" for name, value in options.items())
    return f"{request.root}{request.path}?{query}"


def collection(request: GraphRequest, what: str, select: Collection[str], entries: list[Any]) -> dict[str, Any]:
    """Return a page of entries, without a link to the next one; `what` is where they are, for the context."""
    shown = f"({','.join(sorted(select))})" if select else ""
    return {"@odata.context": f"{request.root}/$metadata#{what}{shown}", "value": entries}


def time_zone_preferred(request: GraphRequest) -> str:
    """Return the time zone that dates and times are to be in. Raises Refusal if there is none of that name."""
    name = request.preference("outlook.timezone") or "UTC"
    if iana_zone(name) is None:
        raise unknown_zone(name)
    return name


def unknown_zone(name: str) -> Exception:
    """Return the refusal of the name of a time zone."""
    message = f"A valid TimeZone value must be specified. The following TimeZone value is not supported: '{name}'."
    return bad_request(message, "TimeZoneNotSupportedException")


def date_and_time(text: str, name: str) -> datetime:
    """Return a date and time, with an offset or without. Raises Refusal if it is none that Exchange can store."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.year not in YEARS:
        raise bad_request(f"The value '{text}' of '{name}' is no date and time.", "ErrorInvalidParameter")
    return moment


def applied(request: GraphRequest) -> Mapping[str, str]:
    """Return the header that says which preferences were followed."""
    zone = request.preference("outlook.timezone")
    return {"Preference-Applied": f'outlook.timezone="{zone}"'} if zone else {}


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise bad_request(f"Invalid value '{text}' for {name} query option found.")
    return int(text)
