"""Commands that mend a problem of users, with their addresses filled in."""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

_PLAIN = re.compile(r"[A-Za-z0-9._@+'-]{1,320}")
"""Addresses that PowerShell reads as nothing but a name, their apostrophes being doubled."""

UNKNOWN_GROUP = "'GROUP'"


def _to_the_group(addresses: Iterable[str], group: str) -> Iterable[str]:
    if group == UNKNOWN_GROUP:
        yield "# GROUP is the group in the scope of the role of calendar-engine."
    for address in addresses:
        if _PLAIN.fullmatch(address):
            member = address.replace("'", "''")
            yield f"Add-DistributionGroupMember {group} -Member '{member}'"
        else:
            yield f"Add-DistributionGroupMember {group} -Member 'ADDRESS'  # of a mailbox with unusual letters"


WHERE = "In the Exchange Management Shell:"

_COMMANDS: Mapping[str, Callable[[Iterable[str], str], Iterable[str]]] = MappingProxyType(
    {
        "impersonation-denied": _to_the_group,
        "access-policy-excludes": _to_the_group,
        "graph-access-denied": _to_the_group,
    }
)


def commands_for(problem: str, addresses: Iterable[str], group: str = UNKNOWN_GROUP) -> tuple[str, ...]:
    """Return the lines that mend a problem, by its name, for these mailboxes; none if there is no such command.

    `group` is the one with the mailboxes that may be read, quoted as PowerShell requires.
    """
    make = _COMMANDS.get(problem)
    known = tuple(dict.fromkeys(addresses))
    return tuple(make(known, group)) if make is not None and known else ()
