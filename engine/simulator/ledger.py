"""Ledger of the requests to a simulated server and its responses, for assertions of tests."""

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

KEPT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One HTTP request and the status of its answer.

    `connection` numbers the TCP connections from 1. `account` is who was logged in. `operation`, `mailbox` (the
    impersonated one) and `code` (response code) are "" where there is none; `status` is 0 when the connection was
    broken off without an answer. `headers` have names in lower case and no Authorization; `body` is empty unless
    bodies are kept. `complaints` are faults that a real server tolerates and a good client avoids.

    Each part of a batch of Graph has a record of its own, before that of the batch; both have its number in `batch`.
    """

    at: datetime
    connection: int
    method: str
    scheme: str
    host: str
    path: str
    query: str = ""
    headers: Mapping[str, str]
    account: str = ""
    operation: str = ""
    mailbox: str = ""
    status: int = 0
    code: str = ""
    complaints: tuple[str, ...] = ()
    body: bytes = b""
    batch: int = 0


class Ledger:
    """The latest records in order, and totals over all records."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=KEPT)
        self._more = asyncio.Event()
        self.statuses: Counter[int] = Counter()
        self.operations: Counter[str] = Counter()

    def add(self, record: Record) -> None:
        """Add a record."""
        self._records.append(record)
        self.statuses[record.status] += 1
        if record.operation:
            self.operations[record.operation] += 1
        self._more.set()

    def records(self, **wanted: object) -> list[Record]:
        """Return the records whose fields equal all of `wanted`, for instance operation="FindItem", status=200."""
        return [r for r in self._records if all(getattr(r, name) == value for name, value in wanted.items())]

    @property
    def complaints(self) -> list[str]:
        """Every complaint, in order."""
        return [complaint for record in self._records for complaint in record.complaints]

    @property
    def connections(self) -> int:
        """Number of TCP connections used by the records."""
        return len({record.connection for record in self._records})

    @property
    def refusals(self) -> int:
        """Number of responses with status 401; each handshake has one or two of them."""
        return self.statuses[401]

    async def until(self, count: int, **wanted: object) -> list[Record]:
        """Wait for that many records as of `records(**wanted)` and return them."""
        while len(found := self.records(**wanted)) < count:
            self._more.clear()
            await self._more.wait()
        return found

    def forget_records(self) -> None:
        """Clear all records; the totals stay."""
        self._records.clear()

    def clear(self) -> None:
        """Clear all records and totals."""
        self.forget_records()
        self.statuses.clear()
        self.operations.clear()
