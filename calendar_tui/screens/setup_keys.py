"""The keys of the set-up: moving among fields and lines, typing, the steps at the left."""

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from calendar_tui.documents.setup_check import running
from calendar_tui.documents.setup_page import MADE_HERE, is_mended_here, is_missing
from engine.api.schema.setup import SetupCheck, SetupField, SetupOption

if TYPE_CHECKING:
    from calendar_tui.screens.setup import SetupView

LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters and digits that cannot be taken for one another."""

PARTS, LENGTH = 3, 4

MOVES = {"tab": 1, "down": 1, "shift+tab": -1, "up": -1}


@dataclass(slots=True)
class OnScreen:
    """What is kept of the screen besides the state of the engine.

    `cursor` is the field or line that has it, `rail_at` the step that has it instead. `goes_on`: if the check passes,
    the next page follows; `led_on` is the last check that did so. `watches`: another person is being looked at.
    `insists`: ^R was pressed during a pause.
    """

    cursor: str = ""
    rail_at: str = ""
    with_advanced: bool = False
    offered: tuple[SetupOption, ...] = ()
    offered_at: int = 0
    goes_on: bool = False
    led_on: str = ""
    watches: bool = False
    insists: bool = False


class SetupKeys:
    """Handles keys, one after the other."""

    def __init__(self, view: "SetupView") -> None:
        self._view = view

    async def take(self, key: str) -> bool:
        """Handle a key by Textual's name; return whether it was used. The others edit the field with the cursor."""
        view = self._view
        if view.client.setup is None or view.kind is None:
            return await self._without_setup(key)
        if not view.is_mine:
            return await self._of_another(key)
        if view.here.rail_at:
            return await self._rail(key)
        if key.startswith("ctrl+"):
            return await self._command(key)
        if key == "enter":
            await self._enter()
        elif key == "escape":
            await self._back()
        elif (key in MOVES or view.field is None) and (target := view.kind.neighbour(key, view.stop)):
            view.here.cursor = target
        elif key in MOVES:
            self._move(MOVES[key])
        elif view.field is None:
            return await self._beside_fields(key)
        else:
            return False
        return True

    async def _without_setup(self, key: str) -> bool:
        if key == "escape":
            self._view.shell.go_back()
        return is_own(key)

    async def _of_another(self, key: str) -> bool:
        """Handle a key while somebody else is at the set-up."""
        if key == "escape":
            self._view.shell.go_back()
        elif key == "enter":
            self._view.here.watches = True
        elif key == "T":
            await self._view.action_take_over()
        return is_own(key)

    async def _command(self, key: str) -> bool:
        """Run the command of a key; return whether there is one here."""
        view = self._view
        for command in view.commands():
            if key in command.keys and command.place == view.NAME:
                await view.carry_out(command)
                return True
        return False

    async def _rail(self, key: str) -> bool:
        """Move among the steps at the left, or go to one."""
        view, here = self._view, self._view.here
        assert view.client.setup is not None  # noqa: S101 - for the type checker
        names = [step.name for step in view.client.setup.steps]
        if key in MOVES:
            here.rail_at = names[(names.index(here.rail_at) + MOVES[key]) % len(names)]
        elif key in ("escape", "ctrl+g"):
            here.rail_at = ""
        elif key == "enter" or (key.isdigit() and 0 < int(key) <= len(names)):
            chosen = here.rail_at if key == "enter" else names[int(key) - 1]
            here.rail_at = ""
            await view.go(chosen)
        return is_own(key)

    def _move(self, by: int) -> None:
        """Move to another field or line, or among the options offered below a field."""
        view, here = self._view, self._view.here
        if here.offered:
            here.offered_at = (here.offered_at + by) % len(here.offered)
        elif view.stops:
            here.cursor = view.stops[(view.stops.index(view.stop) + by) % len(view.stops)]

    async def _beside_fields(self, key: str) -> bool:
        """Handle a key on a line: a value of a choice, or a command of this kind of page."""
        view = self._view
        field = next((each for each in view.page.fields if each.key == view.stop), None)
        if field is not None and key in ("space", "left", "right"):
            self._turn(field, -1 if key == "left" else 1)
            return True
        if view.kind is not None and await view.kind.key(key, view.stop):
            return True
        return await self._command(key) or is_own(key)

    def _turn(self, field: SetupField, by: int) -> None:
        """Choose the next value of a flag or choice."""
        values = ["true", "false"] if field.kind == "flag" else [option.value for option in field.options]
        now = self._view.state.text(field) or field.placeholder
        place = values.index(now) + by if now in values else 0
        if values:
            self._view.answer(field.key, values[place % len(values)])

    async def _enter(self) -> None:
        """Take what the cursor is at, and go on to the next field, or from the last one to the next page."""
        view, here = self._view, self._view.here
        stop = view.stop
        if view.kind is not None and await view.kind.enter(stop):
            return
        if running(view.page) is not None and view.page.watch is None:
            return
        field, chosen, value = stop.partition("=")
        if chosen:
            view.answer(field, value)
        elif view.field is not None and view.field.kind == "search" and not await self._is_found(view.field):
            return
        if not await self._secret_is_sent():
            return
        following, watches_again = self._following(stop), await self._watch_again()
        if following:
            here.cursor = following
        elif not watches_again:
            await self._finish()

    async def _watch_again(self) -> bool:
        """Watch with the answers as they are now, if all are there; return whether that was not done yet."""
        view = self._view
        if not view.page.can_watch or not view.page.fields or not await view.client.send(secrets=True):
            return False
        check = view.page.check
        if is_missing(view.page) or (check is not None and check.holds):
            return False
        await view.check(goes_on=False, watch=True)
        return True

    async def _is_found(self, field: SetupField) -> bool:
        """Take the marked option of a search, or the first that fits what was typed; return whether there is one."""
        view, here = self._view, self._view.here
        typed = view.state.text(field)
        if not here.offered and field.key not in view.client.texts:
            if default := typed or field.suggestion or field.placeholder:
                view.answer(field.key, default)  # what was only a default is chosen now
            return True
        offered = here.offered or await view.client.options(field.key, typed)
        if not offered:
            view.tell(f'Nothing fits "{typed}".')
            return False
        view.answer(field.key, offered[min(here.offered_at, len(offered) - 1)].value)
        here.offered = ()
        return True

    async def _secret_is_sent(self) -> bool:
        """Send the secret in the field with the cursor, if it is one; an empty one for the App object is made."""
        view = self._view
        field, client = view.field, view.client
        if field is None or field.secret is None:
            return True
        if field.key == MADE_HERE and not field.secret.is_known and not client.secrets.get(field.key):
            client.own_password = client.secrets[field.key] = app_password()
        return await client.send(secrets=True)

    def _following(self, stop: str) -> str:
        """Return what comes after a field, or after all options of a choice."""
        group = stop.partition("=")[0]
        later = view_stops[view_stops.index(stop) + 1 :] if stop in (view_stops := self._view.stops) else ()
        return next((each for each in later if each.partition("=")[0] != group), "")

    async def _finish(self) -> None:
        """Go to the next page, after a check if there is one that has not passed yet."""
        view = self._view
        check = view.page.check
        if not await view.client.send(secrets=True):
            return
        missing = next((each for each in view.page.fields if each.is_needed), None)
        if missing is not None:
            view.here.cursor = missing.key
            view.tell(f"{missing.label} is missing.")
        elif self._leads_on(check):
            found = [each.page for each in (check, view.page.reach) if each is not None and each.holds and each.page]
            await view.go(next(iter(found), "next"))
        else:
            await view.check(goes_on=True, watch=view.page.can_watch)

    def _leads_on(self, check: SetupCheck | None) -> bool:
        """Return whether Enter leads to the next page without a check: there is none, it was made, or it can only
        succeed when something was done over there, as the next page says."""
        view = self._view
        page = view.page
        if not page.can_check or (page.can_watch and (not page.fields or page.watch is not None)):
            return True
        if check is not None and check.holds and check.operation.state != "running":
            return check.passed or (bool(view.following) and not is_mended_here(page))
        return bool(view.following and page.step == "pbx" and view.client.own_password)

    async def _back(self) -> None:
        """Go one step back: out of a list, a check, the fields seldom needed, the page, the set-up."""
        view, here = self._view, self._view.here
        page = view.page
        here.goes_on = False
        if view.kind is not None and await view.kind.back():
            return
        if here.offered:
            here.offered = ()
        elif page.check is not None and page.check.operation.state == "running" and page.watch is None:
            await view.client.stop()
        elif here.with_advanced:
            here.with_advanced = False
        elif view.is_first:
            await view.action_later()
        else:
            await view.go("back")


def is_own(key: str) -> bool:
    """Return whether a key is none of those that every view has."""
    return not key.startswith("ctrl+") and key != "f1"


def app_password() -> str:
    """Return a new password for the App object in the PBX, made where it is shown: it never comes out of the engine.

    Three groups of four letters, 14 characters (the PBX takes 15), about 69 bits.
    """
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(LENGTH)) for _ in range(PARTS))
