"""Routes for previewing which presences of today would differ under other settings."""

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
from engine.server import convert
from engine.server.acceptor import actor_of
from engine.server.convert import converted
from engine.server.http import ApiError, Route, answer, body_of, named, not_found, query_of
from engine.server.operations import Progress, Results
from engine.server.state import ApiState
from engine.server.trial_settings import TrialSettings
from engine.sync import views as sync_preview
from engine.sync.views import AffectedUser

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
    preview: sync_preview.PresencePreview = field(default_factory=lambda: sync_preview.PresencePreview(0, 0, []))


class PreviewRoutes:
    """Compares the presences of the engine in `api_state` under the settings in force and those of a request."""

    capabilities = ("preview",)

    def __init__(self, api_state: ApiState, trial_settings: TrialSettings) -> None:
        self._api_state = api_state
        self._trial_settings = trial_settings
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
            FieldProblem(pointer=f"/settings/{key}", detail=f"{key} is not a presence setting")
            for key in question.settings
            if not key.startswith("presence.")
        )
        if others:
            title = "A preview accepts presence settings only"
            hint = "Leave out the others."
            raise ApiError(Problem(type="not-about-presence", title=title, status=422, hint=hint, fields=others))
        try:
            before = (await self._trial_settings.settings({})).presence
            after = (await self._trial_settings.settings(question.settings)).presence
        except Failure as failure:
            raise named(failure) from failure
        return await self._compare(request, before, after)

    async def _compare(self, request: web.Request, before: PresenceSettings, after: PresenceSettings) -> web.Response:
        guids, now = self._api_state.engine.guids(), self._api_state.now()
        remarks = (SUBJECTS_UNKNOWN,) if after.needs_subjects and not before.needs_subjects else ()
        found = _Found(now, remarks, after.timezone.key)

        async def work(progress: Progress) -> None:
            def progressed(preview: sync_preview.PresencePreview) -> None:
                found.preview = preview
                progress(preview.looked_at, 0)

            await sync_preview.preview(self._api_state.engine, guids, before, after, now, progressed)

        operation = self._api_state.operations.start_job("preview", len(guids), work, await actor_of(request))
        self._found.keep(operation.id, found)
        return answer(operation, status=202, headers={"Location": f"/v1/preview/{operation.id}"})

    async def _preview(self, request: web.Request) -> web.Response:
        question = query_of(request, PreviewPageQuestion)
        key = request.match_info["id"]
        operation, found = self._api_state.operations.get(key), self._found.get(key)
        if operation is None or found is None:
            raise not_found("preview", "Only the latest ones are kept. POST /v1/preview starts another.")
        preview = found.preview
        first = (question.page - 1) * question.per_page
        return answer(
            Preview(
                operation=operation,
                looked_at=preview.looked_at,
                unread=preview.unread,
                affected=len(preview.affected),
                affected_now=sum(each.differences[0].at == found.begun for each in preview.affected),
                remarks=(*found.remarks, UNREAD) if preview.unread else found.remarks,
                timezone=found.timezone,
                page=question.page,
                per_page=question.per_page,
                users=tuple(_row(each) for each in preview.affected[first : first + question.per_page]),
            )
        )


def _row(affected: AffectedUser) -> PreviewRow:
    return PreviewRow(
        guid=affected.user.guid,
        label=affected.user.label,
        differences=tuple(_difference(each) for each in affected.differences),
    )


def _difference(difference: PresenceDifference) -> PreviewDifference:
    return converted(
        difference, PreviewDifference, before=convert.shown(difference.before), after=convert.shown(difference.after)
    )
