"""The kinds of pages of the set-up: how each looks, and which keys it has beyond those of every page."""

from typing import ClassVar, Protocol

from textual.message import Message

from calendar_tui.documents.form_page import FormState, Page
from calendar_tui.documents.setup_certificate import FIX, certificate_page
from calendar_tui.documents.setup_page import TASK, choice_body, fields_body, is_missing, is_passed, task_body
from calendar_tui.documents.setup_task import text_of
from calendar_tui.private_files import write_here
from calendar_tui.screens.setup_client import SetupClient
from engine.api.schema.setup import SetupField, SetupPage, SetupText
from engine.display import counted

CLIENT_SECRET = "exchange.client_secret"  # noqa: S105 - its name
"""The secret in place of which the engine makes a certificate."""

READING = 0.5
"""Seconds before Enter trusts a certificate: keys typed ahead must not."""


class SetupForm(Protocol):
    """The part of the set-up's view that a kind of page may use."""

    client: SetupClient
    pressed: float

    @property
    def page(self) -> SetupPage:
        """The page that is shown, as the engine describes it."""
        ...

    def answer(self, key: str, text: str) -> None:
        """Put an answer into a field; it is sent soon."""
        ...

    async def check(self, *, goes_on: bool, only_failed: bool = False) -> None:
        """Check the page with a log-in, with `only_failed` for the users without success; with `goes_on`, the next page
        follows if all is well."""
        ...

    @property
    def state(self) -> FormState:
        """What the page on the screen depends on besides the engine."""
        ...

    def put_cursor(self, stop: str) -> None:
        """Move the cursor to a field, line or cell."""
        ...

    async def go(self, where: str) -> None:
        """Send what was typed and go to a page."""
        ...

    def tell(self, message: str) -> None:
        """Show a message until the next key press."""
        ...

    def copy(self, text: str) -> None:
        """Copy a text to the clipboard of the terminal."""
        ...

    def show(self) -> None:
        """Draw what has changed."""
        ...


class PageKind:
    """A kind of page; there is one object for each page that is visited, which may keep what it has read.

    `COMMANDS` are the names of its commands in the registry, in the order of the footer. `LEADS_ON`: after a check that
    went well the next page may follow by itself.
    """

    COMMANDS: ClassVar[tuple[str, ...]] = ("next", "check", "more", "steps", "later", "fix")
    LEADS_ON: ClassVar[bool] = True

    def __init__(self, form: SetupForm) -> None:
        self.form = form

    def body(self, page: SetupPage, state: FormState) -> Page:
        """Return the lines and fields of the page."""
        return fields_body(page, state)

    @property
    def fields(self) -> tuple[SetupField, ...]:
        """Fields that are not answers of the set-up, such as a filter; what is typed there comes to `typed`."""
        return ()

    async def typed(self, key: str, text: str) -> None:
        """Called with every letter typed into one of `fields`."""

    def figures(self, page: SetupPage, state: FormState) -> str:
        """Return what stands at the right of the title."""
        return ""

    async def opened(self) -> None:
        """Called when the page has come on the screen."""

    async def mended(self) -> bool:
        """Check again after a fix in a way of this kind; return whether there is one."""
        return False

    async def looked(self) -> None:
        """Called when a newer state of the page has come, and twice a second while nothing is awaited."""

    def neighbour(self, key: str, stop: str) -> str:
        """Return where a key leads from a line or cell, "" if it is no matter of this kind."""
        return ""

    async def back(self) -> bool:
        """Go one step back within the page; return whether there was one."""
        return False

    async def enter(self, stop: str) -> bool:
        """Handle Enter on the line or in the field of that name; return whether that is done."""
        return False

    async def key(self, key: str, stop: str) -> bool:
        """Handle another key where no field has the cursor; return whether it was one of this kind."""
        return False

    async def do(self, name: str) -> None:
        """Carry out a command of this kind."""


class ChoicePage(PageKind):
    """One answer of several, each with what it means: Space takes it, Enter takes it and goes on."""

    COMMANDS = ("next", "steps", "later")

    def body(self, page: SetupPage, state: FormState) -> Page:
        """Return the options."""
        return choice_body(page, state)

    async def key(self, key: str, stop: str) -> bool:
        """Choose with Space."""
        if key == "space":
            self._choose(stop)
        return key == "space"

    async def enter(self, stop: str) -> bool:
        """Choose, and go to the next page: whatever else is asked here has an answer that is shown."""
        self._choose(stop)
        await self.form.go("next")
        return True

    def _choose(self, stop: str) -> None:
        field, _, value = stop.partition("=")
        if value:
            self.form.answer(field, value)


class CertificatePage(PageKind):
    """A certificate that is not trusted, and the ways to trust it."""

    COMMANDS = ("next", "steps", "later")

    def __init__(self, form: SetupForm) -> None:
        super().__init__(form)
        self._seen_from = Message().time + READING

    def body(self, page: SetupPage, state: FormState) -> Page:
        """Return what the certificate says."""
        return certificate_page(page, state.zone, state.width)

    async def enter(self, stop: str) -> bool:
        """Trust it in the way of the line, but never by a key that was typed before it could be read."""
        if not stop.startswith(FIX):
            return False
        if self.form.pressed < self._seen_from:
            self.form.tell("Compare the certificate first.")
            return True
        if await self.form.client.send(fix=stop.removeprefix(FIX)):
            await self.form.check(goes_on=True)
        return True


class TaskPage(PageKind):
    """Something to do over there, while the engine watches."""

    COMMANDS = (
        "copy",
        "write",
        "colleague",
        "next",
        "later",
        "check",
        "steps",
        "more",
        "password",
        "az",
        "group",
        "fix",
    )

    def __init__(self, form: SetupForm) -> None:
        super().__init__(form)
        self._is_shown = False
        self._wrong = ""

    def body(self, page: SetupPage, state: FormState) -> Page:
        """Return what to do."""
        return task_body(page, state)

    @property
    def own_password(self) -> str:
        """The password made here, while it is to be seen."""
        return self.form.client.own_password if self._is_shown else ""

    async def opened(self) -> None:
        """Watch from now on, unless it works already."""
        if any(each.secret is not None and each.key == CLIENT_SECRET for each in self.form.page.fields):
            await self._have_a_certificate()
        page = self.form.page
        if page.can_watch and page.watch is None and not is_passed(page) and not is_missing(page):
            await self.form.client.check(log_in=True, watch=True)

    async def looked(self) -> None:
        """Move the cursor from the task into the field that is wrong, once for each."""
        page = self.form.page
        wrong = page.check.wrong if page.watch is not None and page.check is not None and page.check.holds else ""
        is_at_task = self.form.state.cursor in ("", TASK)
        if wrong != self._wrong and is_at_task and any(each.key == wrong for each in page.fields):
            self.form.put_cursor(wrong)
            self.form.show()
        self._wrong = wrong

    async def mended(self) -> bool:
        """Watch again, with the answers as they are now."""
        return self.form.page.watch is not None and await self.form.client.check(log_in=True, watch=True)

    async def _have_a_certificate(self) -> None:
        """Have the engine make a certificate, unless there is one or a client secret."""
        secrets = [each.secret for each in self.form.page.fields if each.key == CLIENT_SECRET]
        if any(each is not None and not each.is_known for each in secrets):
            await self.form.client.make_certificate()

    async def do(self, name: str) -> None:
        """Copy, save or pass on what the page holds, or show the password."""
        task = self.form.page.task
        if task is None:
            return
        if name == "password" or (name == "copy" and any(each.secret for each in task.lines)):
            self._password(copied=name == "copy")
        else:
            await self._pass_on(name, task.texts)

    def _password(self, *, copied: bool) -> None:
        """Copy the password that was made here, or show or hide it."""
        password = self.form.client.own_password
        if not password:
            self.form.tell("Only a password that was made here can be shown; type or make another one.")
        elif copied:
            self.form.copy(password)
            self.form.tell("Copied: the password, for the App object.")
        else:
            self._is_shown = not self._is_shown
            self.form.show()

    async def _pass_on(self, name: str, texts: tuple[SetupText, ...]) -> None:
        """Copy or save a text: the one in words for a colleague, else the first other one."""
        chosen = text_of(texts, name)
        if chosen is None:
            self.form.tell("There is nothing to copy here.")
        elif name == "write":
            self.form.tell(await write_here(chosen.file, chosen.text.encode()))
        else:
            self.form.copy(chosen.text)
            self.form.tell(f"Copied: {chosen.label}, {counted(chosen.text.count(chr(10)), 'line')}.")
