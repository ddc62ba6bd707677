"""Debug log entries of what is said to the PBX."""

from collections.abc import Callable
from datetime import datetime

from engine.core.pbx_record import PbxRecord
from engine.debuglog.entry import LARGEST_BODY, MARGIN, EntryDetails, EntryRow, LogEntry, Peer
from engine.debuglog.redaction.pbx_messages import blank_personal_in_message, blank_proofs
from engine.debuglog.redaction.secrets import SecretRedactor

LONGEST_UNPROVED = 4096
"""Maximum bytes kept of a message from before the log-in: anybody may send one."""

ASKED_BY_ENGINE, ASKED_BY_PBX = "SEND", "RECEIVE"
"""What stands in place of a method."""

REASON = "reason"
"""The header that says why something failed."""

Whom = Callable[[str], tuple[str, tuple[str, ...]]]
"""Maps the guid or the name of a user to the label and the addresses."""


class PbxCapture:
    """Receives the messages of the PBX link (`engine.pbx.trace.PbxTrace`), while `on`, for `take`."""

    def __init__(self, take: Callable[[PbxRecord], None]) -> None:
        self.on = False
        self.take = take


def entry_of(record: PbxRecord, redactor: SecretRedactor, at: datetime, *, subjects: bool, whom: Whom) -> LogEntry:
    """Return the entry to store: without secrets, and with notes and displayed names only if `subjects`."""
    asked, answered = record.asked.encode(errors="replace"), record.answered.encode(errors="replace")
    sent, received = (answered, asked) if record.by_pbx else (asked, answered)
    user, addresses = whom(record.about) if record.about else ("", ())
    row = EntryRow(
        id=0,
        at=at.timestamp(),
        ms=round(record.seconds * 1000, 3),
        operation=redactor.text(record.operation),
        mailbox=addresses[0] if addresses else "",
        user=user,
        status=None,
        codes=(),
        failure=record.failure,
        error=bool(record.failure),
        part=False,
        attempt=1,
        lane=record.connection,
        sent=len(sent),
        received=len(received),
        peer=Peer.PBX,
        quiet=record.quiet,
    )
    particulars = EntryDetails(
        method=ASKED_BY_PBX if record.by_pbx else ASKED_BY_ENGINE,
        url=redactor.url(record.url),
        request_headers=(),
        response_headers=((REASON, redactor.text(record.reason)),) if record.reason else (),
        phases=(),
        request_size=len(asked),
        response_size=len(answered),
    )
    longest = LARGEST_BODY if record.proved else LONGEST_UNPROVED
    return LogEntry(
        row=row,
        request_id="",
        particulars=particulars,
        request=_redacted(asked, redactor, longest, subjects=subjects),
        response=_redacted(answered, redactor, longest, subjects=subjects),
    )


def _redacted(message: bytes, redactor: SecretRedactor, longest: int, *, subjects: bool) -> bytes:
    """Return a message as it is kept. Some of what lies behind the cut is searched too: a secret may cross it."""
    margin = min(MARGIN, longest)
    kept = blank_proofs(redactor.body(message[: longest + margin]))
    if not subjects:
        kept = blank_personal_in_message(kept)
    unsure = margin if len(message) > longest + margin else 0
    return kept[: min(longest, max(0, len(kept) - unsure))]
