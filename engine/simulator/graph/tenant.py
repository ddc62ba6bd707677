"""The tenant behind Graph: accounts of the directory, where their mailboxes are, and who may read them."""

import uuid
from dataclasses import dataclass, replace
from enum import Enum, IntEnum, auto
from typing import Any, Literal

from engine.simulator.faults import ODataError
from engine.simulator.graph.errors import (
    ACCESS_DENIED,
    BLOCKED_BY_POLICY,
    DIRECTORY_DENIED,
    NO_EXCHANGE_ONLINE,
    NO_MAILBOX,
    NO_PERMISSION,
    NOT_ENABLED,
    NOT_SUPPORTED,
    Refusal,
    invalid_user,
    not_in_directory,
)
from engine.simulator.world import Person, World


class Hosting(Enum):
    """Where the mailbox of an account is."""

    EXCHANGE_ONLINE = auto()
    NOWHERE = auto()
    ON_PREMISES = auto()
    BEING_PROVISIONED = auto()
    UNLICENSED = auto()


class Level(IntEnum):
    """How much of a calendar an application may read."""

    READ_BASIC = auto()
    """Everything but bodies, attachments and extensions."""
    READ = auto()


CALENDAR_ROLES = {
    "Calendars.ReadBasic.All": Level.READ_BASIC,
    "Calendars.Read": Level.READ,
    "Calendars.ReadWrite": Level.READ,
}
"""The application permissions of Entra; RBAC for Applications has the role "Application Calendars.Read" only."""
DIRECTORY_ROLES = frozenset({"User.Read.All", "Directory.Read.All"})


@dataclass(frozen=True, slots=True)
class Caller:
    """An application that has logged in, and the permissions in its token."""

    client_id: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One user of the directory. `proxy_addresses` are written as the directory does: "SMTP:" for the primary one.

    `person` is whose calendar it is, if anybody's.
    """

    user_principal_name: str
    display_name: str
    mail: str | None
    proxy_addresses: tuple[str, ...] = ()
    enabled: bool = True
    user_type: Literal["Member", "Guest"] = "Member"
    hosting: Hosting = Hosting.EXCHANGE_ONLINE
    person: Person | None = None
    id: str

    @property
    def mailbox(self) -> str:
        """The primary address of the mailbox in the simulated world, "" if there is none."""
        return (self.person and self.person.mailbox) or ""

    @property
    def addresses(self) -> frozenset[str]:
        """All addresses that mail reaches it by, in lower case."""
        proxies = (each.partition(":") for each in self.proxy_addresses)
        smtp = {address.casefold() for prefix, _, address in proxies if prefix.casefold() == "smtp"}
        return frozenset(smtp | ({self.mail.casefold()} if self.mail else set()))

    @property
    def values(self) -> frozenset[str]:
        """All texts that a filter may look for, in lower case."""
        texts = (self.id, self.user_principal_name, self.display_name, self.mail or "")
        return self.folded_proxies | {text.casefold() for text in texts}

    @property
    def folded_proxies(self) -> frozenset[str]:
        """All proxy addresses in lower case but for their prefix, which says which of them is the primary one."""
        proxies = (each.partition(":") for each in self.proxy_addresses)
        return frozenset(f"{prefix}:{address.casefold()}" for prefix, _, address in proxies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Behaviour of Graph where the documentation leaves it open.

    `keys`: what a path to a calendar may have in place of a user principal name: nothing else, the primary address, or
    any address. `without_permission`: the status of an application that has no permission at all.
    `schedules_tell_subjects`: getSchedule tells subject and location of what is neither private nor confidential.
    `scope_limits_schedules`: the scope of a role limits the schedules too, not the anchor alone. `read_basic_reads`:
    Calendars.ReadBasic.All lets an application read calendarView, not getSchedule alone. `zips_answers`: answers are
    compressed where that is asked for. `missing_mailbox`: status and code for an address that nobody has.
    """

    keys: Literal["upn", "primary", "any"] = "primary"
    without_permission: Literal["403", "401"] = "403"
    schedules_tell_subjects: bool = True
    scope_limits_schedules: bool = False
    read_basic_reads: bool = True
    zips_answers: bool = True
    missing_mailbox: tuple[int, str] = (404, "ErrorInvalidUser")


AS_DOCUMENTED = Behaviour()


class Tenant:
    """One tenant with an account for everybody in the world; whatever an administrator may change is an attribute.

    `scoped_role`: the application has the role "Application Calendars.Read" for those in the scope (RBAC for
    Applications). `access_policy`: an application access policy keeps it from everybody else, whatever the permissions
    in its token. `exchange_online`: the tenant has Exchange Online.
    """

    def __init__(self, world: World, domain: str = "corp.example", behaviour: Behaviour = AS_DOCUMENTED) -> None:
        self.world = world
        self.behaviour = behaviour
        self.scoped_role = False
        self.access_policy = False
        self.exchange_online = True
        self._accounts = {person.name: _account_of(person, domain) for person in world.people}
        self._users: dict[str, Account] = {}
        self._recipients: dict[str, Account] = {}
        self._by_value: dict[str, list[Account]] = {}
        self._positions: dict[str, int] = {}
        self._index()

    @property
    def accounts(self) -> tuple[Account, ...]:
        """All accounts."""
        return tuple(self._accounts.values())

    def account(self, name: str) -> Account:
        """Return the account of the person with that PBX user name. Raises KeyError."""
        return self._accounts[name]

    def change(self, name: str, **changes: Any) -> Account:
        """Change an account, and return it as it is now."""
        account = replace(self._accounts.pop(name), **changes)
        self._put(name, account)
        return account

    def add(self, account: Account) -> None:
        """Add an account, for instance a guest, or one with an address that somebody has already."""
        self._put(account.user_principal_name, account)

    def remove(self, name: str) -> None:
        """Delete an account."""
        del self._accounts[name]
        self._index()

    def user(self, key: str) -> Account | None:
        """Return the account with that id or user principal name, None if there is none."""
        return self._users.get(key.casefold())

    def recipient(self, address: str) -> Account | None:
        """Return the account that mail to that address reaches, None if there is none."""
        return self._recipients.get(address.casefold())

    def having(self, values: frozenset[str]) -> tuple[Account, ...]:
        """Return the accounts that have any of these values, in the order of all accounts."""
        found = {each.id: each for value in values for each in self._by_value.get(value, ())}
        return tuple(sorted(found.values(), key=lambda each: self._positions[each.id]))

    def mailbox_named(self, key: str) -> str:
        """Return the primary address of the mailbox that a key in a path means, else the key itself."""
        account = self.user(key) or self.recipient(key)
        return (account and account.mailbox) or key

    def check_directory(self, caller: Caller) -> None:
        """Check that the caller may read the directory. Raises Refusal."""
        if not caller.roles & DIRECTORY_ROLES:
            raise Refusal(DIRECTORY_DENIED)

    def calendar(self, caller: Caller, key: str) -> tuple[Account, Level]:
        """Return whose calendar the key in a path means, and how much of it the caller may read. Raises Refusal."""
        if not self.exchange_online:
            raise Refusal(NO_EXCHANGE_ONLINE)
        if not self.scoped_role and not caller.roles & set(CALENDAR_ROLES):
            raise Refusal(ACCESS_DENIED if self.behaviour.without_permission == "403" else NO_PERMISSION)
        account = self._by_key(key)
        if account.hosting is not Hosting.EXCHANGE_ONLINE or account.person is None or not account.mailbox:
            raise Refusal(_ELSEWHERE.get(account.hosting, NO_MAILBOX))
        return account, self.level(caller, account)

    def level(self, caller: Caller, account: Account) -> Level:
        """Return how much of a calendar the caller may read. Raises Refusal if nothing."""
        within = account.person is not None and self.world.in_scope(account.person)
        if self.scoped_role and within:
            return Level.READ
        levels = [level for role, level in CALENDAR_ROLES.items() if role in caller.roles]
        if not levels:
            raise Refusal(ACCESS_DENIED)
        if self.access_policy and not within:
            raise Refusal(BLOCKED_BY_POLICY)
        return max(levels)

    def _put(self, name: str, account: Account) -> None:
        self._accounts[name] = account
        self._index()

    def _index(self) -> None:
        self._users = {key: each for each in self.accounts for key in (each.id, each.user_principal_name.casefold())}
        self._positions = {each.id: position for position, each in enumerate(self.accounts)}
        self._recipients, self._by_value = {}, {}
        for each in self.accounts:
            for value in each.values:
                self._by_value.setdefault(value, []).append(each)
            for address in each.addresses:
                self._recipients.setdefault(address, each)

    def _by_key(self, key: str) -> Account:
        account = self.user(key)
        if account is not None:
            return account
        account = self.recipient(key)
        if account is None:
            raise invalid_user(key, *self.behaviour.missing_mailbox)
        is_primary = (account.mail or "").casefold() == key.casefold()
        if self.behaviour.keys == "any" or (self.behaviour.keys == "primary" and is_primary):
            return account
        raise not_in_directory(key)


_ELSEWHERE: dict[Hosting, ODataError] = {
    Hosting.ON_PREMISES: NOT_ENABLED,
    Hosting.BEING_PROVISIONED: NOT_SUPPORTED,
    Hosting.UNLICENSED: ACCESS_DENIED,
}


def _account_of(person: Person, domain: str) -> Account:
    """Return the account of a person; its user principal name is the primary address, as Microsoft recommends."""
    proxies = tuple(each if ":" in each else f"smtp:{each}" for each in person.proxy_addresses)
    return Account(
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, person.guid)),
        user_principal_name=person.mailbox or f"{person.name}@{domain}",
        display_name=person.display_name,
        mail=person.mailbox,
        proxy_addresses=(f"SMTP:{person.mailbox}", *proxies) if person.mailbox else (),
        hosting=Hosting.EXCHANGE_ONLINE if person.mailbox else Hosting.NOWHERE,
        person=person,
    )
