"""A log in memory that answers like the API."""

from datetime import UTC, datetime, timedelta

from engine.api.schema.log import LogPage, LogQuestion, LogRow

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def log_row(id: int, **changed: object) -> LogRow:  # noqa: A002
    values: dict[str, object] = {
        "id": id,
        "at": BEGIN + timedelta(seconds=id),
        "operation": "FindItem",
        "mailbox": f"user{id % 7}@corp.example",
        "user": f"user{id % 7}",
        "status": 200,
        "codes": ("NoError",),
        "failure": "",
        "error": False,
        "decision": "",
        "ms": 12.0,
        "sent": 900,
        "received": 4200,
        "attempt": 1,
        "lane": "1",
    }
    return LogRow(**(values | changed))  # type: ignore[arg-type]


class MemoryLog:
    """A log with the ids 1 to `count`; the filter `even` selects even ids."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[LogQuestion] = []

    def fitting(self, filter: str) -> list[int]:  # noqa: A002
        step = 2 if filter else 1
        return list(range(step, self.count + 1, step))

    def answer(self, question: LogQuestion) -> LogPage:
        self.asked.append(question)
        step = 2 if question.filter else 1
        if question.after is not None:
            first = question.after + step - question.after % step
            ids = range(first, self.count + 1, step)
        else:
            last = self.count if question.before is None else question.before - 1
            ids = range(last - last % step, 0, -step)
        found = list(ids[: question.limit])
        more = len(ids) > question.limit
        return LogPage(rows=tuple(map(log_row, found)), next=found[-1] if more else None, newest=self.count)
