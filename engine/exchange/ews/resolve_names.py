"""Look-up of the mailbox of an address in the directory: ResolveNames (MS-OXWSRSLNM).

The directory returns entries that *begin* with the text: it compares parts of proxy addresses (Microsoft's EWS
reference, page UnresolvedEntry), and other servers compare any part. So its entries are only offers; which mailbox
owns an address is decided by the addresses listed in them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.exchange.addresses import is_smtp_address, same_address
from engine.exchange.errors import MailboxNotFound
from engine.exchange.ews.addresses import smtp_address_of
from engine.exchange.ews.safe_xml import Element, markup, text_of
from engine.exchange.ews.soap import MESSAGES, TYPES

_REQUEST = (
    b'<m:ResolveNames ReturnFullContactData="true" SearchScope="ActiveDirectory">'
    b"<m:UnresolvedEntry>smtp:%b</m:UnresolvedEntry></m:ResolveNames>"
)
MAILBOX = "Mailbox"


@dataclass(frozen=True, slots=True)
class Resolution:
    """One directory entry: its primary SMTP address, what it is (MailboxType), and the SMTP addresses listed with it.

    Exchange lists three at most, so the entry may also own an address that is not listed.
    """

    address: str
    type: str
    listed: tuple[str, ...] = ()

    def owns(self, address: str) -> bool:
        """Return whether the entry lists exactly this address."""
        return any(same_address(address, own) for own in (self.address, *self.listed))


@dataclass(frozen=True, slots=True)
class Offer:
    """The directory entries that match an address; not `complete` if there may be more."""

    entries: tuple[Resolution, ...] = ()
    complete: bool = True


def resolve_name(address: str) -> bytes:
    """Return the operation that looks `address` up; a prefix makes the server search secondary addresses too."""
    return _REQUEST % markup(address)


def offer(message: Element) -> Offer:
    """Return the entries that have an SMTP address; an entry that does not say what it is counts as a mailbox."""
    resolution_set = message.find(f"{MESSAGES}ResolutionSet")
    if resolution_set is None:
        return Offer()
    found = (_resolution(each) for each in resolution_set.iterfind(f"{TYPES}Resolution"))
    entries = tuple(each for each in found if each is not None)
    return Offer(entries, resolution_set.get("IncludesLastItemInRange", "true") not in ("false", "0"))


def proved_owner(asked: str, entries: Sequence[Resolution]) -> str | None:
    """Return the primary address of the mailbox that owns exactly `asked` by its entry, None if no entry lists it.

    Raises `MailboxNotFound` if the owner is no mailbox, or if two mailboxes list the address.
    """
    owners = [entry for entry in entries if entry.owns(asked)]
    mailboxes = {entry.address.lower(): entry.address for entry in owners if entry.type == MAILBOX}
    primary = next((each for each in owners if same_address(asked, each.address)), None)
    if primary is not None and primary.type != MAILBOX:
        raise MailboxNotFound(f"{asked} is not a mailbox but a {primary.type}")
    if primary is not None:
        return primary.address
    if len(mailboxes) > 1:
        raise MailboxNotFound(f"{asked} fits {len(mailboxes)} mailboxes")
    if not mailboxes and owners:
        raise MailboxNotFound(f"{asked} belongs to a {owners[0].type}")
    return next(iter(mailboxes.values()), None)


def _resolution(resolution: Element) -> Resolution | None:
    mailbox = resolution.find(f"{TYPES}Mailbox")
    address = None if mailbox is None else smtp_address_of(mailbox)
    if mailbox is None or address is None:
        return None
    kind = text_of(mailbox, f"{TYPES}MailboxType") or MAILBOX
    contact = resolution.find(f"{TYPES}Contact")
    if contact is None:
        return Resolution(address, kind)
    if text_of(contact, f"{TYPES}ContactSource") == "Store":
        # The addresses of a contact in a folder can be edited by its owner, so they prove nothing.
        return Resolution(address, "Contact" if kind == MAILBOX else kind)
    return Resolution(address, kind, tuple(_listed(contact.iterfind(f"{TYPES}EmailAddresses/{TYPES}Entry"))))


def _listed(entries: Iterable[Element]) -> Iterable[str]:
    """Yield the SMTP addresses among proxy addresses; others (X500, SIP, EUM) are no mail addresses."""
    for entry in entries:
        kind, separator, address = (entry.text or "").strip().partition(":")
        if not separator:
            kind, address = entry.get("RoutingType", "smtp"), kind
        if kind.lower() == "smtp" and is_smtp_address(address):
            yield address
