"""What the simulated PBX is and knows, and who hears of its changes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from engine.core.clock import Clock
from engine.core.secret import Secret
from engine.simulator.pbx.behaviour import Behaviour
from engine.simulator.pbx.ledger import Ledger, PresenceWrite
from engine.simulator.pbx.presence import Entry, PresenceBoard
from engine.simulator.pbx.users import PbxUser


class Client(Protocol):
    """A connected app."""

    def user_changed(self, mt: str, user: PbxUser) -> None:
        """Hear of a ReplicateAdd, ReplicateUpdate or ReplicateDel."""
        ...

    def presence_changed(self, guid: str) -> None:
        """Hear that a user's presence is another now."""
        ...

    def tell_about_itself(self) -> None:
        """Hear PbxInfo."""
        ...

    def drop(self) -> None:
        """Lose the connection without a word."""
        ...

    async def ping_and_vanish(self) -> None:
        """Lose the connection right after a ping."""
        ...


@dataclass(slots=True, kw_only=True)
class PbxState:
    """One PBX with one App object."""

    clock: Clock
    name: str
    domain: str
    app: str
    password: Secret
    behaviour: Behaviour
    board: PresenceBoard
    on_write: Callable[[PresenceWrite], None] | None
    ledger: Ledger = field(default_factory=Ledger)
    users: dict[str, PbxUser] = field(default_factory=dict)
    guids_by_name: dict[str, str] = field(default_factory=dict)
    guids_by_number: dict[str, str] = field(default_factory=dict)
    clients: set[Client] = field(default_factory=set)

    def put_user(self, user: PbxUser) -> None:
        """Add a user or replace one, and tell the clients."""
        is_new = user.guid not in self.users
        if not is_new:
            self._forget_names(self.users[user.guid])
        self.users[user.guid] = user
        self.guids_by_name[user.h323] = user.guid
        if user.e164:
            self.guids_by_number[user.e164] = user.guid
        if is_new:
            self.board.put(user.guid, Entry("im:", status="open"))
        self._tell("ReplicateAdd" if is_new else "ReplicateUpdate", user)

    def delete_user(self, guid: str) -> None:
        """Delete a user with its presence, and tell the clients."""
        user = self.users.pop(guid)
        self._forget_names(user)
        self.board.forget(guid)
        self._tell("ReplicateDel", user)

    def _forget_names(self, user: PbxUser) -> None:
        self.guids_by_name.pop(user.h323, None)
        self.guids_by_number.pop(user.e164, None)

    def put_presence(self, guid: str, entry: Entry) -> None:
        """Make `entry` the user's newest, and tell who has subscribed."""
        self.board.put(guid, entry)
        for client in tuple(self.clients):
            client.presence_changed(guid)

    def _tell(self, mt: str, user: PbxUser) -> None:
        for client in tuple(self.clients):
            client.user_changed(mt, user)
