"""A form: lines with input fields among them, all keys of which pass through one input line, in the order typed."""

from typing import Protocol

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.geometry import Region
from textual.widgets import Input

from calendar_tui.documents.form_page import InputPlace, Page
from calendar_tui.documents.sheet import Sheet
from calendar_tui.terminal import TerminalCapabilities
from calendar_tui.widgets.line_view import LineView
from engine.display import visible
from engine.documents.lines import Document


class FormOwner(Protocol):
    """Whose form it is."""

    async def take(self, key: str, at: float) -> bool:
        """Handle a key, by Textual's name, pressed at that time of messages; return whether it was used."""
        ...

    def typed(self, value: str) -> None:
        """Keep what stands in the field with the cursor."""
        ...

    def show(self) -> None:
        """Draw what has changed."""
        ...


class FormInput(Input):
    """The one input line of a form, which has the focus as long as the form is shown.

    It lies over the field with the cursor; where no field has it, it takes no room, but still gets the keys. Each key
    is offered to the form first, and the next one waits until that is done: keys that arrive in one packet go to what
    earlier ones have opened.
    """

    def __init__(self, owner: FormOwner, hidden_as: str) -> None:
        super().__init__(compact=True, select_on_focus=False, id="form-input")
        self.cursor_blink = False
        self._owner = owner
        self._hidden_as = hidden_as
        self.is_over_field = False

    @property
    def _value(self) -> Text:
        """The value, cleaned for display, or its length; Textual would pass everything on to the terminal."""
        shown = self._hidden_as * len(self.value) if self.password else visible(self.value)
        return Text(shown, no_wrap=True, overflow="ignore", end="")

    async def _on_key(self, event: events.Key) -> None:
        """Offer a key to the form, else edit with it; a letter is nothing else while there is no field."""
        if await self._owner.take(event.key, event.time):
            event.stop()
            event.prevent_default()
        elif not self.is_over_field:
            event.prevent_default()
        else:
            await self._edit(event)

    async def _edit(self, event: events.Key) -> None:
        """Carry out an editing key at once: Textual would only tell of it when later keys may have been handled."""
        binding = next(iter(self._bindings.key_to_bindings.get(event.key, ())), None)
        if event.is_printable and event.character is not None:
            self.replace(event.character, *self.selection)
        elif binding is not None and binding.action != "submit":
            await self.run_action(binding.action)
        else:
            return
        event.stop()
        event.prevent_default()
        self._owner.typed(self.value)

    def _on_paste(self, event: events.Paste) -> None:
        """Take the first line of what is pasted, without the blanks around it."""
        event.stop()
        event.prevent_default()
        lines = event.text.strip().splitlines()
        if lines and self.is_over_field:
            self.replace(lines[0].strip(), *self.selection)
            self._owner.typed(self.value)


class Form(Container):
    """Lines and the input line over them; the rail with the steps stands at the left of them."""

    def __init__(self, look: TerminalCapabilities, owner: FormOwner, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._look = look
        self._owner = owner
        self._field = ""
        self._laid = Region()

    def compose(self) -> ComposeResult:
        """Yield the rail, the lines and the input line."""
        yield LineView(self._look.letters, cursor=True, id="form-rail")
        yield LineView(self._look.letters, cursor=True, id="form-lines")
        yield FormInput(self._owner, "*" if self._look.is_ascii else "•")

    @property
    def rail(self) -> LineView:
        """The steps at the left."""
        return self.query_one("#form-rail", LineView)

    @property
    def lines(self) -> LineView:
        """The lines of the page."""
        return self.query_one("#form-lines", LineView)

    @property
    def input(self) -> FormInput:
        """The input line."""
        return self.query_one(FormInput)

    @property
    def is_ready(self) -> bool:
        """Whether everything is mounted."""
        return self.is_mounted and bool(self.query(FormInput))

    def on_mount(self) -> None:
        """Show the form as soon as there is one."""
        self.call_after_refresh(self._owner.show)

    def on_resize(self) -> None:
        """Draw everything for the new size, after a message in the footer has come or gone too."""
        self.call_after_refresh(self._owner.show)

    def show(self, page: Page, cursor: str) -> None:
        """Show a page, with the cursor in the field or on the line of that name, and take the keys."""
        if not self.input.has_focus:
            self.screen.set_focus(self.input, scroll_visible=False)
        lines = self.lines
        place = next((each for each in page.places if each.name == cursor and each.typed), None)
        lines.keeps_cursor = bool(cursor) and any(each.key == cursor for each in page.lines)
        lines.show(Sheet(Document(page.lines), tells_more=False))
        if place is not None:
            lines.bring_in_sight(place.row)
        elif lines.keeps_cursor:
            lines.go_to(cursor)
        self._lay(place)

    def _lay(self, place: InputPlace | None) -> None:
        """Lay the input line over a field, or nowhere; what was below it is drawn again."""
        region = Region()
        if place is not None:
            region = Region(place.column, place.row - self.lines.top, place.width, 1)
        self.input.is_over_field = place is not None
        if region != self._laid:
            self.lines.refresh(self._laid)
            self._laid = region
            self.input.styles.width = region.width
            self.input.styles.offset = (self.lines.region.x - self.region.x + region.x, region.y)
        if place is None:
            self._field = ""

    def fill(self, field: str, text: str, *, hint: str, secret: bool) -> None:
        """Put the text of a field into the input line, with the cursor at its end, unless it is there already."""
        input_ = self.input
        if (self._field, input_.value) == (field, text):
            return
        self._field = field
        input_.password, input_.placeholder = secret, hint
        with input_.prevent(Input.Changed):
            input_.value = text
        input_.cursor_position = len(text)
