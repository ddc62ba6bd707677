"""The overview, the view of one problem, and that of the errors of the last hour."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from calendar_tui.commands.command import Command
from calendar_tui.documents import overview
from calendar_tui.documents.log_filter import conditions_of_problem, conditions_of_user
from calendar_tui.documents.problem import affected, commands, problem_document, whom_and_since
from calendar_tui.documents.setup_entry import FLOW_OF
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.private_files import write_here
from calendar_tui.screens.view import Shell, View, path
from engine.api.errors import ClientFailure
from engine.api.resources.setup import SetupRequests
from engine.api.schema import Concern, ResyncQuestion
from engine.api.schema.checks import RungAccount
from engine.api.schema.setup import Setup, SetupEvent
from engine.display import counted
from engine.documents.lines import Document, Line, line
from engine.documents.problems import PROBLEM
from engine.documents.status import USER

NOTHING_TO_COPY = "There is no command for this problem."

LOOK = 10.0
"""Seconds after which the machine is looked at again, if something was wrong with it."""

MOST_NODES, MOST_NODES_WIDE = 4, 8
"""Rows for the nodes of a cluster, in 24 rows and in more."""

NOTHING_SET_UP = "Nothing is set up yet: choose below how to begin."


@dataclass(frozen=True, slots=True)
class StateRow(Row):
    """The second row of the overview: the state of the first connection."""

    make: Callable[[int], Line] = lambda _: Line()

    def line(self, width: int) -> Line:
        """Return the row in `width` columns."""
        return self.make(width)


async def look_again(view: View, concern: Concern | None) -> None:
    """Have the mailboxes of all users with a problem looked up and read again."""
    rows = affected(view.model, concern) if concern else []
    if not rows:
        view.tell("The engine tries again by itself; Enter shows when.")
        return
    question = ResyncQuestion(users=tuple(row.guid for row in rows))
    await view.start_operation(lambda engine: engine.begin("reresolve", question))


def mend(view: View, concern: Concern | None) -> None:
    """Open the part of the set-up in which a problem is mended."""
    flow = FLOW_OF.get(concern.trouble.type) if concern is not None else None
    if flow is None:
        view.tell("No answer of the set-up mends this; the remedy says what does.")
    else:
        view.shell.set_up(flow)


class ProblemView(View):
    """Shows one problem: its cause, who can solve it and how, whom it concerns, and whether it is solved."""

    NAME = "problem"

    def __init__(self, shell: Shell, slug: str) -> None:
        super().__init__(shell)
        self._slug = slug

    @property
    def _concern(self) -> Concern | None:
        return self.model.concern(self._slug)

    def row(self) -> Row:
        """Return the path, whom the problem concerns and since when."""
        concern = self._concern
        title = concern.trouble.title if concern else "Problem"
        return path("Overview", title, right=whom_and_since(self.model, concern) if concern else "solved")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return everything about the problem."""
        return Sheet(problem_document(self.model, self._concern, width), title="Problem")

    def chosen(self, key: str) -> None:
        """Open the user."""
        self.shell.open_user(key)

    def action_entries(self) -> None:
        """Show the log entries of the problem."""
        concern = self._concern
        self.shell.open_log(*(conditions_of_problem(concern, self.model.users.rows) if concern else ("is:error",)))

    def action_copy(self) -> None:
        """Copy the commands to the clipboard of the terminal."""
        found = commands(self.model, self._concern) if self._concern else ()
        if found:
            self.shell.copy("\n".join(found) + "\n")
            self.tell(f"{counted(len(found), 'line')} copied, if the terminal allows it (OSC 52); w writes a file.")
        else:
            self.tell(NOTHING_TO_COPY)

    async def action_save(self) -> None:
        """Write the commands to a file that only this account can read."""
        found = commands(self.model, self._concern) if self._concern else ()
        name = f"calendar-{self._slug}.ps1"
        self.tell(await write_here(name, ("\n".join(found) + "\n").encode()) if found else NOTHING_TO_COPY)

    def action_mend(self) -> None:
        """Open the part of the set-up in which this is mended."""
        mend(self, self._concern)

    async def action_again(self) -> None:
        """Have the mailboxes looked up and read again now."""
        await look_again(self, self._concern)


class OverviewView(View):
    """Shows the state of the engine; Enter on a problem or a change leads to what is known about it."""

    NAME = "overview"
    TAB = NAME
    PANE = True

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._machine: tuple[RungAccount, ...] = ()
        self._draft: Setup | None = None
        self._looked: SetupEvent | Literal["never"] | None = "never"

    def ask(self) -> None:
        """Look at the machine and at a set-up that somebody has begun, if nothing is set up."""
        if not self.is_set_up:
            self._looked = self.model.setup
            self.run(self._look, "look")

    def shown(self) -> None:
        """Look again: a set-up may have begun meanwhile."""
        self._looked = "never"

    def hidden(self) -> None:
        """Stop looking."""
        self.end("look")

    async def _look(self) -> None:
        """Look again every few seconds while something is wrong with the machine: it is mended elsewhere."""
        while (api := self.shell.session.api) is not None:
            requests = SetupRequests(api)
            try:
                self._draft = await requests.under_way()
                self._machine = (await requests.machine()).rungs
            except ClientFailure as failure:
                self.tell_failure(failure)
                return
            self.show()
            if all(each.outcome != "failed" for each in self._machine):
                return
            await asyncio.sleep(LOOK)

    @property
    def is_set_up(self) -> bool:
        """Whether there is anything to look over yet."""
        return self.model.status is None or self.model.status.state != "not set up"

    def hindrance(self, command: Command) -> str:
        """Return why a command cannot be run: before the set-up there is nothing to look over."""
        return NOTHING_SET_UP if command.place == self.NAME and not self.is_set_up else super().hindrance(command)

    def row(self) -> Row:
        """Return the state of the first connection, with the number of users."""
        return StateRow(make=lambda width: overview.states(self.model, width)[0]) if self.is_set_up else Row()

    def above(self, width: int) -> Document:
        """Return the states of the other connections, and of the nodes where several engines share the users."""
        if not self.is_set_up:
            return Document()
        most = MOST_NODES_WIDE if self.shell.is_wide else MOST_NODES
        nodes = overview.nodes(self.model, width, most)
        return Document([*overview.states(self.model, width)[1:], *nodes, line()])

    def sheet(self, width: int, height: int) -> Sheet:
        """Return problems and changes, in the wide layout the problems alone; or what to do before the first start."""
        if not self.is_set_up:
            if self._looked is not self.model.setup:
                self.ask()
            return Sheet(overview.first_start(self.model, self._machine, self._draft, width), title="Welcome")
        if not self.shell.is_wide:
            return Sheet(overview.overview(self.model, width, height, self.place.key))
        number = sum(self.model.last_hour.errors(self.model.now))
        problems = len(self.model.status.concerns) if self.model.status else 0
        return Sheet(
            Document(overview.problems(self.model, width, height, self.place.key)),
            title=f"Problems {problems:,}{overview.as_of(self.model)}",
            place=f"E {counted(number, 'error')} in the last hour" if number else "no errors in the last hour",
        )

    def pane(self, width: int, height: int) -> Sheet:
        """Return the last changes."""
        number = sum(self.model.last_hour.changes(self.model.now))
        lines = overview.changes(self.model, width, height, self.pane_place.key)
        return Sheet(Document(lines), title=overview.changes_title(self.model), order=f"{number:,} in the last hour")

    def action_entries(self) -> None:
        """Show the log entries of the problem or user under the cursor."""
        concern, rows = self._concern, self.model.users.rows
        row = rows.get(self.shell.main.cursor_key.removeprefix(USER).split(":")[0])
        if concern is not None:
            self.shell.open_log(*conditions_of_problem(concern, rows))
        else:
            self.shell.open_log(*(conditions_of_user(row) if row else ()))

    def action_nodes(self) -> None:
        """Show the engines that share the users."""
        from calendar_tui.screens.nodes import NodesView  # most engines work alone

        self.shell.push(NodesView(self.shell))

    def action_errors(self) -> None:
        """List the errors of the last hour."""
        self.shell.push(ErrorsView(self.shell))

    async def action_read_again(self) -> None:
        """Have all calendars read again."""
        await self.start_operation(lambda engine: engine.begin("resync", ResyncQuestion()))

    def action_mend(self) -> None:
        """Open the part of the set-up in which the problem under the cursor is mended."""
        mend(self, self._concern)

    async def action_again(self) -> None:
        """Have the mailboxes of the problem under the cursor looked up and read again."""
        await look_again(self, self._concern)

    def chosen(self, key: str) -> None:
        """Open what the line is about, or begin with the set-up."""
        if key.startswith(USER):
            self.shell.open_user(key.split(":")[1])
        elif key.startswith(PROBLEM):
            self.shell.push(ProblemView(self.shell, key.removeprefix(PROBLEM)))
        elif key in overview.ENTRIES:
            self._begin(key)

    def _begin(self, entry: str) -> None:
        """Do what an entry of the first start says."""
        if entry == overview.SET_UP:
            self.shell.set_up("all")
        else:
            self.tell(overview.BY_COMMAND[entry])

    @property
    def _concern(self) -> Concern | None:
        key = self.shell.main.cursor_key
        return self.model.concern(key.removeprefix(PROBLEM)) if key.startswith(PROBLEM) else None


class ErrorsView(View):
    """Lists the errors of the last hour; Enter leads to the user."""

    NAME = "errors"

    def row(self) -> Row:
        """Return the path and the number of errors."""
        known, all_ = len(self.model.errors_of_last_hour), sum(self.model.last_hour.errors(self.model.now))
        number = counted(all_, "error") if known >= all_ else f"the newest {known:,} of {counted(all_, 'error')}"
        return path("Overview", "Errors of the last hour", right=number)

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the errors."""
        return Sheet(overview.errors(self.model, width), title="Errors")

    def chosen(self, key: str) -> None:
        """Open the user."""
        self.shell.open_user(key.split(":")[1])

    def action_entries(self) -> None:
        """Show the errors in the debug log."""
        self.shell.open_log("is:error")
