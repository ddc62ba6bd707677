"""The view of the figures of the debug log: a chart over time, errors and operations."""

from datetime import datetime
from functools import partial

from calendar_tui.documents.log_figures import COLUMN, Chart, chart_columns, figures_document, title
from calendar_tui.documents.log_filter import FilterConditions
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.screens.log_base import ERROR, LogBaseView
from calendar_tui.screens.view import Shell, View, path, remark
from engine.api.errors import ClientFailure
from engine.api.schema.log import LogDiagnosis, LogHistogramQuestion, LogStatistics
from engine.documents.lines import Role, Span


class FiguresView(View):
    """Shows how many of the entries that match the conditions of `log` ended when, and why; a line or a column of the
    chart leads to its entries."""

    NAME = "statistics"
    ENTER = "these"

    def __init__(self, shell: Shell, log: LogBaseView) -> None:
        super().__init__(shell)
        self._log = log
        self._conditions = log.conditions
        self._chart: Chart | None = None
        self._found: tuple[LogStatistics, LogDiagnosis] | None = None
        self._said = "… asking the engine"
        self._columns = 0

    def row(self) -> Row:
        """Return the path, how many entries there are, and how long a column is."""
        said, right = title(self._chart, self.model.zone)
        words = self._conditions.filter
        left = (*path("Log", "Figures").left, Span(f"   {said}"), Span(f"   {words}" if words else "", Role.CHIP))
        return Row(left, right)

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the figures."""
        columns = chart_columns(width)
        if columns != self._columns:
            self._columns = columns
            self._ask_again(None)
        if self._chart is None:
            return Sheet(remark(self._said, width))
        return Sheet(figures_document(self._chart, self._found, self.model.zone, width))

    def chosen(self, key: str) -> None:
        """Open the log narrowed to the entries of the line, or of the chosen column."""
        from calendar_tui.screens.log import LogView

        conditions = self._conditions
        texts = self._chart.conditions if key == COLUMN and self._chart is not None else tuple(key.split(" "))
        for text in texts:
            conditions = conditions.with_one(text)
        log = LogView(self.shell)
        log.hides_quiet = False
        log.apply(conditions)
        self.shell.push(log)

    def action_column(self, step: int) -> None:
        """Choose the next or previous column of the chart; at its edge, move on."""
        chart = self._chart
        moved = chart.moved(step) if chart is not None else None
        if moved is not None:
            self._chart = moved
            self.show()
        elif chart is not None and (question := chart.beyond(step, self._columns)) is not None:
            self._draw(question, chart.begin + step * (chart.end - chart.begin))

    def action_zoom(self, step: int) -> None:
        """Show shorter columns around the chosen one, or longer ones if `step` is -1."""
        chart = self._chart
        if chart is not None and (question := chart.zoomed(step, self._columns)) is not None:
            self._draw(question, chart.begin + (chart.end - chart.begin) / 2)

    def action_errors(self) -> None:
        """Count only errors, or all."""
        texts = [each.text for each in self._conditions.all]
        toggled = ERROR in texts
        self._narrow(self._conditions.without(texts.index(ERROR)) if toggled else self._conditions.with_one(ERROR))

    def action_drop_all(self) -> None:
        """Count all entries."""
        self._narrow(self._conditions.none())

    def _narrow(self, conditions: FilterConditions) -> None:
        self._conditions = conditions
        self._chart = self._found = None
        self._ask_again(None)
        self.show()

    def ask(self) -> None:
        """Request the figures, unless they are there: Esc leads back to the same column and row."""
        if self._columns and self._chart is None:
            self._ask_again(None)

    def _ask_again(self, at: datetime | None) -> None:
        self._draw(LogHistogramQuestion(filter=self._conditions.filter, columns=self._columns), at)
        self.run(self._count, "count")

    def _draw(self, question: LogHistogramQuestion, at: datetime | None) -> None:
        self.run(partial(self._ask_for, question, at), "chart")

    async def _ask_for(self, question: LogHistogramQuestion, at: datetime | None) -> None:
        """Request the chart, and choose the column of an instant."""
        log = self._log.api
        if log is None:
            return
        try:
            self._chart = Chart.of(await log.histogram(question), question.filter, at)
        except ClientFailure as failure:
            self._fail(failure)
        self.show()

    async def _count(self) -> None:
        """Request errors and operations."""
        log, words = self._log.api, self._conditions.filter
        if log is None:
            return
        try:
            self._found = (await log.statistics(words), await log.diagnosis(words))
        except ClientFailure as failure:
            self._fail(failure)
        self.show()

    def _fail(self, failure: ClientFailure) -> None:
        self._said = f"{failure}. {failure.remedy}"
        self.tell(self._said)
