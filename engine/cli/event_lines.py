"""What happens in the engine, one line each."""

from zoneinfo import ZoneInfo

from engine.api.schema import AuditEvent, ChangeEvent, OperationEvent
from engine.cli.columns import cut, fitted, room
from engine.cli.palette import Palette

GOOD_NEWS = {
    "listening": "the PBX may connect",
    "reading unrestricted": "calendars are read with all details again",
    "concern over": "presences follow in time again",
}


class EventLines:
    """Writes events as lines, with times in `zone`, no wider than the terminal."""

    def __init__(self, palette: Palette, zone: ZoneInfo) -> None:
        self._palette = palette
        self._zone = zone

    def line(self, event: ChangeEvent | AuditEvent | OperationEvent) -> str:
        """Return the line for one event."""
        match event:
            case ChangeEvent():
                return self._change(event)
            case AuditEvent(entry=entry):
                who = entry.actor.user or f"uid {entry.actor.uid}"
                return _cut(
                    f"{entry.at.astimezone(self._zone):%H:%M:%S}  audit: {entry.action} by {who}: {entry.subject}"
                )
            case OperationEvent(operation=operation):
                progress = f"{operation.done} of {operation.total}"
                return _cut(f"{'':8}  operation {operation.id}: {operation.kind} {operation.state}, {progress}")

    def _change(self, event: ChangeEvent) -> str:
        time = f"{event.at.astimezone(self._zone):%H:%M:%S}"
        if event.presence is not None:
            activity = self._palette.activity(event.presence.activity)
            would = self._palette.notice("dry run, not written: ") if event.kind == "withheld" else ""
            return _cut(f"{time}  {would}{activity} {fitted(event.label, 20)}  {event.presence.note}")
        if event.trouble is not None:
            detail = f": {event.trouble.detail}" if event.trouble.detail else ""
            return f"{time}  {self._palette.mark(good=False)} {event.label}: {event.trouble.title}{detail}"
        words = GOOD_NEWS.get(event.kind, "working")
        return f"{time}  {self._palette.mark(good=True)} {event.label}: {words}"


def _cut(line: str) -> str:
    return cut(line, room(), "…")
