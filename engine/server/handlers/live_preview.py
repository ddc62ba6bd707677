"""Routes for comparing what the PBX shows now with what the engine would write."""

import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from engine.api.schema import Actor, Operation, Shown
from engine.api.schema.live import LivePageQuestion, LivePreview, LivePreviewQuestion, LivePreviewRow
from engine.checks.comparison import CalendarDecisions, ComparedUser, Difference, PbxComparison, ReadEntries
from engine.checks.factory import CheckFactory
from engine.checks.pbx_session import connected
from engine.core.errors import Failure
from engine.core.presence import Presence
from engine.core.users import User
from engine.server import convert
from engine.server.acceptor import actor_of
from engine.server.http import Route, answer, body_of, named, not_found, query_of
from engine.server.operations import Progress, Results, Work
from engine.server.state import ApiState
from engine.server.trial_settings import TrialSettings
from engine.settings.model import SiteSettings
from engine.store.secrets import Secrets
from engine.supervisor.errors import SettingsMissing
from engine.supervisor.supervisor import Supervisor
from engine.sync.events import Side

PATH = "/v1/live/preview"


@dataclass(frozen=True, slots=True)
class _Pbx:
    """The users of a PBX, its system name, and a way to read their presences."""

    users: Sequence[User]
    domain: str
    read_entries: ReadEntries


@dataclass(frozen=True, slots=True)
class _Kept:
    comparison: PbxComparison
    begun: datetime
    timezone: str


class LivePreviewRoutes:
    """Compares by the running engine of `service`, or by settings that are not in force."""

    capabilities = ("live-preview",)

    def __init__(
        self, service: Supervisor, api_state: ApiState, trial_settings: TrialSettings, check_factory: CheckFactory
    ) -> None:
        self._service = service
        self._api_state = api_state
        self._trial_settings = trial_settings
        self._check_factory = check_factory
        self._kept: Results[_Kept] = Results()

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        return (
            Route(
                "POST",
                PATH,
                "begin_live_preview",
                "Compare what the PBX shows with what would be written",
                self._begin,
                Operation,
                status=202,
                body=LivePreviewQuestion,
                changes=True,
            ),
            Route(
                "GET",
                f"{PATH}/{{id}}",
                "live_preview",
                "The users compared, sorted and filtered",
                self._preview,
                LivePreview,
                query=LivePageQuestion,
            ),
        )

    async def _begin(self, request: web.Request) -> web.Response:
        question = await body_of(request, LivePreviewQuestion)
        actor = await actor_of(request)
        try:
            if question.settings or question.secrets:
                settings = await self._trial_settings.settings(question.settings)
                secrets = await self._trial_settings.secrets(question.secrets, settings)
                operation = self.begin(settings, secrets, actor)
            else:
                operation = self.begin_now(actor)
        except Failure as failure:
            raise named(failure) from failure
        return answer(operation, status=202, headers={"Location": f"{PATH}/{operation.id}"})

    def begin_now(self, actor: Actor) -> Operation:
        """Compare by the decisions of the running engine. Raises `SettingsMissing` if there is none."""
        settings, access = self._service.settings, self._service.current.pbx_access
        if settings is None or access is None:
            raise SettingsMissing(str(self._service.file.path))
        engine, comparison = self._service.current, PbxComparison(settings.pbx.presence_contact)
        summaries = [found for guid in engine.guids() if (found := engine.summary(guid)) is not None]

        async def would_be(user: User) -> tuple[Presence | None, Failure | None]:
            found = engine.summary(user.guid)
            return (None, None) if found is None else (found.desired, found.problem)

        async def work(progress: Progress) -> None:
            users = [each.user for each in summaries]
            clock = self._check_factory.network_clock
            await comparison.run(users, access.read_entries, would_be, clock, progress)

        return self._start(comparison, settings, work, len(summaries), actor)

    def begin(self, settings: SiteSettings, secrets: Secrets, actor: Actor) -> Operation:
        """Compare by settings that are not in force: users and calendars are read by them."""
        comparison = PbxComparison(settings.pbx.presence_contact)

        async def work(progress: Progress) -> None:
            source = self._check_factory.make_access(settings, secrets).source
            try:
                async with self._pbx(settings, secrets) as pbx:
                    decisions = CalendarDecisions(settings, source, pbx.domain, self._check_factory.clock)
                    users = [user for user in pbx.users if settings.pbx.users.takes_part(user)]
                    clock = self._check_factory.network_clock
                    await comparison.run(users, pbx.read_entries, decisions.would_be, clock, progress)
            finally:
                await source.close()

        return self._start(comparison, settings, work, 0, actor)

    @asynccontextmanager
    async def _pbx(self, settings: SiteSettings, secrets: Secrets) -> AsyncIterator[_Pbx]:
        """Context manager that gives the PBX: over the link of the running engine if it has the same settings."""
        access, in_force = self._service.current.pbx_access, self._service.settings
        is_linked = in_force is not None and settings.pbx == in_force.pbx and self._service.current.link(Side.PBX).works
        if access is not None and is_linked:
            yield _Pbx(access.users(), access.domain, access.read_entries)
            return
        make_link = functools.partial(self._check_factory.make_link, settings, secrets.pbx_password)
        async with connected(make_link, settings.pbx.domain, self._check_factory.patience) as session:
            yield _Pbx(session.users, session.domain, session.link.read_entries)

    def _start(
        self, comparison: PbxComparison, settings: SiteSettings, work: Work, total: int, actor: Actor
    ) -> Operation:
        operation = self._api_state.operations.start_job("live preview", total, work, actor)
        begun, zone = self._api_state.now(), settings.presence.timezone.key
        self._kept.keep(operation.id, _Kept(comparison, begun, zone))
        return operation

    async def _preview(self, request: web.Request) -> web.Response:
        question = query_of(request, LivePageQuestion)
        found = self.page(request.match_info["id"], question)
        if found is None:
            raise not_found("comparison", f"Only the latest ones are kept. POST {PATH} starts another.")
        return answer(found)

    def page(self, key: str, question: LivePageQuestion) -> LivePreview | None:
        """Return a page of a comparison as far as it has come, None if it is not kept."""
        operation, kept = self._api_state.operations.get(key), self._kept.get(key)
        if operation is None or kept is None:
            return None
        comparison = kept.comparison
        states = [each.difference for each in comparison.compared]
        rows = _chosen(comparison.compared, question)
        first = (question.page - 1) * question.per_page
        stopped_by = None if comparison.stopped_by is None else convert.trouble(comparison.stopped_by)
        return LivePreview(
            operation=operation,
            begun=kept.begun,
            timezone=kept.timezone,
            users=comparison.users,
            looked_at=len(states),
            differ=states.count(Difference.DIFFERS),
            left=states.count(Difference.LEFT),
            unknown=states.count(Difference.UNKNOWN),
            by_hand=sum(each.by_hand is not None for each in comparison.compared),
            stopped_by=stopped_by,
            total=len(rows),
            page=question.page,
            per_page=question.per_page,
            rows=tuple(rows[first : first + question.per_page]),
        )


def _chosen(compared: Sequence[ComparedUser], question: LivePageQuestion) -> list[LivePreviewRow]:
    """Return the rows that a question selects, in its order."""
    words = question.filter.casefold().split()
    rows = [_row(each) for each in compared if not question.differing or each.difference is Difference.DIFFERS]
    fitting = [row for row in rows if all(word in _text(row) for word in words)]
    return sorted(fitting, key=lambda row: _sort_key(row, question), reverse=question.descending)


def _row(each: ComparedUser) -> LivePreviewRow:
    return LivePreviewRow(
        guid=each.user.guid,
        name=each.user.name,
        label=each.user.label,
        state=each.difference.value,
        now=_shown(each.now),
        ours=_shown(each.ours),
        would_be=_shown(each.would_be),
        by_hand=_shown(each.by_hand),
        problem=None if each.failure is None else convert.trouble(each.failure),
    )


def _shown(presence: Presence | None) -> Shown | None:
    return None if presence is None else convert.shown(presence)


def _words(presence: Shown | None) -> str:
    return "" if presence is None else f"{presence.activity} {presence.note}"


def _text(row: LivePreviewRow) -> str:
    problem = "" if row.problem is None else row.problem.title
    parts = (row.label, row.name, row.state, _words(row.now), _words(row.would_be), problem)
    return "\n".join(parts).casefold()


def _sort_key(row: LivePreviewRow, question: LivePageQuestion) -> tuple[str, str, str]:
    text = {"name": "", "now": _words(row.now), "would_be": _words(row.would_be), "state": row.state}[question.sort]
    return text.casefold(), row.label.casefold(), row.guid
