"""What Graph tolerates and a good client avoids."""

import uuid
from collections import Counter
from collections.abc import Iterable
from urllib.parse import parse_qsl

from engine.simulator.graph.request import GraphRequest
from engine.simulator.graph.service import CALENDAR_VIEW, OF_OUTLOOK, USERS, Understood

OF_A_PART = frozenset({"accept", "client-request-id", "consistencylevel", "content-type", "prefer"})
"""Headers that have a meaning in a part; Authorization is that of the batch."""


def complaints_about(
    request: GraphRequest, understood: Understood, needed: frozenset[str] | None = None
) -> tuple[str, ...]:
    """Return what is wrong about a request or part; `needed` are the only properties of an event that are needed."""
    found = _about_part(request) if request.part else _about_headers(request)
    if understood.operation in OF_OUTLOOK and not request.preference("outlook.timezone"):
        found.append(f"{understood.operation} without Prefer: outlook.timezone")
    if understood.operation in (CALENDAR_VIEW, USERS):
        found += _about_options(request, understood, needed)
    return tuple(found)


def complaints_about_batch(batch: GraphRequest, mailboxes: Iterable[str]) -> tuple[str, ...]:
    """Return what is wrong about a batch as a whole; `mailboxes` are those of its parts."""
    found = _about_headers(batch)
    if "prefer" in batch.headers:
        found.append("Prefer of a batch reaches none of its parts")
    twice = [mailbox for mailbox, count in Counter(each.casefold() for each in mailboxes).items() if count > 1]
    found += [f"{mailbox} more than once in a batch" for mailbox in twice]
    return tuple(found)


def _about_headers(request: GraphRequest) -> list[str]:
    found = []
    agent = request.headers.get("user-agent", "")
    if not agent or "httpx" in agent:
        found.append("no User-Agent of its own")
    try:
        uuid.UUID(request.headers.get("client-request-id", ""))
    except ValueError:
        found.append("client-request-id is missing or no GUID")
    if "gzip" not in request.headers.get("accept-encoding", ""):
        found.append("gzip is not asked for")
    return found


def _about_part(request: GraphRequest) -> list[str]:
    return [f"header {name} in a part" for name in sorted(set(request.headers) - OF_A_PART)]


def _about_options(request: GraphRequest, understood: Understood, needed: frozenset[str] | None) -> list[str]:
    options = {name.casefold(): value for name, value in parse_qsl(request.query, keep_blank_values=True)}
    if "$select" not in options:
        return [f"{understood.operation} without $select"]
    if understood.operation == USERS:
        return []
    found = []
    if "$top" not in options and "odata.maxpagesize" not in request.preferences:
        found.append("pages of ten, since no size is asked for")
    if needed is not None:
        asked = set(options["$select"].split(","))
        found += [f"{name} is selected and not needed" for name in sorted(asked - needed)]
    return found
