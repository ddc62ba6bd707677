"""Messages of the local API about the debug log: rows, entries, statistics, and the state of capturing.

Durations are in milliseconds, sizes in bytes before compression. `filter` is one language everywhere, see
calendar-engine-api(7): `user:alice op:FindItem code:ErrorServerBusy status:>=500 ms:>2000 size:>1MB since:10m
body:"text" is:error`, with and, or, not and brackets.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Filter = Annotated[str, Meta(max_length=2000)]
BodySide = Literal["request", "response"]
Peer = Literal["exchange", "pbx"]
"""The side that is talked to; exchange includes Microsoft Graph and Entra."""

EVERY_PEER: tuple[Peer, ...] = ("exchange", "pbx")


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in a list. `at` is its end, `ms` its duration; a larger `id` ended later.

    `user` is the PBX user (empty if it concerns no single one), `mailbox` the requested address. `status` is null
    without a response; then `failure` is the name of the failure. `codes` are the response codes, errors first.
    `problem` is the failure that an error is reported as, `decision` the resulting action in short; both are empty if
    all is well. `part`: one notification of a continuing response. `quiet`: it only shows that all is alive. An entry
    of the `peer` pbx is a message over the App WebSocket with its answer, if it has one; it has no status and no codes.
    """

    id: int
    at: datetime
    operation: str
    mailbox: str
    user: str
    status: int | None
    codes: tuple[str, ...]
    failure: str
    error: bool
    decision: str
    ms: float
    sent: int
    received: int
    attempt: int
    lane: str
    part: bool = False
    peer: Peer = "exchange"
    quiet: bool = False
    problem: str = ""


class LogQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Selects entries: the newest, those older than the id `before`, or the oldest of those newer than `after`."""

    filter: Filter = ""
    before: Annotated[int, Meta(ge=1)] | None = None
    after: Annotated[int, Meta(ge=0)] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows, newest first, or oldest first with `after`.

    `next` is the cursor to go on with in the same direction, null at the end; searching bodies takes time, so a
    page may hold fewer rows than requested, or none, and still have one. `newest` is the id of the newest entry that
    this page took into account: `after` it are the later ones.
    """

    rows: tuple[LogRow, ...]
    next: int | None
    newest: int


class LogHeader(msgspec.Struct, frozen=True, kw_only=True):
    """One header, as sent; secrets are blanked."""

    name: str
    value: str


class LogPhase(msgspec.Struct, frozen=True, kw_only=True):
    """One phase of a request: queue (for a connection), connect, tls, login, send, wait or receive, in this order."""

    name: str
    ms: float


class LogBody(msgspec.Struct, frozen=True, kw_only=True):
    """A body: its true size, and how much of it is kept."""

    size: int
    kept: int
    media_type: str


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The meaning of a response code or failure. `command` is the command to type, empty if there is none.

    `code` is the code or the HTTP status, `type` the failure it is reported as, `reaction` what the engine does.
    """

    code: str
    type: str
    meaning: str
    cause: str
    remedy: str
    command: str
    reaction: str
    fault: str
    scope: str


class LogExchange(msgspec.Struct, frozen=True, kw_only=True):
    """One entry without its bodies. `server` are the headers that identify the request in Exchange's own logs.

    `method` is SEND or RECEIVE for a message to or from the PBX; `response` is then what the other side answered.
    """

    row: LogRow
    method: str
    url: str
    request_id: str
    request_headers: tuple[LogHeader, ...]
    response_headers: tuple[LogHeader, ...]
    server: tuple[LogHeader, ...]
    phases: tuple[LogPhase, ...]
    request: LogBody
    response: LogBody
    diagnosis: tuple[Diagnosis, ...]


class LogBodyQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body as sent, or `pretty`: indented, and otherwise unchanged. The header Range requests a part."""

    pretty: bool = False


class LogFilterQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A filter being typed; `cursor` is where to complete (characters from 0), the end if not given."""

    filter: Filter = ""
    cursor: Annotated[int, Meta(ge=0)] | None = None


class FilterChip(msgspec.Struct, frozen=True, kw_only=True):
    """One of the conditions that must all match, and its position: characters from 0, `end` exclusive.

    `field` is empty for one in brackets, or a bare word.
    """

    text: str
    field: str
    start: int
    end: int


class FilterMistake(msgspec.Struct, frozen=True, kw_only=True):
    """The error in a filter; `column` counts characters from 1."""

    column: int
    detail: str
    hint: str


class FilterCompletion(msgspec.Struct, frozen=True, kw_only=True):
    """A possible completion for the characters from `start` to before `end`."""

    text: str
    start: int
    end: int
    detail: str = ""


class FilterAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The meaning of a filter. A valid one has no `mistake`; `canonical` is its canonical form."""

    canonical: str
    chips: tuple[FilterChip, ...]
    mistake: FilterMistake | None
    completions: tuple[FilterCompletion, ...]


class LogFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of one operation with one outcome: `code` is the first of their codes, or failure, or status."""

    operation: str
    code: str
    count: int
    errors: int
    p50: float
    p95: float
    sent: int
    received: int


class LogFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Selects entries; all if not given."""

    filter: Filter = ""


class LogStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of the matching entries, the most frequent first; `begin` and `end` are of the first and last."""

    count: int
    errors: int
    begin: datetime | None
    end: datetime | None
    figures: tuple[LogFigures, ...]


class LogHistogramQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Selects entries, to be counted in columns: at most `columns`, up to the newest entry, each as long as necessary.

    With `begin`, the first column is the one that contains it, and there are as many as requested. With `seconds`, each
    is that long, or as the next of 1, 5, 15 seconds, 1, 5, 15 minutes, 1, 6 hours and a day.
    """

    filter: Filter = ""
    columns: Annotated[int, Meta(ge=1, le=1000)] = 60
    begin: datetime | None = None
    seconds: Annotated[int, Meta(ge=1, le=86400)] | None = None


class LogHistogram(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries ended when: columns of `seconds` each from `begin` on, with their entries and errors.

    `finer` and `coarser` are the next lengths of a column, null at the end. `count`, `error_count`, `oldest` and
    `newest` are of all matching entries, also of those outside the columns.
    """

    begin: datetime
    seconds: int
    finer: int | None
    coarser: int | None
    counts: tuple[int, ...]
    errors: tuple[int, ...]
    count: int
    error_count: int
    oldest: datetime | None
    newest: datetime | None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of error: its count, the users concerned (at most ten of them, `users` in all), and its remedy."""

    diagnosis: Diagnosis
    count: int
    users: int
    mailboxes: tuple[str, ...]
    newest: int
    last: datetime


class LogDiagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The errors among the matching entries, the most frequent first."""

    count: int
    findings: tuple[Finding, ...]


class CaptureState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of capturing, and the amount stored.

    `peers` are the sides, none while it is not `on`. `mailboxes`: only these, all if empty. `until`: the time it stops
    automatically. `actor` switched it last, empty for the settings. `captured` and `dropped` count since the start;
    entries are dropped so that the engine never waits for the disk, and `trouble` is the reason. `stored` entries take
    `bytes` on the disk.
    """

    on: bool
    peers: tuple[Peer, ...]
    mailboxes: tuple[str, ...]
    until: datetime | None
    actor: str
    subjects: bool
    captured: int
    dropped: int
    trouble: str
    stored: int
    bytes: int
    max_bytes: int
    max_days: int
    oldest: datetime | None
    newest: int


class CaptureQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether to capture, and of which sides; if given, only some mailboxes, and only for a time in seconds."""

    on: bool
    peers: Annotated[tuple[Peer, ...], Meta(min_length=1, max_length=2)] = EVERY_PEER
    mailboxes: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=320)], ...], Meta(max_length=1000)] = ()
    seconds: Annotated[float, Meta(ge=1, le=30 * 86400)] | None = None


class LogExportQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The newest matching entries, at most `limit`; `persons`: addresses, names and subjects stay as recorded."""

    filter: Filter = ""
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    persons: bool = False


class LogEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`count` entries were added, `newest` being the id of the last one, or capturing was switched: then `capture` is
    its state. The entries themselves are at /v1/log/exchanges, with a filter."""

    number: int
    count: int = 0
    newest: int = 0
    capture: CaptureState | None = None
