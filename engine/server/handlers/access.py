"""Routes for trying to read everybody's calendar, without writing anything."""

from dataclasses import dataclass, field

from aiohttp import web

from engine.api.schema import Operation
from engine.api.schema.access import Access, AccessPageQuestion, AccessQuestion, AccessSelection
from engine.checks.check import CheckStep, StepOutcome
from engine.checks.everybody import EverybodyCheck
from engine.checks.factory import CheckFactory
from engine.core.errors import Failure
from engine.core.selecting import choices, selected
from engine.core.users import User
from engine.server.acceptor import actor_of
from engine.server.access import by_cause, tried
from engine.server.convert import check_step, converted
from engine.server.http import MAY_CHANGE, Route, answer, body_of, named, not_found, query_of
from engine.server.operations import Progress, Results
from engine.server.state import ApiState
from engine.server.trial_settings import TrialSettings
from engine.settings.model import SiteSettings

PATH = "/v1/access"


@dataclass(slots=True)
class _RunningCheck:
    settings: SiteSettings
    rungs: list[CheckStep] = field(default_factory=list)
    check: EverybodyCheck | None = None
    users: tuple[User, ...] | None = None


class AccessRoutes:
    """Runs checks of everybody's access made by `check_factory`, for the users that the PBX has now."""

    capabilities = ("access",)

    def __init__(self, api_state: ApiState, trial_settings: TrialSettings, check_factory: CheckFactory) -> None:
        self._api_state = api_state
        self._trial_settings = trial_settings
        self._check_factory = check_factory
        self._running: Results[_RunningCheck] = Results()

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        summary = "Try to read the calendar of everybody who takes part"
        return (
            Route(
                "POST",
                PATH,
                "begin_access",
                summary,
                self._begin,
                Operation,
                status=202,
                body=AccessQuestion,
                changes=True,
            ),
            Route(
                "GET",
                f"{PATH}/{{id}}",
                "access",
                "Whose calendars can be read",
                self._access,
                Access,
                query=AccessPageQuestion,
            ),
        )

    async def _begin(self, request: web.Request) -> web.Response:
        question = await body_of(request, AccessQuestion)
        try:
            settings = await self._trial_settings.settings(question.settings)
            secrets = await self._trial_settings.secrets(question.secrets, settings)
        except Failure as failure:
            raise named(failure) from failure
        earlier = self._found(question.again).check if question.again else None
        running = _RunningCheck(settings)

        async def work(progress: Progress) -> None:
            pbx = self._check_factory.pbx(settings, secrets.pbx_password)
            steps = await pbx.run(running.rungs.append)
            if any(step.outcome is StepOutcome.FAILED for step in steps):
                return
            running.users = pbx.users
            if question.who_only:
                return
            before = earlier.results if earlier is not None else None
            running.check = self._check_factory.everybody(settings, secrets, pbx.users, pbx.domain, progress, before)
            await running.check.run(running.rungs.append)

        actor = await actor_of(request)
        await self._api_state.audit_change(actor, "access", "everybody")
        operation = self._api_state.operations.start_job("access", 0, work, actor)
        self._running.keep(operation.id, running)
        return answer(operation, status=202, headers={"Location": f"{PATH}/{operation.id}"})

    async def _access(self, request: web.Request) -> web.Response:
        question, key = query_of(request, AccessPageQuestion), request.match_info["id"]
        running, operation = self._found(key), self._api_state.operations.get(key)
        if operation is None:
            raise not_found("check of access", f"POST {PATH} starts another.")
        check = running.check
        return answer(
            Access(
                operation=operation,
                rungs=tuple(check_step(step, in_full=request.app[MAY_CHANGE]) for step in running.rungs),
                access=by_cause(check, running.settings.exchange) if check is not None else None,
                selection=_selection(running.users, running.settings) if running.users is not None else None,
                users=tried(check, question).users,
                page=question.page,
                per_page=question.per_page,
            )
        )

    def _found(self, key: str) -> _RunningCheck:
        running = self._running.get(key)
        if running is None:
            raise not_found("check of access", f"Only the latest ones are kept. POST {PATH} starts another.")
        return running


def _selection(users: tuple[User, ...], settings: SiteSettings) -> AccessSelection:
    found = selected(users, settings.pbx.users)
    return converted(
        choices(users),
        AccessSelection,
        taken=tuple(user.label for user in found.taken),
        left_out=tuple(user.label for user in found.left_out),
    )
