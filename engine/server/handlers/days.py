"""Route for the days of users as bars."""

import asyncio
from datetime import date
from typing import cast

from aiohttp import web

from engine.api.schema import Activity, UserRow, UsersQuestion
from engine.api.schema.days import CalendarBar, DaysPage, DaysQuestion, PresenceBar, UserDay
from engine.core.presence.local_days import day_of, local_day
from engine.server.http import Route, answer, invalid, query_of
from engine.server.state import ApiState
from engine.sync import views

DAYS_IN_A_ROW = 5
"""After this many the event loop gets a turn: one takes about a millisecond."""

FIRST_DAY, LAST_DAY = date(1, 1, 4), date(9999, 12, 27)
"""Between these, a day has a beginning and an end in every time zone."""


class DayRoutes:
    """Answers from the calendars of the users in `api_state`."""

    capabilities = ("days",)

    def __init__(self, api_state: ApiState) -> None:
        self._api_state = api_state

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        return (Route("GET", "/v1/days", "days", "Days of users as bars", self._days, DaysPage, query=DaysQuestion),)

    async def _days(self, request: web.Request) -> web.Response:
        question = query_of(request, DaysQuestion)
        state, zone = self._api_state, self._api_state.engine.timezone
        day = question.date or local_day(state.now(), zone)
        if not FIRST_DAY <= day <= LAST_DAY:
            raise invalid("query", ValueError("this date is too far away"), in_query=True)
        await state.rows.catch_up()
        total, rows = self._named(question.users) if question.users else self._chosen(question)
        days: list[UserDay] = []
        for number, row in enumerate(rows, 1):
            found = state.engine.day(row.guid, day)
            if found is None and row.owner is not None:  # whose calendar another node has
                found = views.UserDay(*day_of(day, zone))
            if found is not None:
                days.append(_converted(row, found))
            if number % DAYS_IN_A_ROW == 0:
                await asyncio.sleep(0)
        begins, ends = day_of(day, zone)
        return answer(
            DaysPage(
                date=day,
                begins=begins,
                ends=ends,
                timezone=zone.key,
                total=total,
                page=question.page,
                per_page=question.per_page,
                days=tuple(days),
            )
        )

    def _named(self, guids: str) -> tuple[int, tuple[UserRow, ...]]:
        rows = tuple(row for row in map(self._api_state.rows.get, guids.split(",")) if row is not None)
        return len(rows), rows

    def _chosen(self, question: DaysQuestion) -> tuple[int, tuple[UserRow, ...]]:
        page = self._api_state.rows.page(
            UsersQuestion(
                filter=question.filter,
                sort=question.sort,
                descending=question.descending,
                page=question.page,
                per_page=question.per_page,
            )
        )
        return page.total, page.users


def _converted(row: UserRow, day: views.UserDay) -> UserDay:
    return UserDay(
        user=row,
        known_from=day.window.start if day.window else None,
        known_until=day.window.end if day.window else None,
        calendar=tuple(
            CalendarBar(begins=bar.start, ends=bar.end, kind=bar.kind.value if bar.kind else "free")
            for bar in day.bars.kinds
        ),
        presence=tuple(
            PresenceBar(begins=bar.start, ends=bar.end, activity=cast("Activity", bar.activity.value))
            for bar in day.bars.activities
        ),
    )
