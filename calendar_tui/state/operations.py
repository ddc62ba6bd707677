"""Work that takes its time, in words."""

from engine.api.schema import Operation, OperationKind

WORDS: dict[OperationKind, str] = {"resync": "Reading calendars again", "reresolve": "Looking for mailboxes again"}
ENDS = {"running": " ...", "done": ". Done.", "cancelled": ". Called off.", "failed": ". The engine made a mistake."}


def progress(operation: Operation) -> str:
    """Return how far an operation is."""
    failed = f", {operation.failed:,} without success" if operation.failed else ""
    return f"{WORDS[operation.kind]}: {operation.done:,} of {operation.total:,}{failed}{ENDS[operation.state]}"
