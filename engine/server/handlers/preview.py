"""Routes for previewing which presences of today would differ under other settings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from engine.api.schema import FieldProblem, Operation, Problem
from engine.api.schema.preview import (
    Preview,
    PreviewDifference,
    PreviewPageQuestion,
    PreviewQuestion,
    PreviewRow,
)
from engine.core.errors import Failure
from engine.core.presence import PresenceDifference, PresenceSettings
from engine.exchange.source import CalendarSource
from engine.server import convert
from engine.server.acceptor import actor_of
from engine.server.convert import converted
from engine.server.http import ApiError, Route, answer, body_of, named, not_found, query_of
from engine.server.operations import Progress, Results
from engine.server.state import ApiState
from engine.server.trial_settings import TrialSettings
from engine.settings.model import SiteSettings
from engine.store.secrets import Secrets
from engine.sync.preview import AffectedUser, PresencePreview, preview, preview_source

SUBJECTS_UNKNOWN = (
    "With the settings in force the subjects of appointments are not read, "
    "so the preview shows neither them nor the effect of words in them."
)
UNREAD = "Users whose calendar has not been read yet are left out."


@dataclass(slots=True)
class _Found:
    begun: datetime
    remarks: tuple[str, ...]
    timezone: str
    preview: PresencePreview = field(default_factory=PresencePreview)


class PreviewRoutes:
    """Compares the presences of the engine in `api_state` under the settings in force and those of a request.

    `make_source` builds the calendar source of settings and secrets.
    """

    capabilities = ("preview",)

    def __init__(
        self,
        api_state: ApiState,
        trial_settings: TrialSettings,
        make_source: Callable[[SiteSettings, Secrets], CalendarSource],
    ) -> None:
        self._api_state = api_state
        self._trial_settings = trial_settings
        self._make_source = make_source
        self._found: Results[_Found] = Results()

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        return (
            Route(
                "POST",
                "/v1/preview",
                "begin_preview",
                "Users whose presence would differ today",
                self._begin,
                Operation,
                status=202,
                body=PreviewQuestion,
                changes=True,
            ),
            Route(
                "GET",
                "/v1/preview/{id}",
                "preview",
                "A preview, page by page",
                self._preview,
                Preview,
                query=PreviewPageQuestion,
            ),
        )

    async def _begin(self, request: web.Request) -> web.Response:
        question = await body_of(request, PreviewQuestion)
        others = tuple(
            FieldProblem(pointer=f"/settings/{key}", detail=f"{key} is a setting of neither presence nor Exchange")
            for key in question.settings
            if not key.startswith(("presence.", "exchange."))
        )
        if others:
            title = "A preview accepts settings of presence and of Exchange only"
            hint = "Leave out the others."
            raise ApiError(Problem(type="not-about-presence", title=title, status=422, hint=hint, fields=others))
        try:
            before = await self._trial_settings.settings({})
            after = await self._trial_settings.settings(question.settings)
            source: CalendarSource | None = None
            if any(key.startswith("exchange.") for key in question.settings):
                secrets = await self._trial_settings.secrets(question.secrets, after)
                source = self._make_source(after, secrets)
        except Failure as failure:
            raise named(failure) from failure
        return await self._compare(request, before.presence, after.presence, source)

    async def _compare(
        self, request: web.Request, before: PresenceSettings, after: PresenceSettings, source: CalendarSource | None
    ) -> web.Response:
        engine, now = self._api_state.engine, self._api_state.now()
        guids = engine.guids()
        is_unknown = source is None and after.needs_subjects and not before.needs_subjects
        found = _Found(now, (SUBJECTS_UNKNOWN,) if is_unknown else (), after.timezone.key)

        async def work(progress: Progress) -> None:
            def progressed(preview: PresencePreview) -> None:
                found.preview = preview
                progress(preview.looked_at, 0)

            if source is None:
                await preview(engine, guids, before, after, now, progressed)
                return
            try:
                await preview_source(engine, guids, source, before, after, now, progressed)
            finally:
                await source.close()

        operation = self._api_state.operations.start_job("preview", len(guids), work, await actor_of(request))
        self._found.keep(operation.id, found)
        return answer(operation, status=202, headers={"Location": f"/v1/preview/{operation.id}"})

    async def _preview(self, request: web.Request) -> web.Response:
        question = query_of(request, PreviewPageQuestion)
        key = request.match_info["id"]
        operation, found = self._api_state.operations.get(key), self._found.get(key)
        if operation is None or found is None:
            raise not_found("preview", "Only the latest ones are kept. POST /v1/preview starts another.")
        result = found.preview
        first = (question.page - 1) * question.per_page
        return answer(
            Preview(
                operation=operation,
                looked_at=result.looked_at,
                unread=result.unread,
                affected=len(result.affected),
                affected_now=sum(_differs_at(found.begun, each) for each in result.affected),
                unreadable=sum(each.failure is not None for each in result.affected),
                stopped_by=None if result.stopped_by is None else convert.trouble(result.stopped_by),
                remarks=(*found.remarks, UNREAD) if result.unread else found.remarks,
                timezone=found.timezone,
                page=question.page,
                per_page=question.per_page,
                users=tuple(_row(each) for each in result.affected[first : first + question.per_page]),
            )
        )


def _row(affected: AffectedUser) -> PreviewRow:
    return PreviewRow(
        guid=affected.user.guid,
        label=affected.user.label,
        differences=tuple(_difference(each) for each in affected.differences),
        problem=None if affected.failure is None else convert.trouble(affected.failure),
    )


def _differs_at(instant: datetime, affected: AffectedUser) -> bool:
    return bool(affected.differences) and affected.differences[0].at == instant


def _difference(difference: PresenceDifference) -> PreviewDifference:
    return converted(
        difference, PreviewDifference, before=convert.shown(difference.before), after=convert.shown(difference.after)
    )
