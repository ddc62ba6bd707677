"""The first reading of a user's calendar, when the server may not know a mailbox that the directory finds."""

from collections.abc import Awaitable, Callable, Sequence

from engine.exchange.errors import MailboxNotFound
from engine.exchange.source import CalendarSource, Mailbox
from engine.sync.participants import Reading

ReadMailbox = Callable[[Mailbox], Awaitable[tuple[Mailbox, Reading]]]


async def read_first(
    source: CalendarSource, mailbox: Mailbox, following: Sequence[str], read: ReadMailbox
) -> tuple[Mailbox, Reading]:
    """Read the calendar of a mailbox that was just found, or of the next candidate if it does not exist after all.

    `following` are the candidates after the one that led to the mailbox; empty for a user whose calendar was read
    before, because then the right mailbox only has a temporary problem.
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
