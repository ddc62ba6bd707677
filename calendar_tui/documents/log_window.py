"""The part of a log in memory: a few pages around the visible part, however long the log is.

Pages are requested by cursors, never by counts, so a log of a million entries opens as fast as an empty one.
"""

from bisect import bisect_left

from engine.api.schema.log import LogPage, LogQuestion, LogRow

PAGE = 100
"""Number of rows per request."""

COUNTED = 1000
"""Number of rows per request for counting."""

MOST = 6 * PAGE
"""Number of rows kept."""

MARGIN = 60
"""Distance in rows from an end of the window at which the next page is requested."""


class LogWindow:
    """The rows in memory that match `filter`, the oldest first, and the requests for more of them.

    By default it is `following`, which shows the newest entry. Or it starts at the entry `around`, and entries newer
    than the id `newest` are only counted as `new`.
    """

    def __init__(self, filter: str = "", around: int | None = None, newest: int = 0) -> None:  # noqa: A002 - as in the API
        self.filter = filter
        self.rows: list[LogRow] = []
        self.following = around is None
        self.new = 0
        self.newest = newest
        self._older = around
        self._newer = None if around is None else around - 1
        self._counted = newest
        self._reached = False

    def position(self, id: int) -> int | None:  # noqa: A002 - as in the API
        """Return the position of the entry with this id, None if it is not in memory."""
        place = bisect_left(self.rows, id, key=lambda row: row.id)
        return place if place < len(self.rows) and self.rows[place].id == id else None

    @property
    def begins(self) -> bool:
        """Whether the first row is the oldest of the log."""
        return self._newer is not None and self._older is None

    @property
    def ends(self) -> bool:
        """Whether the last row is the newest of the log."""
        return self._reached

    def wanted(self, first: int, last: int) -> LogQuestion | None:
        """Return the next request needed while the rows from `first` to `last` are shown."""
        if self._newer is None:
            return LogQuestion(filter=self.filter, limit=PAGE)
        if not self._reached and (self.following or last >= len(self.rows) - MARGIN):
            return LogQuestion(filter=self.filter, after=self._newer, limit=PAGE)
        if self._older is not None and first < MARGIN:
            return LogQuestion(filter=self.filter, before=self._older, limit=PAGE)
        if self._counted < self.newest:
            return LogQuestion(filter=self.filter, after=self._counted, limit=COUNTED)
        return None

    def take(self, question: LogQuestion, page: LogPage) -> None:
        """Add the answer to the request `question`; rows at the other end are dropped."""
        if question.before is not None:
            self._take_older(page)
            return
        if question.after is None:
            self._begin(page)
            return
        self._count(page)
        if question.after == self._newer and question.limit == PAGE:
            self._take_newer(page)

    def heard(self, newest: int) -> None:
        """Note that there is an entry with this id."""
        self.newest = max(self.newest, newest)
        if self._newer is not None and newest > self._newer:
            self._reached = False

    def pause(self) -> None:
        """Stop following; new entries are only counted."""
        self.following = False
        self.new = 0
        self._counted = max(self._counted, self.newest)

    def _begin(self, page: LogPage) -> None:
        self.rows = list(reversed(page.rows))
        self._older = page.next
        self._newer = page.newest
        self._counted = max(self._counted, page.newest)
        self._reached = self.newest <= page.newest
        self.newest = max(self.newest, page.newest)

    def _take_older(self, page: LogPage) -> None:
        self.rows[:0] = reversed(page.rows)
        self._older = page.next
        if len(self.rows) > MOST:
            del self.rows[MOST:]
            self._newer = self.rows[-1].id
            self._reached = False

    def _take_newer(self, page: LogPage) -> None:
        self.rows += page.rows
        self._newer = page.newest if page.next is None else page.next
        self.newest = max(self.newest, page.newest)
        self._reached = page.next is None and self._newer >= self.newest
        if len(self.rows) > MOST:
            del self.rows[:-MOST]
            self._older = self.rows[0].id

    def _count(self, page: LogPage) -> None:
        if not self.following:
            self.new += sum(row.id > self._counted for row in page.rows)
        self._counted = max(self._counted, page.newest if page.next is None else page.next)
