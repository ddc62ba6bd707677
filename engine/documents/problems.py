"""A problem with its remedy."""

from collections.abc import Iterator

from engine.api.schema import Trouble
from engine.documents.lines import Line, Role, line, wrapped


def problem_box(trouble: Trouble, width: int, *, with_detail: bool = True) -> Iterator[Line]:
    """Yield a problem with its remedy."""
    detail = f": {trouble.detail}" if trouble.detail and with_detail else ""
    yield from wrapped(f"✗ {trouble.title}{detail}", width - 2, " ", Role.PROBLEM)
    yield from wrapped(trouble.remedy, width - 2, "   ", Role.NOTICE)


def whose_and_how_much(trouble: Trouble) -> Line:
    """Return who has to act, and how much does not work until then."""
    return line(f"   Affects {trouble.scope}; to be solved in: {FAULTS.get(trouble.fault, trouble.fault)}.")


FAULTS = {
    "settings": "the settings of calendar-engine",
    "credentials": "the user name or password in use",
    "permission": "the rights of the account in use",
    "network": "the network",
    "server": "the server at the other end",
    "peer protocol": "the program at the other end",
    "ours": "calendar-engine itself (please report it)",
}
"""The place where a problem is solved, by fault."""
