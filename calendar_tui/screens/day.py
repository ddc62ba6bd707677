"""Everybody's day hour by hour; its lines come from calendar_tui.documents.days."""

from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from calendar_tui.documents.days import DayLines
from calendar_tui.documents.sheet import Sheet
from calendar_tui.documents.users import order_and_place
from calendar_tui.screens.users import UserListView
from calendar_tui.screens.view import Shell
from engine.api.errors import ClientFailure
from engine.api.resources.engine import EngineRequests
from engine.api.schema.days import MOST_DAYS, DaysQuestion, UserDay
from engine.documents.day import FIRST_HOUR, chart_heads, day_named, hours_that_fit, legend, scrolled
from engine.documents.lines import Document, Line, Role, Span, line

HOURS = 24
BEFORE_NOW = 2
"""Hours of the past in sight where the usual hours are over."""


class DayView(UserListView):
    """All users and the hours of a day: only those in sight are requested, and again when their row has changed."""

    NAME = "day"
    TAB = NAME

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._day: date | None = None
        self._hour: int | None = None
        self._fitting = HOURS
        self._rows = 1
        self._is_compact = False
        self._days: dict[str, UserDay] = {}
        self._is_loading = False
        self._failure = ""

    @property
    def day(self) -> date:
        """The day that is shown."""
        return self._day or self.model.now.astimezone(self.model.zone).date()

    def summary(self) -> tuple[Span, ...]:
        """Return the number of users with the filters, and the day."""
        would = " · would show" if self.model.status is not None and self.model.status.dry_run else ""
        counted, *filters = super().summary()
        return (counted, Span(f" · {day_named(self.day)}"), Span(would, Role.NOTICE), *filters)

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the chart of all users."""
        zone, now = self.model.zone, self.model.now
        self._fitting = min(HOURS, hours_that_fit(width))
        begins = datetime.combine(self.day, time(), zone).astimezone(UTC)
        scale = scrolled(begins, zone, self._first_hour(), width)
        self._load_what_is_in_sight()
        heads = chart_heads(scale, now, zone)
        self._rows = max(1, height - len(heads) - 2)
        return Sheet(
            self.nobody(width) or DayLines(self.model, self.users, self._days, scale, compact=self._is_compact),
            heads=Document(heads),
            foot=Document([self._more(), line(Span(f" {self._failure}", Role.PROBLEM)) if self._failure else legend()]),
            title=day_named(self.day),
            order=order_and_place(self.wanted, range(0), 0),
            place=f"{self.seen.start + 1:,}–{self.seen.stop:,} of {len(self.users):,}",
            tells_more=False,
            unit=self._rows_each,
        )

    @property
    def seen(self) -> range:
        """The users in sight."""
        top = self.shell.main.top // self._rows_each
        return range(top, min(len(self.users), top + self._rows // self._rows_each))

    @property
    def _rows_each(self) -> int:
        """How many rows a user takes."""
        return 1 if self._is_compact else 2

    def _more(self) -> Line:
        below = len(self.users) - self.seen.stop
        return line(Span(f" … {below:,} more ↓" if below > 0 else "", Role.MUTED))

    def ask(self) -> None:
        """Request everything again."""
        self._days.clear()

    def action_hours(self, by: int) -> None:
        """Scroll sideways."""
        self._hour = max(0, min(self._first_hour() + by, HOURS - self._fitting))
        self.show()

    def action_days(self, by: int) -> None:
        """Show another day."""
        self._day = self.day + timedelta(days=by)
        self._days.clear()
        self.show()

    def action_now(self) -> None:
        """Show the present: today, and the hours around now."""
        self._day = self._hour = None
        self._days.clear()
        self.show()

    def action_compact(self) -> None:
        """Show the presences alone, one row for each user, or the calendars too."""
        self._is_compact = not self._is_compact
        self.show()

    def action_list(self) -> None:
        """Show the same users as a list."""
        self.shell.open_view("users")

    def _first_hour(self) -> int:
        """Return the first hour in sight: the one scrolled to, or else one with which the present is in sight."""
        last = HOURS - self._fitting
        now = self.model.now.astimezone(self.model.zone)
        hour = FIRST_HOUR if self._hour is None else self._hour
        if self._hour is None and now.date() == self.day and not hour <= now.hour < hour + self._fitting:
            hour = now.hour if now.hour < hour else now.hour - self._fitting + BEFORE_NOW
        return max(0, min(hour, last))

    def _load_what_is_in_sight(self) -> None:
        rows = self.model.users.rows
        guids = self.users.guids[self.seen.start : self.seen.stop + 1][:MOST_DAYS]
        old = [guid for guid in guids if guid not in self._days or self._days[guid].user != rows.get(guid)]
        if old and not self._is_loading:
            self.run(partial(self._load, self.day, tuple(old)), "days")

    async def _load(self, day: date, guids: tuple[str, ...]) -> None:
        """Request the days of some users; those in sight that have changed meanwhile are next."""
        self._is_loading = True  # not before: a task that is cancelled before it begins would leave it set
        try:
            api = self.shell.session.api
            if api is None:
                return
            page = await EngineRequests(api).days(DaysQuestion(date=day, users=",".join(guids)))
            if page.date == self.day:
                self._days |= {each.user.guid: each for each in page.days}
            self._failure = ""
        except ClientFailure as failure:
            self._failure = f"{failure}. {failure.remedy}"
        finally:
            self._is_loading = False
        self.show()
