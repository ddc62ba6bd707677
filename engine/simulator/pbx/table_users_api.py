"""PbxTableUsers as its publisher sees it: one row a request, and every change (innovaphone SDK, Replication)."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from engine.simulator.pbx.behaviour import EndOfCopy
from engine.simulator.pbx.ledger import ReplicationStart
from engine.simulator.pbx.state import PbxState
from engine.simulator.pbx.users import COLUMNS, PbxUser
from engine.simulator.pbx.wire import Message, ProtocolBroken, error_result, result


@dataclass(slots=True)
class _Publication:
    """One replication since its ReplicateStart; `pseudo` None means objects of every type."""

    src: object
    columns: frozenset[str]
    pseudo: tuple[str, ...] | None
    to_copy: deque[str]

    def includes(self, user: PbxUser) -> bool:
        return self.pseudo is None or user.pseudo in self.pseudo


class TableUsersApi:
    """The API for one connection. The App object may read only."""

    NAME = "PbxTableUsers"

    def __init__(self, pbx: PbxState, send: Callable[[Message], None]) -> None:
        self._pbx = pbx
        self._send = send
        self._publication: _Publication | None = None

    def receive(self, mt: str, message: Message) -> None:
        """Answer one message."""
        if not self._pbx.behaviour.answers_replication:
            return
        match mt:
            case "ReplicateStart":
                self._start(message)
            case "ReplicateNext" if self._publication is not None:
                self._next(message, self._publication)
            case _:
                raise ProtocolBroken(f"{mt} is unknown, a change, or comes before ReplicateStart")

    def changed(self, mt: str, user: PbxUser) -> None:
        """Tell of a change, also during the initial copy."""
        publication = self._publication
        if publication is not None and publication.includes(user):
            row = self._row(user, publication)
            src = {"src": publication.src} if self._pbx.behaviour.notifies_under_src else {}
            self._send({"api": self.NAME, "mt": mt, **src, "columns": row})

    def _start(self, message: Message) -> None:
        columns, refusal = _columns_asked_for(message), None
        add, delete = message.get("add") is True, message.get("del") is True
        pseudo = message.get("pseudo")
        if columns is None:
            refusal = "columns are not as the table has them"
        elif self._pbx.behaviour.needs_add_and_delete and not (add and delete):
            refusal = "the replicator cannot add and delete"
        types = tuple(str(item) for item in pseudo) if isinstance(pseudo, list) else None
        heeded = types if self._pbx.behaviour.filters_pseudo else None
        self._pbx.ledger.replications.append(
            ReplicationStart(
                self._pbx.clock.now(),
                add,
                delete,
                columns or frozenset(),
                types,
                refusal is None,
                _columns_to_change(message),
            )
        )
        if columns is None or refusal is not None:
            self._send(error_result(message, str(refusal)))
            return
        self._publication = _Publication(message.get("src"), columns, heeded, deque(self._pbx.users))
        self._send(result(message, columns={column: {} for column in sorted(columns)}))

    def _next(self, message: Message, publication: _Publication) -> None:
        while publication.to_copy:
            user = self._pbx.users.get(publication.to_copy.popleft())
            if user is not None and publication.includes(user):
                self._send(result(message, columns=self._row(user, publication)))
                if self._pbx.behaviour.duplicate_adds:
                    self.changed("ReplicateAdd", user)
                return
        self._send(result(message, **_ENDS[self._pbx.behaviour.ends_copy_with]))

    def _row(self, user: PbxUser, publication: _Publication) -> Message:
        row = user.row(publication.columns)
        return {**row, "guid": user.guid.upper()} if self._pbx.behaviour.guids_in_capitals else row


_ENDS: dict[EndOfCopy, Message] = {
    EndOfCopy.NO_COLUMNS: {},
    EndOfCopy.NULL_COLUMNS: {"columns": None},
    EndOfCopy.EMPTY_GUID: {"columns": {"guid": ""}},
    EndOfCopy.NULL_GUID: {"columns": {"guid": None}},
}


def _columns_asked_for(request: Message) -> frozenset[str] | None:
    """Return the columns of a ReplicateStart; None unless all are known and asked for with `{}` or `update`."""
    columns = request.get("columns")
    if not isinstance(columns, dict) or "guid" not in columns or not columns.keys() <= COLUMNS:
        return None
    asked = all(isinstance(value, dict) and value.keys() <= {"update"} for value in columns.values())
    return frozenset(columns) if asked else None


def _columns_to_change(request: Message) -> frozenset[str]:
    """Return the columns that a ReplicateStart announces changes of."""
    columns = request.get("columns")
    entries = columns.items() if isinstance(columns, dict) else ()
    return frozenset(name for name, value in entries if isinstance(value, dict) and value.get("update") is True)
