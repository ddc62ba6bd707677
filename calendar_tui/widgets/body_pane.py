"""The widget for one body of a log entry: a title with its size, and its lines."""

from textual.app import ComposeResult
from textual.containers import Vertical

from calendar_tui.terminal import CharacterSet
from calendar_tui.widgets.line_view import LineView
from engine.api.schema.log import BodySide, LogBody
from engine.documents.body import BodyView
from engine.documents.body_syntax import Shape, body_text, shape_of
from engine.documents.lines import Document, Role, Span, line
from engine.documents.log_entry import NO_BODY, body_title


class BodyPane(Vertical):
    """Shows the part of a text that is laid out; call `grow` until it is `complete`."""

    def __init__(self, side: BodySide, letters: CharacterSet) -> None:
        super().__init__(id=f"{side}-pane")
        self.lines = LineView(letters, cursor=True, id=side)
        self._title = LineView(letters, id=f"{side}-title")
        self._title.add_class("one-line")
        self.side = side
        self.text = ""
        self.body: LogBody | None = None
        self._raw = False
        self._view: BodyView | None = None
        self._fetched = 0

    def compose(self) -> ComposeResult:
        """Yield the title and the lines."""
        yield self._title
        yield self.lines

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Fold or unfold."""
        event.stop()
        self.fold()

    @property
    def complete(self) -> bool:
        """Whether every line is laid out."""
        return self._view is None or self._view.complete

    def clear(self, body: LogBody) -> None:
        """Prepare for another body, which is not loaded yet."""
        self.body, self.text, self._view, self._fetched = body, "", None, 0
        self._show_title("..." if body.kept else "")
        self.lines.show(Document([line(Span(" Loading ...", Role.MUTED))] if body.kept else [NO_BODY]))

    def fill(self, data: bytes) -> None:
        """Set the body, as it was sent."""
        self.text = body_text(data, self.body.media_type if self.body else "")
        self._fetched = len(data)
        self._lay_out()

    def show_raw(self, raw: bool) -> None:
        """Show the body as sent, or indented."""
        if raw != self._raw:
            self._raw = raw
            self._lay_out()

    def fit(self) -> None:
        """Lay the body out again if the width of the pane has changed."""
        if self._view is not None and self._view.width != self.lines.size.width:
            self._lay_out()

    def grow(self) -> None:
        """Lay out some more lines."""
        if self._view is not None and not self._view.complete:
            self._view.grow()
            self.lines.show(self._view)

    def fold(self) -> None:
        """Fold or unfold the element at the cursor."""
        if self._view is not None and self.lines.cursor is not None:
            place = self._view.toggle(self.lines.cursor)
            self._go_to(place)

    def unfold(self) -> None:
        """Unfold everything."""
        if self._view is not None:
            self._view.unfold_all()
            self.lines.show(self._view)

    def search(self, words: str) -> int:
        """Mark every match of `words`, and return their number."""
        count = self._view.search(words) if self._view is not None else 0
        if self._view is not None:
            self.lines.show(self._view)
        return count

    def go_to_found(self, step: int) -> bool:
        """Go to the next or previous match, and return whether there is one."""
        place = self._view.hit(self.lines.cursor or 0, step) if self._view is not None else None
        if place is not None:
            self._go_to(place)
        return place is not None

    def _go_to(self, index: int) -> None:
        if self._view is not None:
            key = self._view.line(index, self._view.width).key
            self.lines.show(self._view)
            self.lines.go_to(key)

    def _lay_out(self) -> None:
        shape = Shape.RAW if self._raw else shape_of(self.text)
        if self.body is not None and not self.text:
            self._view = None
            return
        self._view = BodyView(self.text, shape, max(self.lines.size.width, 1))
        self._show_title(shape)
        self.lines.show(self._view)

    def _show_title(self, shape: str) -> None:
        if self.body is not None:
            title = body_title(self.side, self.body, shape, self._fetched)
            self._title.show(Document([title]))
