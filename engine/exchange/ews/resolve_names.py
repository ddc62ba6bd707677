"""Finds the mailbox behind an address: ResolveNames against the directory (MS-OXWSRSLNM)."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.exchange.ews.addresses import told_address
from engine.exchange.ews.safe_xml import Element, markup, text_of
from engine.exchange.ews.soap import MESSAGES, TYPES
from engine.exchange.failures import MailboxNotFound

_REQUEST = (
    b'<m:ResolveNames ReturnFullContactData="false" SearchScope="ActiveDirectory">'
    b"<m:UnresolvedEntry>smtp:%b</m:UnresolvedEntry></m:ResolveNames>"
)
_MAILBOX = "Mailbox"


@dataclass(frozen=True, slots=True)
class Resolution:
    """One directory entry: its primary SMTP address and what it is (MailboxType)."""

    address: str
    type: str


def resolve_name(address: str) -> bytes:
    """Return the operation that looks `address` up; the prefix makes the server look at secondary addresses too."""
    return _REQUEST % markup(address)


def resolutions(message: Element) -> list[Resolution]:
    """Return the entries that have an SMTP address; an entry that does not say what it is counts as a mailbox."""
    mailboxes = message.iterfind(f"{MESSAGES}ResolutionSet/{TYPES}Resolution/{TYPES}Mailbox")
    return [
        Resolution(address, text_of(mailbox, f"{TYPES}MailboxType") or _MAILBOX)
        for mailbox in mailboxes
        if (address := told_address(mailbox)) is not None
    ]


def mailbox_address(asked: str, entries: Sequence[Resolution]) -> str:
    """Return the primary address of the mailbox that `asked` belongs to.

    The directory compares beginnings: looking for ann@example.co finds ann@example.com too. So an entry of exactly
    this address wins; else a single mailbox counts as the owner of a secondary address, unless its own address
    merely continues the one asked for. Raises `MailboxNotFound` with the reason when there is none.
    """
    wanted = asked.casefold()
    exact = next((entry for entry in entries if entry.address.casefold() == wanted), None)
    if exact is not None:
        if exact.type != _MAILBOX:
            raise MailboxNotFound(f"{asked} is not a mailbox but a {exact.type}")
        return exact.address
    owners = [entry for entry in entries if not entry.address.casefold().startswith(wanted)]
    mailboxes = {entry.address for entry in owners if entry.type == _MAILBOX}
    if len(mailboxes) == 1:
        return mailboxes.pop()
    if mailboxes:
        raise MailboxNotFound(f"{asked} fits {len(mailboxes)} mailboxes")
    raise MailboxNotFound(f"{asked} belongs to a {owners[0].type}" if owners else f"{asked} is not in the directory")
