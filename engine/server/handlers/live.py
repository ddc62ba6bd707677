"""Routes for going live and back: whose presences are written, and clearing those that nothing updates any more."""

from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from engine.api.schema import Actor, Operation
from engine.api.schema.live import BackQuestion, LiveQuestion, LiveState, Removal, Written
from engine.core.errors import Failure
from engine.pbx.errors import PbxUnreachable
from engine.server.acceptor import actor_of, ourselves
from engine.server.handlers.settings import refused
from engine.server.http import Route, answer, body_of, named
from engine.server.operations import Progress, Work
from engine.server.state import ApiState, author_of
from engine.settings.editor import SettingValue
from engine.store.settings_history import Version
from engine.supervisor.errors import SettingsMissing
from engine.supervisor.plan import ApplyPlan
from engine.supervisor.source import AuditedAs
from engine.supervisor.supervisor import Supervisor
from engine.sync.clearing import clear_left
from engine.sync.events import Event, SettingsRolledBack, Side
from engine.sync.pbx_access import PbxAccess

PATH = "/v1/live"
DRY_RUN, PILOTS = "engine.dry_run", "engine.pilots"
_LIVE_KEYS = frozenset({DRY_RUN, PILOTS})


class LiveRoutes:
    """Changes whose presences are written through `service`; changes are audited at `api_state`.

    `files` are what the engine leaves on the disk. When going live was not confirmed in time and is undone, what was
    written meanwhile is cleared.
    """

    capabilities = ("live",)

    def __init__(self, service: Supervisor, api_state: ApiState, files: Sequence[Path]) -> None:
        self._service = service
        self._api_state = api_state
        self._files = tuple(files)
        service.current.observe(self._observe)

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        removal = "/v1/removal"
        return (
            Route("GET", PATH, "live", "Whose presences are written", self._live, LiveState),
            Route("POST", PATH, "go_live", "Go live", self._go, LiveState, body=LiveQuestion, changes=True),
            Route(
                "POST", f"{PATH}/back", "go_back", "Go back", self._go_back, LiveState, body=BackQuestion, changes=True
            ),
            Route("GET", removal, "removal", "What there is to remove", self._removal, Removal),
            Route("POST", removal, "remove", "End writing, clear all presences", self._remove, Removal, changes=True),
        )

    async def _live(self, request: web.Request) -> web.Response:
        return answer(self._state())

    async def _go(self, request: web.Request) -> web.Response:
        question = await body_of(request, LiveQuestion)
        settings, actor = self._service.settings, await actor_of(request)
        if settings is None:
            raise named(SettingsMissing(str(self._service.file.path)))
        changes: dict[str, SettingValue | None] = {}
        if settings.engine.dry_run:
            changes[DRY_RUN] = False
        if settings.engine.pilots != question.pilots:
            changes[PILOTS] = question.pilots or None
        audited_as = AuditedAs("go_live", ", ".join(question.pilots) or "everybody")
        try:
            plan = await self._service.change(changes, "*", author_of(actor), question.confirm_within, audited_as)
        except Failure as failure:
            raise refused(failure) from failure
        await self._note(plan, actor, audited_as)
        return answer(self._state())

    async def _go_back(self, request: web.Request) -> web.Response:
        question = await body_of(request, BackQuestion)
        actor = await actor_of(request)
        try:
            await self._take_back(actor)
        except Failure as failure:
            raise refused(failure) from failure
        return answer(self._state(None if question.keep else self._clear(actor)))

    async def _take_back(self, actor: Actor) -> None:
        """Go back to what was before, if there is anything left to go back to."""
        newest = self._service.versions[0] if self._service.versions else None
        if newest is not None and newest.confirm_until is not None and _is_about_live(newest):
            audited_as = AuditedAs("go_back", "before")
            await self._note(await self._service.roll_back(None, author_of(actor), audited_as), actor, audited_as)
            return
        has_gone_back = newest is not None and newest.returns_to is not None and _is_about_live(newest)
        if not has_gone_back and self._written() != "nobody":
            audited_as = AuditedAs("go_back", "dry run")
            plan = await self._service.change({DRY_RUN: True}, "*", author_of(actor), audited_as=audited_as)
            await self._note(plan, actor, audited_as)

    async def _note(self, plan: ApplyPlan, actor: Actor, audited_as: AuditedAs) -> None:
        subject = audited_as.subject_of(plan)
        await self._api_state.audit_change(actor, audited_as.action, subject, is_saved=plan.is_audited)

    async def _removal(self, request: web.Request) -> web.Response:
        return answer(self._to_remove(None))

    async def _remove(self, request: web.Request) -> web.Response:
        actor = await actor_of(request)
        if not self._service.current.link(Side.PBX).works:
            failure = PbxUnreachable("without a connection nothing can be cleared, so nothing was changed")
            raise named(failure) from failure
        audited_as = AuditedAs("remove", "presences in the PBX")
        try:
            plan = await self._service.change({DRY_RUN: True}, "*", author_of(actor), audited_as=audited_as)
        except Failure as failure:
            raise refused(failure) from failure
        await self._note(plan, actor, audited_as)
        return answer(self._to_remove(self._clear(actor)))

    def _to_remove(self, clearing: Operation | None) -> Removal:
        access = self._service.current.pbx_access
        files = (self._service.file.path, *self._files)
        return Removal(left=len(access.left()) if access else 0, files=tuple(map(str, files)), clearing=clearing)

    def _clear(self, actor: Actor) -> Operation | None:
        access = self._service.current.pbx_access
        left = access.left() if access is not None else ()
        if access is None or not left:
            return None
        return self._api_state.operations.start_job("clearing", len(left), _work(access), actor)

    def _observe(self, event: Event) -> None:
        match event:
            case SettingsRolledBack(keys) if set(keys) <= _LIVE_KEYS:
                self._clear(ourselves())
            case _:
                pass

    def _written(self) -> Written:
        settings = self._service.settings
        if settings is None or settings.engine.dry_run:
            return "nobody"
        return "pilots" if settings.engine.pilots else "everybody"

    def _state(self, clearing: Operation | None = None) -> LiveState:
        status = self._api_state.status()
        settings, unconfirmed = self._service.settings, self._service.unconfirmed
        return LiveState(
            written=self._written(),
            pilots=settings.engine.pilots if settings else (),
            users=status.users,
            live=status.live,
            withheld=status.withheld,
            left=status.left,
            confirm_until=unconfirmed.confirm_until if unconfirmed and _is_about_live(unconfirmed) else None,
            clearing=clearing,
        )


def _is_about_live(version: Version) -> bool:
    return bool(version.differences) and {each.key for each in version.differences} <= _LIVE_KEYS


def _work(access: PbxAccess) -> Work:
    async def work(progress: Progress) -> None:
        await clear_left(access, progress)

    return work
