"""Users of the directory of a tenant, found by their addresses (learn.microsoft.com/graph/api/user-list)."""

from collections.abc import Iterable

import msgspec

from engine.core import bounded
from engine.exchange.errors import MailboxNotFound, NotUnderstood
from engine.exchange.graph.errors import AddressAmbiguous

_GUEST = "guest"
_PREFIX = "smtp:"


class DirectoryUser(msgspec.Struct, frozen=True, rename="camel"):
    """A user of the directory: `id` stays the same, whatever becomes of name and addresses."""

    id: str
    mail: str | None = None
    user_principal_name: str | None = None
    proxy_addresses: tuple[str, ...] | None = None
    account_enabled: bool | None = None
    user_type: str | None = None

    @property
    def is_guest(self) -> bool:
        """Whether the user belongs to another organisation, and has no mailbox here."""
        return (self.user_type or "").casefold() == _GUEST

    def described(self, address: str) -> str:
        """Return the address, with a remark if nobody can sign in to the account.

        So it is with shared mailboxes and rooms, which can be read, and with people who have left.
        """
        return f"{address} (its account is disabled)" if self.account_enabled is False else address

    def has(self, address: str) -> bool:
        """Return whether that is one of the user's addresses, or the user principal name."""
        proxies = (each[len(_PREFIX) :] for each in self.proxy_addresses or () if each.casefold().startswith(_PREFIX))
        known = {each.casefold() for each in (self.mail, self.user_principal_name, *proxies) if each}
        return address.casefold() in known


class _Users(msgspec.Struct):
    value: list[msgspec.Raw]


def users(body: bytes) -> tuple[DirectoryUser, ...]:
    """Return the users of an answer; an entry that cannot be understood is left out. Raises `NotUnderstood`."""
    try:
        entries = bounded.json(body, _Users).value
    except bounded.NotReadable as error:
        raise NotUnderstood(f"the answer of the directory: {error}") from None
    found: dict[str, DirectoryUser] = {}
    for raw in entries:
        try:
            user = bounded.json(bytes(raw), DirectoryUser)
        except bounded.NotReadable:
            continue
        if user.id:
            found[user.id] = user
    return tuple(found.values())


def owner(address: str, known: Iterable[DirectoryUser]) -> DirectoryUser:
    """Return the user of `known` who has this address.

    Raises `MailboxNotFound` if nobody has it or a guest has it, and `AddressAmbiguous` if several have it.
    """
    having = [user for user in known if user.has(address)]
    members = [user for user in having if not user.is_guest]
    if not members:
        of_a_guest = ", which is of a guest from another organisation" if having else ""
        raise MailboxNotFound(f"no user of the directory has {address}{of_a_guest}")
    if len(members) > 1:
        raise AddressAmbiguous(f"{len(members)} users of the directory have {address}")
    return members[0]
