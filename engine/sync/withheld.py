"""What would be written to the PBX if anything were: in a dry run, or for users who are no pilots. No I/O."""

from collections.abc import Mapping

from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.settings.model import EngineSettings
from engine.store.presence import PresenceRecord
from engine.sync.participants import Participants
from engine.sync.status import NotWritten, Withheld

_NOTHING = (None, CLEARED)
_UNKNOWN = PresenceRecord()


class WithheldWrites:
    """The presences that are not written. `written` are those that the PBX confirmed, by guid."""

    def __init__(
        self, participants: Participants, written: Mapping[str, PresenceRecord], engine: EngineSettings
    ) -> None:
        self._participants = participants
        self._written = written
        self._engine = engine
        self._withheld: dict[str, PresenceRecord] = {}
        self._seen: dict[str, PresenceRecord] = {}
        self._live_names: dict[str, bool] = {}

    def concerns(self, guid: str) -> bool:
        """Return whether nothing is written for this user."""
        if self._engine.dry_run or not self._engine.pilots:
            return self._engine.dry_run
        participant = self._participants.get(guid)
        user = participant.user if participant else User(guid=guid, name="")
        is_live = self._live_names.get(user.name)
        if is_live is None:  # matching patterns takes too long to be repeated for everybody in each status
            is_live = self._live_names[user.name] = self._engine.writes(user)
        return not is_live

    def why(self, guid: str) -> NotWritten | None:
        """Return why nothing is written for this user, None if it is."""
        if not self.concerns(guid):
            return None
        return NotWritten.DRY_RUN if self._engine.dry_run else NotWritten.NO_PILOT

    def adjust(self, engine: EngineSettings) -> bool:
        """Withhold the presences of other users than before; return whether it makes a difference."""
        before, self._engine = self._engine, engine
        if (engine.dry_run, engine.pilots) == (before.dry_run, before.pilots):
            return False
        self._withheld.clear()
        self._seen.clear()
        self._live_names.clear()
        return True

    def note(self, guid: str, record: PresenceRecord) -> None:
        """Note what would have been written."""
        self._withheld[guid] = record

    def saw(self, guid: str, shown: Presence) -> None:
        """Note what the PBX shows, although nothing was written."""
        self._seen[guid] = PresenceRecord(shown)

    def forget(self, guid: str) -> None:
        """Forget a user who is written."""
        self._withheld.pop(guid, None)
        self._seen.pop(guid, None)

    def shown(self, guid: str) -> PresenceRecord:
        """Return what the PBX shows for this user, as far as the engine knows."""
        return self._seen.get(guid) or self._written.get(guid) or _UNKNOWN

    def supposed(self, guid: str) -> PresenceRecord:
        """Return what the PBX shows for this user, as far as the engine knows, or would show if it were written."""
        return self._withheld.get(guid) or self.shown(guid)

    def presence(self, guid: str) -> Presence | None:
        """Return what would be written for this user if anything were, None if nothing would."""
        withheld = self._withheld.get(guid)
        if withheld is None or withheld.acknowledged == self.shown(guid).acknowledged:
            return None
        return withheld.acknowledged

    def is_left(self, guid: str) -> bool:
        """Return whether nothing is written any more for a user who shows what was written earlier."""
        record = self._written.get(guid)
        if record is None or not self.concerns(guid) or self._seen.get(guid) == PresenceRecord(CLEARED):
            return False
        return record.acknowledged not in _NOTHING or record.intended not in _NOTHING

    def left(self) -> tuple[str, ...]:
        """Return all users of whom something is left."""
        return tuple(guid for guid in self._written if self.is_left(guid))

    def counted(self) -> Withheld | None:
        """Return what is not written, None if everybody is written."""
        if not self._engine.dry_run and not self._engine.pilots:
            return None
        withheld = [(guid, presence) for guid in self._withheld if (presence := self.presence(guid)) is not None]
        cleared = sum(presence == CLEARED for _, presence in withheld)
        others = sum(presence != CLEARED and guid in self._participants for guid, presence in withheld)
        live = sum(not self.concerns(guid) for guid, each in self._participants.items() if not each.departing)
        return Withheld(cleared + others, cleared, live, len(self.left()), dry_run=self._engine.dry_run)
