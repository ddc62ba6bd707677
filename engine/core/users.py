"""Users of the PBX, their selection, and the addresses their mailboxes may be found under."""

from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec


class CandidateOrder(StrEnum):
    """Which of a user's addresses is tried first to find the mailbox: the user name, or the e-mail addresses."""

    NAME = "name"
    ADDRESSES = "addresses"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """One user object of the PBX (a PbxTableUsers row); `guid` is its only stable key.

    `name` is the h323 name, `home` the name of the PBX it belongs to (column loc), `addresses` the e-mail entries
    in the order configured, some perhaps without a domain, `name_is_address` the column h323-email.
    """

    guid: str
    name: str
    display_name: str = ""
    home: str = ""
    node: str = ""
    template: str = ""
    groups: tuple[str, ...] = ()
    hidden: bool = False
    addresses: tuple[str, ...] = ()
    name_is_address: bool = False

    @property
    def label(self) -> str:
        """The name shown for this user: the display name, else the user name, else the guid."""
        return self.display_name or self.name or self.guid


def address_candidates(user: User, system_domain: str, order: CandidateOrder = CandidateOrder.NAME) -> tuple[str, ...]:
    """Return the SMTP addresses to find the user's mailbox under, most likely first and without duplicates.

    First the user name at the PBX's system domain, then the addresses of the user object in their order, or these
    first if `order` says so. An entry without a domain gets the system domain, and is left out while `system_domain`
    is empty.
    """
    candidates: dict[str, str] = {}
    entries = (user.name, *user.addresses) if order is CandidateOrder.NAME else (*user.addresses, user.name)
    for entry in entries:
        entry = entry.strip()
        local, at, domain = entry.rpartition("@")
        if at:
            address = entry if local and domain else ""
        else:
            address = f"{entry}@{system_domain}" if entry and system_domain else ""
        if address:
            candidates.setdefault(address.casefold(), address)
    return tuple(candidates.values())


class UserFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Lists of shell-style patterns (`*`, `?`, `[…]`), matched ignoring case; a single match is enough."""

    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()

    def matches(self, user: User) -> bool:
        """Return whether any pattern of any list matches the corresponding property of the user."""
        return (
            is_named(self.names, user)
            or _fits(self.groups, user.groups)
            or _fits(self.nodes, (user.node,))
            or _fits(self.locations, (user.home,))
            or _fits(self.templates, (user.template,))
        )

    def __bool__(self) -> bool:
        return bool(self.names or self.groups or self.nodes or self.locations or self.templates)


class UserSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Selection of the PBX users that take part (setting pbx.users): all of them unless something is listed."""

    include: UserFilter = UserFilter()
    exclude: UserFilter = UserFilter()
    hidden: bool = True

    def takes_part(self, user: User) -> bool:
        """Return whether the engine writes the user's presence: included (or nothing is listed), and not excluded."""
        if user.hidden and not self.hidden:
            return False
        if self.include and not self.include.matches(user):
            return False
        return not self.exclude.matches(user)


def is_named(patterns: tuple[str, ...], user: User) -> bool:
    """Return whether the user's name matches any of these patterns, as the names of a selection do."""
    return _fits(patterns, (user.name,))


def _fits(patterns: tuple[str, ...], values: tuple[str, ...]) -> bool:
    return any(fnmatchcase(value.casefold(), pattern.casefold()) for pattern in patterns for value in values)
