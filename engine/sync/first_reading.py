"""The first reading of a user's calendar: what the directory finds, its server may not know."""

from collections.abc import Awaitable, Callable, Sequence

from engine.exchange.errors import MailboxNotFound
from engine.exchange.source import CalendarSource, Mailbox
from engine.sync.participants import Reading

Read = Callable[[Mailbox], Awaitable[tuple[Mailbox, Reading]]]


async def read_first(
    source: CalendarSource, mailbox: Mailbox, following: Sequence[str], read: Read
) -> tuple[Mailbox, Reading]:
    """Read the calendar of a mailbox that was just found, or of the next candidate where it is not there after all.

    `following` are the candidates after the one that led to the mailbox: none of them may count for somebody whose
    calendar was read before, since then the right mailbox is merely in trouble.
    """
    try:
        return await read(mailbox)
    except MailboxNotFound as failure:
        if not following:
            raise
        try:
            other = await source.resolve(following)
        except MailboxNotFound:
            raise failure from None
        if other.address.lower() == mailbox.address.lower():
            raise
        return await read_first(source, other, candidates_after(other, following), read)


def candidates_after(mailbox: Mailbox, candidates: Sequence[str]) -> tuple[str, ...]:
    """Return the candidates that come after the one that led to a mailbox."""
    known = [each.lower().rstrip(".") for each in candidates]
    wanted = mailbox.found_by.lower()
    return tuple(candidates[known.index(wanted) + 1 :]) if wanted in known else ()
