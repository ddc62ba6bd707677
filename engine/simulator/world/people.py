"""Who a simulated person is to the PBX and to Exchange; the two do not always agree."""

import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person: a user object of the PBX and, mostly, a mailbox.

    `name` is the h323 name, `pbx_addresses` the e-mail entries of the user object. `mailbox` is the primary SMTP
    address, None for who has no mailbox; `proxy_addresses` are the further ones mail arrives under, and what else the
    directory knows with a prefix ("sip:…", "X500:…"). `mailbox_type` is what the directory says it is.
    `free_busy_refusal` is the response code that free/busy has for the mailbox, "" where there is none.
    `may_impersonate` tells whether the mailbox is in the scope of the service account's role, `shares_free_busy`
    whether everybody may see when its owner is busy, as is usual.
    """

    name: str
    display_name: str
    mailbox: str | None
    pbx_addresses: tuple[str, ...] = ()
    proxy_addresses: tuple[str, ...] = ()
    may_impersonate: bool = True
    shares_free_busy: bool = True
    mailbox_type: str = "Mailbox"
    free_busy_refusal: str = ""

    @property
    def guid(self) -> str:
        """The user object's guid: 32 hexadecimal digits, the same in every run."""
        return uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name}.users.corp.example").hex
