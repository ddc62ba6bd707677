"""An engine with a debug log, and entries to put into it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from engine.core.http_record import HttpRecord
from engine.debuglog.entry import EntryDetails, EntryRow, LogEntry, Peer
from engine.debuglog.recorder import Capture
from engine.debuglog.store import FILE, LogStore
from tests.support.served_engine import NINE, SETTINGS, ServedEngine, people, served_engine

USERS = people(8)
URL = "https://mail.corp.example/EWS/Exchange.asmx"
REQUEST = (
    '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<m:FindItem Traversal="Shallow"><m:ParentFolderIds><t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds>'
    "</m:FindItem></s:Body></s:Envelope>"
)
ANSWER = (
    '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    "<m:FindItemResponse><m:ResponseCode>NoError</m:ResponseCode><m:Items><t:CalendarItem><t:ItemId Id='AA='/>"
    "<t:Start>2026-03-02T09:00:00Z</t:Start></t:CalendarItem></m:Items></m:FindItemResponse></s:Body></s:Envelope>"
)


def kept(number: int, **changed: object) -> LogEntry:
    """Return an entry, `number` seconds after nine; the given fields replace the defaults."""
    row: dict[str, object] = {
        "id": number,
        "at": (NINE + timedelta(seconds=number)).timestamp(),
        "ms": 10.0 + number % 7,
        "operation": "FindItem",
        **whose(number % len(USERS)),
        "status": 200,
        "codes": ("NoError",),
        "failure": "",
        "error": False,
        "part": False,
        "attempt": 1,
        "lane": "mail.corp.example 1",
        "sent": len(REQUEST),
        "received": len(ANSWER),
        "peer": Peer.EXCHANGE,
        "quiet": False,
    }
    request, response = str(changed.pop("request", REQUEST)), str(changed.pop("response", ANSWER))
    request_id = str(changed.pop("request_id", f"00000000-0000-0000-0000-{number:012}"))
    row |= changed
    return LogEntry(
        row=EntryRow(**row),  # type: ignore[arg-type]
        request_id=request_id,
        particulars=EntryDetails(
            method="POST",
            url=URL,
            request_headers=(("Content-Type", "text/xml; charset=utf-8"), ("client-request-id", request_id)),
            response_headers=(("Content-Type", "text/xml; charset=utf-8"), ("X-FEServer", "EXCHANGE01")),
            phases=(("queue", 1.0), ("send", 1.0), ("wait", 6.0), ("receive", 2.0)),
            request_size=int(str(row["sent"])),
            response_size=int(str(row["received"])),
        ),
        request=request.encode(),
        response=response.encode(),
    )


def whose(user: int) -> dict[str, object]:
    """Return the fields of a row for its mailbox and user."""
    return {"mailbox": f"user{user}@corp.example", "user": f"User Number {user}"}


def failed(number: int, code: str, **changed: object) -> LogEntry:
    """Return an entry that Exchange answered with an error."""
    return kept(number, status=500, codes=(code,), error=True, **changed)


def some_exchanges(count: int = 300) -> list[LogEntry]:
    """Return entries: mostly successes, one request that succeeded at the third attempt, and a denied mailbox."""
    special = {
        280: failed(280, "ErrorServerBusy", request_id="busy", mailbox="user3@corp.example", user="User Number 3"),
        283: failed(
            283, "ErrorServerBusy", request_id="busy", mailbox="user3@corp.example", user="User Number 3", attempt=2
        ),
        289: kept(289, request_id="busy", mailbox="user3@corp.example", user="User Number 3", attempt=3, ms=2500.0),
        295: failed(
            295, "ErrorImpersonateUserDenied", operation="Subscribe", mailbox="user5@corp.example", user="User Number 5"
        ),
    }
    return [special.get(number) or kept(number) for number in range(1, count + 1)]


def traced(request_id: str = "new") -> HttpRecord:
    """Return an entry as the record of the HTTP client."""
    return HttpRecord(
        request_id=request_id,
        method="POST",
        url=URL,
        request_headers={"Content-Type": "text/xml"},
        request=REQUEST.encode(),
        lane="1",
        attempt=1,
        status=200,
        response_headers={"Content-Type": "text/xml"},
        response=ANSWER.encode(),
        failure="",
        seconds=0.02,
        phases={"wait": 0.02},
    )


def fill(directory: Path, exchanges: Iterable[LogEntry]) -> None:
    """Write entries to the debug log that an engine in `directory` will open."""
    directory.mkdir(parents=True, exist_ok=True)
    store = LogStore(directory / FILE)
    store.open()
    batch: list[LogEntry] = []
    for each in exchanges:
        batch.append(each)
        if len(batch) == 5000:
            store.add(batch)
            batch.clear()
    if batch:
        store.add(batch)
    store.close()


@dataclass(frozen=True)
class LoggedEngine:
    served: ServedEngine
    capture: Capture

    @property
    def socket(self) -> Path:
        return self.served.socket


@asynccontextmanager
async def logged_engine(
    directory: Path, exchanges: Iterable[LogEntry] = (), *, ews: bool = True, settings: str = SETTINGS
) -> AsyncIterator[LoggedEngine]:
    fill(directory / "state", exchanges)
    text = settings if "[debug_log]" in settings else f"{settings}[debug_log]\news = {'true' if ews else 'false'}\n"
    async with served_engine(directory, USERS, settings=text) as served:
        await served.settled()
        yield LoggedEngine(served, served.log.capture)
