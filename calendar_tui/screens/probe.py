"""The view of a check of a connection, whose steps appear as they are done."""

import asyncio

from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.screens.view import Shell, View, path, remark
from engine.api.errors import ClientFailure
from engine.api.resources.checks import CheckRequests
from engine.api.schema.checks import CheckSide, Probe, ProbeQuestion
from engine.documents.lines import Document, Line, Role, Span, line
from engine.documents.problems import step_lines

LOOK = 0.3
"""Seconds between two looks at a check that runs."""

SIDES = {"pbx": "PBX", "exchange": "Exchange", "machine": "this machine"}


class ProbeView(View):
    """Checks a connection step by step, with the settings in force."""

    NAME = "probe"

    def __init__(self, shell: Shell, side: CheckSide) -> None:
        super().__init__(shell)
        self._side = side
        self._probe: Probe | None = None
        self._said = "Asking the engine ..."

    def row(self) -> Row:
        """Return the path, and how far it has come."""
        done = f"{len(self._probe.rungs)} of {len(self._probe.names)}" if self._probe is not None else ""
        return path(f"Check {SIDES[self._side]}", right=done)

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the steps that are done, and the names of the others."""
        if self._probe is None:
            return Sheet(remark(self._said, width))
        lines: list[Line] = []
        for rung in self._probe.rungs:
            lines += step_lines(rung, width)
        if self._probe.operation.state == "running":
            lines += [line(Span(f" · {name}", Role.MUTED)) for name in self._probe.names[len(self._probe.rungs) :]]
        return Sheet(Document(lines))

    def ask(self) -> None:
        """Begin the check, unless it has begun."""
        if self._probe is None:
            self.run(self._follow, "follow")

    def action_again(self) -> None:
        """Begin the check again."""
        self._probe = None
        self.ask()

    async def _follow(self) -> None:
        api = self.shell.session.api
        if api is None:
            return
        checks = CheckRequests(api)
        try:
            operation = await checks.begin_probe(self._side, ProbeQuestion())
            while self._probe is None or self._probe.operation.state == "running":
                self._probe = await checks.probe(operation.id)
                self.show()
                await asyncio.sleep(LOOK)
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
            self.show()
