"""Whether requests and messages are captured: of which side, of which mailboxes, until when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from engine.core import bounded
from engine.debuglog.entry import Peer
from engine.settings.model import DebugLogSettings

EVERY_PEER = frozenset(Peer)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSwitch:
    """State of capturing: what is said to `peers`; `mailboxes` (in lower case): of these only, of all if empty;
    `until`: the end.

    `actor` has switched it ("" = the settings) while the settings were `as_set`: as long as they stay the same, the
    switch survives a restart; once they change, the settings count.
    """

    peers: frozenset[Peer]
    mailboxes: frozenset[str] = frozenset()
    until: datetime | None = None
    actor: str = ""
    as_set: frozenset[Peer] = frozenset()

    @classmethod
    def by_settings(cls, peers: frozenset[Peer]) -> Self:
        """Return the state according to the settings, which name `peers`."""
        return cls(peers=peers, as_set=peers)

    @classmethod
    def remembered(cls, text: str | None, peers: frozenset[Peer], now: datetime) -> Self:
        """Return the state from before a restart if it still applies, else that of the settings."""
        if text is not None:
            try:
                switch = bounded.json(text, cls)
            except bounded.NotReadable:
                return cls.by_settings(peers)
            if switch.as_set == peers and not switch.is_over(now):
                return switch
        return cls.by_settings(peers)

    @property
    def on(self) -> bool:
        """Whether anything is captured."""
        return bool(self.peers)

    def is_over(self, now: datetime) -> bool:
        """Return whether its time has expired."""
        return self.until is not None and now >= self.until

    def concerns(self, mailboxes: tuple[str, ...]) -> bool:
        """Return whether entries about these mailboxes are captured; those about no particular mailbox always are."""
        return not self.mailboxes or not mailboxes or any(each.lower() in self.mailboxes for each in mailboxes)


def peers_of(settings: DebugLogSettings) -> frozenset[Peer]:
    """Return the sides that the settings name."""
    chosen = ((Peer.EXCHANGE, settings.ews), (Peer.PBX, settings.pbx))
    return frozenset(peer for peer, is_on in chosen if is_on)
