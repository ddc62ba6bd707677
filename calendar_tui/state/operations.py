"""Work that takes its time, in words."""

from engine.api.schema import Operation, OperationKind

WORDS: dict[OperationKind, str] = {"resync": "Reading calendars again", "reresolve": "Looking for mailboxes again"}
ENDS = {"running": " ...", "done": ". Done.", "cancelled": ". Called off.", "failed": ". The engine made a mistake."}


def progress(operation: Operation) -> str:
    """Return how far an operation is."""
    failed = f", {operation.failed:,} without success" if operation.failed else ""
    return f"{WORDS[operation.kind]}: {operation.done:,} of {operation.total:,}{failed}{_end(operation)}"


def _end(operation: Operation) -> str:
    """Say how it ended, or what it waits for."""
    if operation.trouble is None:
        return ENDS.get(operation.state, ".")
    reason = f"{operation.trouble.title}. {operation.trouble.remedy}"
    return f". Stopped: {reason}" if operation.state == "blocked" else f" ... It waits: {reason}"
