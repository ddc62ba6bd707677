"""Whose calendar is in which mailbox: news comes by mailbox, and two users may share one."""

from collections.abc import Callable

from engine.exchange.source import Mailbox


class Watchlist:
    """Participants by the mailbox that their calendar is in. `unwatch` is called when nobody needs one any more."""

    def __init__(self, unwatch: Callable[[Mailbox], None]) -> None:
        self._unwatch = unwatch
        self._guids: dict[str, tuple[str, ...]] = {}
        self._mailboxes: dict[str, Mailbox] = {}

    def put(self, guid: str, mailbox: Mailbox) -> None:
        """Have this participant's calendar in `mailbox` from now on."""
        before = self._mailboxes.get(guid)
        if before is not None and _key(before) != _key(mailbox):
            self.remove(guid)
        self._mailboxes[guid] = mailbox
        others = self.guids(mailbox.address)
        if guid not in others:
            self._guids[_key(mailbox)] = (*others, guid)

    def remove(self, guid: str) -> None:
        """Forget a participant."""
        mailbox = self._mailboxes.pop(guid, None)
        if mailbox is None:
            return
        others = tuple(each for each in self.guids(mailbox.address) if each != guid)
        if others:
            self._guids[_key(mailbox)] = others
        else:
            del self._guids[_key(mailbox)]
            self._unwatch(mailbox)

    def guids(self, address: str) -> tuple[str, ...]:
        """Return whose calendar is in the mailbox with this address."""
        return self._guids.get(address.lower(), ())


def _key(mailbox: Mailbox) -> str:
    return mailbox.address.lower()
