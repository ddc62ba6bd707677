"""The set-up as a dialogue at a terminal: each page lists its fields by number, and asks only for what is missing."""

import getpass
from collections.abc import Callable, Iterable
from typing import Literal, Protocol

from msgspec.structs import replace

from engine.api.errors import RequestRefused
from engine.api.schema.cloud import CloudCertificates
from engine.api.schema.setup import (
    Setup,
    SetupAnswers,
    SetupApplied,
    SetupBeginning,
    SetupField,
    SetupOption,
    SetupOptions,
    SetupOptionsQuestion,
)
from engine.api.schema.setup_users import SetupSelection
from engine.cli.cloud import show_certificates
from engine.cli.exit_codes import FAILED, WELL
from engine.cli.output import remark, say
from engine.cli.setup_words import (
    field_lines,
    fix_lines,
    heading,
    missing_lines,
    option_lines,
    review_lines,
    say_wrapped,
    task_lines,
    users_lines,
)
from engine.daemon.signals import interruptible
from engine.documents.setup_fixes import fixes_offered

HOW = (
    "Everywhere: ? explains, < goes back, : lists the steps, :4 goes to step 4, - removes an answer, Enter keeps the "
    "value in brackets. Ctrl+C ends the dialogue; everything typed is kept."
)
CERTIFICATE_OFFERED = "Let the engine make a certificate, instead of a client secret?"
MODES: dict[Literal["everybody", "only", "except"], SetupOption] = {
    "everybody": SetupOption(value="everybody", label="Everybody"),
    "only": SetupOption(value="only", label="Only those in some groups, nodes, locations or templates"),
    "except": SetupOption(value="except", label="Everybody but those"),
}


class SetupSteps(Protocol):
    """The set-up of one engine, as the dialogue uses it."""

    async def under_way(self) -> Setup | None: ...  # noqa: D102
    async def begin(self, question: SetupBeginning) -> Setup: ...  # noqa: D102
    async def take_over(self) -> Setup: ...  # noqa: D102
    async def answer(self, answers: SetupAnswers) -> Setup: ...  # noqa: D102
    async def options(self, question: SetupOptionsQuestion) -> SetupOptions: ...  # noqa: D102
    async def make_certificate(self) -> CloudCertificates: ...  # noqa: D102
    async def check(self) -> Setup: ...  # noqa: D102
    async def reach(self) -> Setup: ...  # noqa: D102
    async def apply(self) -> SetupApplied: ...  # noqa: D102


class GoTo(Exception):
    """Raised if somebody wants another page: `back`, or a step."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.target = target


class SetupPrompts:
    """Asks questions with `ask`, and for secrets with `ask_hidden`; prints to standard output."""

    def __init__(
        self, setup: SetupSteps, ask: Callable[[str], str] = input, ask_hidden: Callable[[str], str] = getpass.getpass
    ) -> None:
        self._setup = setup
        self._ask = interruptible(ask)
        self._ask_hidden = interruptible(ask_hidden)
        self._explained: set[tuple[str, str]] = set()
        self._state: Setup | None = None

    async def run(self, question: SetupBeginning) -> int:
        """Ask until everything is applied, or the input ends."""
        try:
            state = await self._begun(question)
            say_wrapped(HOW)
            while True:
                self._state = state
                try:
                    following = await self._page(state)
                except GoTo as wish:
                    following = await self._setup.answer(SetupAnswers(go=wish.target))
                if following is None:
                    return WELL
                state = following
        except (EOFError, KeyboardInterrupt):
            remark()
            remark("Your answers are kept: calendar-engine setup continues with them.")
            return FAILED

    async def _begun(self, question: SetupBeginning) -> Setup:
        state = await self._setup.under_way()
        if state is None:
            return await self._setup.begin(question)
        here = next(each for each in state.steps if each.name == state.page.step)
        where = f"step {here.number} of {len(state.steps)}, by {state.person.name}"
        say_wrapped(f"A set-up is under way: {state.title}, {where}.")
        is_anothers = state.person.is_present and not state.person.is_you
        if self._agrees("Take over?" if is_anothers else "Continue it?"):
            return await self._setup.take_over()
        if is_anothers:
            raise EOFError
        return await self._setup.begin(SetupBeginning(flow=question.flow, over=True, where=question.where))

    async def _page(self, state: Setup) -> Setup | None:
        """Carry out one page and return the state afterwards, None after the last."""
        page = state.page
        say()
        say_wrapped(heading(state))
        if (page.step, page.name) not in self._explained:
            self._explained.add((page.step, page.name))
            for text in task_lines(page):
                say_wrapped(text, "  ")
        if page.kind == "users":
            state = await self._choose_users(state)
        state = await self._ask_missing(state)
        while True:
            state = await self._looked_into(state)
            for text in (*field_lines(state.page), *fix_lines(fixes_offered(state.page))):
                say_wrapped(text, "  ")
            typed = self._typed(self._menu(state), tuple(task_lines(state.page)))
            if not typed:
                break
            state = await self._change(state, typed)
        if state.page.can_check and state.page.kind not in ("learn", "preview") and not missing_lines(state.page):
            try:
                state = await self._checked(state)
            except RequestRefused as refusal:
                for text in (f"✗ This cannot be checked yet: {refusal.detail}", *refusal.parts):
                    say_wrapped(text, "  ")
                return await self._setup.answer(SetupAnswers())
            if state.page.check is not None and not state.page.check.passed:
                return state
        if state.page.is_last:
            return await self._review(state)
        return await self._setup.answer(SetupAnswers(go="next"))

    async def _looked_into(self, state: Setup) -> Setup:
        """Look for what the program can do about an answer that is wrong by itself, which costs no log-in."""
        page = state.page
        is_known = page.reach is not None and page.reach.holds
        is_wrong = any(each.problem is not None and not each.is_needed for each in page.fields)
        return await self._setup.reach() if page.can_reach and is_wrong and not is_known else state

    def _menu(self, state: Setup) -> str:
        last = len(state.page.fields)
        numbers = f", {'1' if last == 1 else f'1-{last}'} changes a field" if last else ""
        fixes = fixes_offered(state.page)
        offered = f", f {fixes[0].label}" if fixes else ""
        checks = "checks and goes on, s goes on without" if state.page.can_check else "goes on"
        return f"Enter {checks}{numbers}{offered}: "

    async def _change(self, state: Setup, typed: str) -> Setup:
        """Do what was typed at the menu of a page."""
        fixes = fixes_offered(state.page)
        if typed == "s":
            raise GoTo("next")
        if fixes and (typed == "f" or (typed[:1] == "f" and typed[1:].isdecimal())):
            number = int(typed[1:] or 1)
            return await self._setup.answer(SetupAnswers(fix=fixes[min(max(number, 1), len(fixes)) - 1].id))
        fields = state.page.fields
        chosen = [each for each in fields if typed in (each.key, each.key.rpartition(".")[2])]
        if typed.isdecimal() and 0 < int(typed) <= len(fields):
            chosen = [fields[int(typed) - 1]]
        if len(chosen) != 1:
            say_wrapped(f"{typed} is none of these.")
            return state
        return await self._ask_field(chosen[0])

    async def _ask_missing(self, state: Setup) -> Setup:
        """Ask for every field that needs an answer, and for every choice of a page that consists of choices."""
        asked: set[str] = set()
        while True:
            is_choice = state.page.kind == "choice"
            missing = [each for each in state.page.fields if (each.is_needed or is_choice) and each.key not in asked]
            if not missing:
                return state
            asked.add(missing[0].key)
            state = await self._ask_field(missing[0])

    async def _ask_field(self, field: SetupField) -> Setup:
        """Ask for one field, and send the answer."""
        if field.kind == "secret":
            return await self._ask_secret(field)
        for text in option_lines(field.options if field.kind == "choice" else ()):
            say_wrapped(text, "  ")
        offered = field.text or field.suggestion
        prompt = f"{field.label} ({field.key}) [{offered or field.placeholder}]: "
        typed = self._typed(prompt, (field.help,))
        if typed == "-":
            return await self._setup.answer(SetupAnswers(texts={field.key: ""}))
        if field.kind == "search" and typed:
            typed = await self._found(field, typed)
        if field.kind == "choice" and typed.isdecimal() and 0 < int(typed) <= len(field.options):
            typed = field.options[int(typed) - 1].value
        text = typed or field.suggestion or (field.placeholder if field.kind == "search" else "")
        return await self._setup.answer(SetupAnswers(texts={field.key: text} if text else {}))

    async def _found(self, field: SetupField, typed: str) -> str:
        """Return the only option that fits what was typed, or the one that is chosen among several."""
        found = await self._setup.options(SetupOptionsQuestion(key=field.key, search=typed, limit=10))
        exact = [each.value for each in found.options if each.value.casefold() == typed.casefold()]
        if exact or len(found.options) < 2:
            return next(iter((*exact, *(each.value for each in found.options))), typed)
        for text in option_lines(found.options):
            say_wrapped(text, "  ")
        chosen = self._typed(f"Which one, 1-{len(found.options)}: ", (field.help,))
        if chosen.isdecimal() and 0 < int(chosen) <= len(found.options):
            return found.options[int(chosen) - 1].value
        return await self._found(field, chosen) if chosen else typed

    async def _ask_secret(self, field: SetupField) -> Setup:
        known = field.secret is not None and field.secret.is_known
        if field.key == "exchange.client_secret" and not known and self._agrees(CERTIFICATE_OFFERED):
            show_certificates(await self._setup.make_certificate())
            self._ask("Enter once it is uploaded: ")
            return await self._setup.answer(SetupAnswers())
        while True:
            typed = self._ask_hidden(f"{field.label} ({field.key}, not shown){' [stored]' if known else ''}: ")
            if typed == "<":
                raise GoTo("back")
            if typed != "?":
                return await self._setup.answer(SetupAnswers(secrets={field.key: typed} if typed else {}))
            say_wrapped(field.help, "  ")

    async def _choose_users(self, state: Setup) -> Setup:
        users = state.page.users
        if users is None:
            return state
        for text in (*users_lines(users), *option_lines(tuple(MODES.values()))):
            say_wrapped(text, "  ")
        typed = self._typed(f"Who takes part [{users.selection.mode}]: ", ("Choose by number.",))
        modes = tuple(MODES)
        if not typed.isdecimal() or not 0 < int(typed) <= len(modes):
            return state
        selection = SetupSelection(mode=modes[int(typed) - 1])
        if selection.mode != "everybody":
            selection = replace(
                selection,
                groups=self._ticked("groups", state),
                nodes=self._ticked("nodes", state),
                locations=self._ticked("locations", state),
                templates=self._ticked("templates", state),
            )
        state = await self._setup.answer(SetupAnswers(selection=selection))
        for text in users_lines(state.page.users) if state.page.users is not None else ():
            say_wrapped(text, "  ")
        return state

    def _ticked(self, name: str, state: Setup) -> tuple[str, ...]:
        rows = getattr(state.page.users, name)
        if not rows:
            return ()
        words = ", ".join(f"{row.name} {row.count}" for row in rows)
        typed = self._typed(f"{name.capitalize()} ({words}): ", ("Names, separated by commas.",))
        return tuple(part.strip() for part in typed.split(",") if part.strip())

    async def _checked(self, state: Setup) -> Setup:
        """Check a page; if it fails, ask again for the field that is wrong."""
        state = await self._setup.check()
        check = state.page.check
        if check is None or check.passed:
            return state
        return await self._setup.answer(SetupAnswers(go=check.page)) if check.page else state

    async def _review(self, state: Setup) -> Setup | None:
        if not state.ready:
            for problem in state.problems:
                say_wrapped(f"! {problem.key} {problem.reason}. {problem.remedy}")
            first = next((step.name for step in state.steps if step.problems), state.page.step)
            return await self._setup.answer(SetupAnswers(go=first))
        for text in review_lines(state):
            say_wrapped(text, "  ")
        if not self._agrees("Apply these changes?"):
            return await self._setup.answer(SetupAnswers(go="back"))
        await self._setup.apply()
        say("The set-up is applied.")
        return None

    def _typed(self, prompt: str, explanation: Iterable[str]) -> str:
        """Return what is typed. Raises `GoTo`."""
        while True:
            typed = self._ask(prompt).strip()
            if typed == "<":
                raise GoTo("back")
            if typed.startswith(":"):
                self._go(typed[1:].strip())
            elif typed == "?":
                for text in explanation:
                    say_wrapped(text, "  ")
            else:
                return typed

    def _go(self, wanted: str) -> None:
        """Go to a step by number or name, or list all. Raises `GoTo`."""
        steps = self._state.steps if self._state is not None else ()
        for step in steps:
            if wanted.casefold() in (str(step.number), step.name, step.title.casefold()):
                raise GoTo(step.name)
        marks = {"done": "✓", "failed": "✗", "changed": "·", "open": "·"}
        for step in steps:
            say(f"  {marks[step.state]} {step.number} {step.title}")

    def _agrees(self, question: str) -> bool:
        return self._ask(f"{question} [Y/n] ").strip().casefold() not in ("n", "no")
