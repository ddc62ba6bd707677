"""The view of the guided set-up: the steps at the left, a page with its fields at the right."""

import asyncio
import contextlib
from dataclasses import replace
from functools import partial
from inspect import isawaitable
from typing import ClassVar

from textual import actions
from textual.message import Message
from textual.widget import Widget

from calendar_tui.commands import registry
from calendar_tui.commands.command import EVERYWHERE, Command
from calendar_tui.commands.setup import SETUP
from calendar_tui.documents.form_page import FormState, Page, hint, text
from calendar_tui.documents.setup_check import failed
from calendar_tui.documents.setup_header import applied_in_words, header, other_person, second_row
from calendar_tui.documents.setup_page import chosen_option, fixes_of, is_passed, setup_page
from calendar_tui.documents.setup_rail import rail
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.screens.setup_client import SetupClient
from calendar_tui.screens.setup_finished import FinishedView
from calendar_tui.screens.setup_keys import OnScreen, SetupKeys
from calendar_tui.screens.setup_kinds import PageKind
from calendar_tui.screens.setup_registry import KINDS
from calendar_tui.screens.view import Shell, View
from calendar_tui.widgets.form import Form
from engine.api.errors import ClientFailure
from engine.api.schema.checks import RungAccount
from engine.api.schema.setup import FlowName, SetupCheck, SetupField, SetupPage
from engine.documents.lines import Document, Line

SOON = 0.4
"""Seconds after the last key when what was typed is sent, and tried without a log-in."""

OPENING = 5.0
"""Seconds for which keys wait for the first page."""

TICK = 0.5
"""Seconds between two looks at a check, and between two pictures of its time."""


NOT_IN_FORMS = ("palette", "quit")
"""Commands of all views that the last row does not name: their keys are letters, or it is full."""


class SetupView(View):
    """The set-up, or one later change of it (`flow`).

    What is on the screen follows from the newest state of the engine, and from the little that is kept `here`.
    """

    NAME: ClassVar[str] = SETUP
    ENTER: ClassVar[str] = ""

    def __init__(self, shell: Shell, flow: FlowName = "all") -> None:
        super().__init__(shell)
        self.client = SetupClient(lambda: shell.session.api, self.tell_failure)
        self._flow = flow
        self._form = Form(shell.look, self, id="setup")
        self.kind: PageKind | None = None
        self.here = OnScreen()
        self._keys = SetupKeys(self)
        self._place = ("", "")
        self._has_told = False
        self._is_open = asyncio.Event()
        self.pressed = 0.0
        self._page = Page()

    # What the frame asks for

    def form(self) -> Widget:
        """Return the container of rail, lines and input line."""
        return self._form

    def focused(self) -> Widget:
        """Return the input line, which takes all keys."""
        return self._form.input

    def ask(self) -> None:
        """Go on with the set-up, or begin it."""
        self.run(self._follow, "follow")

    def header(self, width: int) -> Line | None:
        """Return the first row: the step, and who is at it."""
        setup = self.client.setup
        if setup is None:
            return None
        is_kept = not self.client.texts
        return header(setup, width, self.model.now, self.model.zone, is_kept=is_kept)

    def row(self) -> Row:
        """Return the second row: the title of the page."""
        setup, advanced = self.client.setup, self.here.with_advanced
        if setup is None:
            return Row()
        shown = second_row(setup, self.model.now, with_advanced=advanced)
        right = self.kind.figures(setup.page, self.state) if self.kind is not None and self._form.is_ready else ""
        return replace(shown, right=shown.right or right)

    def sheet(self, width: int, height: int) -> Sheet:
        """Draw the form, which is in place of a sheet."""
        self._notice()
        self._draw()
        return Sheet(Document())

    def commands(self) -> tuple[Command, ...]:
        """Return the commands of this kind of page, then those of all views."""
        names = ("take over",) if not self.is_mine else self.kind.COMMANDS if self.kind is not None else ()
        own = [registry.named(self.NAME, name) for name in names]
        if own and self.is_mine and self.field is not None:
            own = [each for each in own if not each.is_typed]
        everywhere = [each for each in registry.of_place(EVERYWHERE) if each.name not in NOT_IN_FORMS]
        return tuple(each for each in (*own, *map(_by_function_key, everywhere)) if not self.hindrance(each))

    def _notice(self) -> None:
        """Ask for what somebody else has changed, or for the end of it."""
        event, setup = self.model.setup, self.client.setup
        if event is not None and setup is not None and (event.ended or event.revision > setup.revision):
            self.run(self._refreshed, "refresh")

    async def _refreshed(self) -> None:
        if await self.client.refresh():
            await self._arrived()
        else:
            self.shell.go_back()
            self.tell("The set-up has ended.")

    # What is on the screen

    @property
    def page(self) -> SetupPage:
        """The page that is shown, as the engine describes it."""
        assert self.client.setup is not None  # noqa: S101 - for the type checker
        return self.client.setup.page

    @property
    def is_mine(self) -> bool:
        """Whether this person may go on with it: nobody else is there."""
        setup = self.client.setup
        return setup is None or setup.person.is_you or not setup.person.is_present

    @property
    def _machine_problems(self) -> tuple[RungAccount, ...]:
        """What is wrong with the machine: nothing can be saved until it is mended."""
        setup = self.client.setup
        return tuple(each for each in setup.machine if each.trouble is not None) if setup is not None else ()

    @property
    def stop(self) -> str:
        """The field or line with the cursor."""
        return self.here.cursor if self.here.cursor in self._page.stops else next(iter(self._page.stops), "")

    @property
    def is_first(self) -> bool:
        """Whether no page comes before this one."""
        setup = self.client.setup
        if setup is None:
            return True
        first = setup.steps[0]
        return (first.name, first.pages[0].name) == (setup.page.step, setup.page.name)

    @property
    def following(self) -> str:
        """The title of the next page of the same step, "" after the last."""
        setup = self.client.setup
        step = next((each for each in setup.steps if each.name == setup.page.step), None) if setup else None
        if setup is None or step is None:
            return ""
        names = [each.name for each in step.pages]
        place = names.index(setup.page.name) + 1 if setup.page.name in names else len(names)
        return step.pages[place].title if place < len(names) else ""

    @property
    def stops(self) -> tuple[str, ...]:
        """The fields and lines that can have the cursor, in order."""
        return self._page.stops

    @property
    def field(self) -> SetupField | None:
        """The field with the cursor, if it is one to type into."""
        own = self.kind.fields if self.kind is not None else ()
        at = next((each for each in (*self.page.fields, *own) if each.key == self.stop), None)
        return at if at is not None and at.kind not in ("flag", "choice") else None

    @property
    def state(self) -> FormState:
        """What the page on the screen depends on besides the engine."""
        width, height = self._form.lines.size
        return FormState(
            now=self.model.now,
            zone=self.model.zone,
            width=width - 1,
            height=height,
            texts={**self.client.texts, **self.client.secrets},
            cursor="" if self.here.rail_at else self.here.cursor,
            with_advanced=self.here.with_advanced,
            offered=self.here.offered,
            offered_at=self.here.offered_at,
            own_password=getattr(self.kind, "own_password", ""),
            following=self.following,
        )

    def _draw(self) -> None:
        """Draw rail and page, and lay the input line over the field with the cursor."""
        setup = self.client.setup
        if not self._form.is_ready:
            return
        if setup is None or self.kind is None:
            self._form.show(text("", "… asking the engine"), "")
            return
        self._form.rail.show(rail(setup.steps, self.here.rail_at or setup.page.step))
        if not self.is_mine and not self.here.watches:
            self._form.show(other_person(setup, self.model.now, self.state.width), "")
            return
        state = self.state
        machine = self._machine_problems if self.is_first else ()  # the last page tells them as well
        self._page = setup_page(setup.page, self.kind.body(setup.page, state), state, machine)
        if self._page.stops and self.here.cursor not in self._page.stops:
            self.here.cursor = self.stop
            state = self.state
            self._page = setup_page(setup.page, self.kind.body(setup.page, state), state, machine)
        self._form.show(self._page, "" if self.here.rail_at else self.here.cursor)
        field = None if self.here.rail_at else self.field
        if field is not None:
            is_secret = field.secret is not None
            typed = self.client.secrets.get(field.key, "") if is_secret else state.text(field)
            self._form.fill(field.key, typed, hint=hint(field), secret=is_secret)

    async def _follow(self) -> None:
        """Stay up to date with the engine, as often as somebody looks at a check."""
        if await self.client.open(self._flow):
            await self._arrived()
        while True:
            self.show()
            unsent = dict(self.client.texts)
            await asyncio.sleep(TICK)
            if self._can_send and unsent and unsent == self.client.texts:
                await self.client.send()  # typed while the engine was gone
                await self._arrived()
            elif self.client.setup is not None and self._is_looking:
                await self._refreshed()
            elif self.kind is not None:
                await self.kind.looked()

    @property
    def _can_send(self) -> bool:
        return self.client.setup is not None and self.is_mine and self.shell.session.api is not None

    @property
    def _is_looking(self) -> bool:
        page = self.page
        checks = (page.check, page.reach)
        runs = any(each is not None and each.operation.state == "running" for each in checks)
        return (
            runs
            or page.watch is not None
            or not self.is_mine
            or bool(self._machine_problems and (self.is_first or page.is_last))
        )

    async def _arrived(self) -> None:
        """Deal with a new state of the engine: another page, the end of a check."""
        if (self.page.step, self.page.name) != self._place:
            await self._open_page()
        check = self.page.check
        if check is not None and check.holds and check.operation.state != "running":
            await self._ended(check)
        if self.kind is not None:
            await self.kind.looked()
        self.show()

    async def _open_page(self) -> None:
        """Begin with the page that the engine has gone to."""
        page = self.page
        self._place = (page.step, page.name)
        self._is_open.set()
        self.kind = KINDS.get(page.kind, PageKind)(self)
        self.here.with_advanced, self.here.offered = False, ()
        self.here.cursor = self._first_stop(page)
        if self.is_mine:
            await self.kind.opened()
            if page.reach is None:
                await self._reach()

    def _first_stop(self, page: SetupPage) -> str:
        """Return where the cursor begins: the field that the engine names, in a choice the option that holds."""
        if page.kind in ("task", "certificate", "users", "access", "preview"):
            return ""
        at = next((each for each in page.fields if each.key == page.cursor), None) or next(iter(page.fields), None)
        if at is not None and page.kind in ("choice", "start"):
            return f"{at.key}={chosen_option(at, self.state)}"
        chosen_by_nobody = (each.key for each in page.fields if each.setting and each.setting.origin != "file")
        return next(chosen_by_nobody, page.cursor) if page.kind == "site" else page.cursor

    async def _ended(self, check: SetupCheck) -> None:
        """Go on after a check that was to lead on, or into the field that is wrong."""
        watch = self.page.watch
        is_awaited = self.here.goes_on or (watch is not None and not watch.stopped)
        if self.kind is not None and not self.kind.LEADS_ON:
            self.here.goes_on = False
        elif check.passed and self.is_mine and is_awaited and check.operation.id != self.here.led_on:
            self.here.led_on = check.operation.id  # once: two looks may see its end, and one may come back to the page
            await self.go("next")
        elif not check.passed and self.here.goes_on:
            self.here.goes_on = False
            self.here.cursor = check.wrong or self.here.cursor
            if check.page and self.is_mine:
                await self.go(check.page)

    # What is done

    async def take(self, key: str, at: float) -> bool:
        """Handle a key, and draw what it has changed; return whether it was used. What is typed ahead waits until there
        is a page."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OPENING):
                await self._is_open.wait()
        self.pressed = at
        if self._has_told:
            self.tell("")
        used = await self._keys.take(key)
        if used:
            self.show()
        return used

    def tell(self, message: str) -> None:
        """Show a message in the last row until the next key press."""
        self._has_told = bool(message)
        super().tell(message)

    def tell_failure(self, failure: ClientFailure) -> None:
        """Show in the last row why something was not done, and what to do about it, until the next key press."""
        self._has_told = True
        super().tell_failure(failure)

    def typed(self, value: str) -> None:
        """Keep what stands in the field with the cursor, and send it soon."""
        field = self.field
        if field is None or self.kind is None:
            return
        if field in self.kind.fields:
            self.run(partial(self.kind.typed, field.key, value), "typed")
        elif field.secret is not None:
            self.client.secrets[field.key] = value
        elif value != self.state.text(field):
            self.answer(field.key, value)

    def answer(self, key: str, text: str) -> None:
        """Put an answer into a field; it is sent soon."""
        self.client.texts[key] = text
        self.here.goes_on = False
        self.run(self._send_soon, "send")
        self.show()

    async def _send_soon(self) -> None:
        await asyncio.sleep(SOON)
        field = self.field
        if field is not None and field.kind == "search" and field.key in self.client.texts:
            self.here.offered = await self.client.options(field.key, self.state.text(field))
            self.here.offered_at = 0
        if await self.client.send():
            await self._reach()
        await self._arrived()

    async def _reach(self) -> None:
        """Try what costs no log-in, if there is such a thing, and an address or account to try it with."""
        page = self.page
        if page.can_reach and page.kind != "choice" and not (page.fields and page.fields[0].is_needed):
            await self.client.check(log_in=False)

    async def go(self, where: str) -> None:
        """Send what was typed and go to a page; what is done over there already is passed over."""
        self.here.goes_on = False
        if where == "next" and self.page.is_last:
            await self.apply()
            return
        if self.page.watch is not None and not self.page.watch.stopped and not is_passed(self.page):
            await self.client.stop()
        if not await self.client.send(go=where, secrets=where == "next"):
            return
        while where == "next" and self.page.can_watch and is_passed(self.page) and not self.page.is_last:
            if not await self.client.send(go=where):
                return
        await self._arrived()

    async def apply(self) -> None:
        """Apply everything, and leave the set-up; after that of everything, say what is on."""
        is_all = self.client.setup is not None and self.client.setup.flow == "all"
        applied = await self.client.apply()
        if applied is None:
            return
        self.shell.go_back()
        if is_all:
            self.shell.push(FinishedView(self.shell, applied))
        else:
            self.tell(applied_in_words(applied))

    async def check(self, *, goes_on: bool, watch: bool = False, only_failed: bool = False) -> None:
        """Check the page with a log-in, with `watch` repeatedly, with `only_failed` for the users without success;
        `goes_on`: the next one follows if all is well."""
        self.here.goes_on = goes_on
        if await self.client.check(log_in=True, watch=watch, only_failed=only_failed):
            await self._arrived()

    def put_cursor(self, stop: str) -> None:
        """Move the cursor to a field, line or cell."""
        self.here.cursor = stop

    async def carry_out(self, command: Command) -> None:
        """Run a command of this view, here and now."""
        _, name, parameters = actions.parse(command.action)
        done = getattr(self, f"action_{name}")(*parameters)
        if isawaitable(done):
            await done

    def copy(self, text: str) -> None:
        """Copy a text to the clipboard of the terminal."""
        self.shell.copy(text)

    # Commands, by the names in the registry

    async def action_check(self) -> None:
        """Check the page, and go on if all is well; where log-ins are paused, the second time in spite of that."""
        log_ins = self.page.log_ins
        if log_ins is not None and log_ins.paused_until is not None and not self.client.secrets:
            if not self.here.insists:
                self.here.insists = True
                self.tell("Log-ins are paused. ^R again tries the same password now; that may lock the account.")
                return
            await self.client.retry_log_in()
        self.here.insists = False
        await self.check(goes_on=True)

    async def action_fix(self) -> None:
        """Let the engine mend what it found."""
        fixes, check = fixes_of(self.page), failed(self.page)
        if not fixes:
            self.tell("There is nothing that can be mended from here.")
        elif await self.client.send(fix=fixes[0].id):
            if self.kind is None or not await self.kind.mended():
                self.here.goes_on = check is not None
                await (self.client.check(log_in=True) if check is not None else self._reach())
            await self._arrived()

    def action_more(self) -> None:
        """Show or hide the fields that are seldom needed."""
        self.here.with_advanced = not self.here.with_advanced
        self.show()

    def action_steps(self) -> None:
        """Go to the steps at the left, or back."""
        self.here.rail_at = "" if self.here.rail_at else self.page.step
        self.show()

    async def action_later(self) -> None:
        """Leave the set-up; everything typed is kept."""
        if await self.client.send():
            self.shell.go_back()

    async def action_next(self) -> None:
        """Do what Enter does."""
        await self._press("enter")

    async def action_take_over(self) -> None:
        """Go on in place of the person who is at the set-up."""
        await self.client.take_over()
        await self._arrived()

    async def action_page(self, name: str) -> None:
        """Carry out a command of the kind of page that is shown."""
        if self.kind is not None:
            await self.kind.do(name)

    def action_back(self) -> None:
        """Go one step back; nothing is lost."""
        self.run(partial(self._press, "escape"), "back")

    async def _press(self, key: str) -> None:
        await self.take(key, Message().time)


def _by_function_key(command: Command) -> Command:
    """Return a command with the key that it has where letters are typed."""
    return replace(command, keys=("f1",)) if "f1" in command.keys else command
