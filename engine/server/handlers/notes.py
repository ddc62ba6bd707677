"""Route for the notes that today's appointments give with settings that are being chosen."""

from collections.abc import Sequence
from datetime import datetime

from aiohttp import web
from msgspec.structs import replace

from engine.api.schema.live import NotesQuestion, TodaysNote, TodaysNotes
from engine.checks.todays_notes import todays_notes
from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.core.presence import PresenceSettings
from engine.server import convert
from engine.server.handlers.preview import SUBJECTS_UNKNOWN
from engine.server.http import Route, answer, body_of, named
from engine.server.state import ApiState
from engine.server.trial_settings import TrialSettings
from engine.supervisor.errors import SettingsMissing
from engine.supervisor.supervisor import Supervisor
from engine.sync.preview import UserCalendar


class NotesRoutes:
    """Decides by the calendars that the running engine of `service` has read. `clock` is the network clock."""

    capabilities = ("notes",)

    def __init__(self, service: Supervisor, api_state: ApiState, trial_settings: TrialSettings, clock: Clock) -> None:
        self._service = service
        self._api_state = api_state
        self._trial_settings = trial_settings
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        return (
            Route(
                "POST",
                "/v1/notes",
                "notes",
                "Today's notes with other settings",
                self._notes,
                TodaysNotes,
                body=NotesQuestion,
                changes=True,
            ),
        )

    async def _notes(self, request: web.Request) -> web.Response:
        question = await body_of(request, NotesQuestion)
        in_force, engine = self._service.settings, self._service.current
        try:
            if in_force is None:
                raise SettingsMissing(str(self._service.file.path))
            settings = await self._trial_settings.settings(question.settings)
        except Failure as failure:
            raise named(failure) from failure
        calendars = [found for guid in engine.guids() if (found := engine.calendar(guid)) is not None]
        before, after = in_force.presence, settings.presence
        is_unknown = after.needs_subjects and not before.needs_subjects
        notes = await notes_of(calendars, before, after, self._api_state.now(), int(question.most), self._clock)
        return answer(replace(notes, remarks=(SUBJECTS_UNKNOWN,) if is_unknown else ()))


async def notes_of(
    calendars: Sequence[UserCalendar],
    before: PresenceSettings | None,
    after: PresenceSettings,
    now: datetime,
    most: int,
    clock: Clock,
) -> TodaysNotes:
    """Return today's notes under `after` as the API gives them; see `todays_notes`."""
    found = await todays_notes(calendars, before, after, now, most, clock)
    return TodaysNotes(
        users=found.users,
        looked_at=found.looked_at,
        showing=found.showing,
        differ=found.differ,
        timezone=after.timezone.key,
        notes=tuple(
            TodaysNote(
                guid=each.user.guid,
                label=each.user.label,
                begins=each.begins,
                presence=convert.shown(each.presence),
                private=each.private,
                all_day=each.all_day,
                before=None if each.before is None else convert.shown(each.before),
            )
            for each in found.notes
        ),
    )
