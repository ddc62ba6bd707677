"""Routes for the presence test, which finds out with one user how this PBX treats presences."""

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from engine.api.schema import Actor, Affected, Operation
from engine.api.schema.learning import Learning, LearningQuestion, WayToClear
from engine.checks.check import CheckStep, StepOutcome
from engine.checks.errors import UserNotInPbx
from engine.checks.factory import CheckFactory
from engine.checks.learning import LONGEST_NOTE, Lend, Lent, PresenceTest, PresenceTestUnderWay
from engine.checks.pbx_session import connected
from engine.checks.put_back import UnfinishedTest
from engine.core.errors import Failure
from engine.core.secret import Secret
from engine.server.acceptor import actor_of
from engine.server.convert import check_step, trouble
from engine.server.http import MAY_CHANGE, Route, answer, body_of, named, not_found, problem_from
from engine.server.operations import Progress, Results
from engine.server.state import ApiState
from engine.server.trial_settings import TrialSettings
from engine.settings.model import SiteSettings
from engine.supervisor.supervisor import Supervisor
from engine.sync.events import Side
from engine.sync.pbx_access import PbxAccess

PATH = "/v1/presence-test"


@dataclass(slots=True)
class _Running:
    test: PresenceTest
    rungs: list[CheckStep] = field(default_factory=list)


class PresenceTestRoutes:
    """Runs one presence test at a time: over the link of the running engine where the settings are those in force,
    else over one of its own. `unfinished` remembers what a test has to put back."""

    capabilities = ("presence-test",)

    def __init__(
        self,
        service: Supervisor,
        api_state: ApiState,
        trial_settings: TrialSettings,
        check_factory: CheckFactory,
        unfinished: UnfinishedTest,
    ) -> None:
        self._service = service
        self._api_state = api_state
        self._trial_settings = trial_settings
        self._check_factory = check_factory
        self._unfinished = unfinished
        self._results: Results[_Running] = Results()

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        return (
            Route(
                "POST",
                PATH,
                "begin_presence_test",
                "Find out with one user how this PBX treats presences",
                self._begin,
                Operation,
                status=202,
                body=LearningQuestion,
                changes=True,
            ),
            Route("GET", f"{PATH}/{{id}}", "presence_test", "A presence test, step by step", self._test, Learning),
        )

    async def _begin(self, request: web.Request) -> web.Response:
        question = await body_of(request, LearningQuestion)
        try:
            settings = await self._trial_settings.settings(question.settings)
            secrets = await self._trial_settings.secrets(question.secrets, settings)
        except Failure as failure:
            raise named(failure) from failure
        actor = await actor_of(request)
        await self._api_state.audit_change(actor, "begin_presence_test", question.user)
        operation = self.begin(settings, secrets.pbx_password, question.user, actor)
        return answer(operation, status=202, headers={"Location": f"{PATH}/{operation.id}"})

    def begin(self, settings: SiteSettings, password: Secret, user: str, actor: Actor) -> Operation:
        """Begin a test with these settings; `user` is the Name in the PBX or the guid."""
        if self._unfinished.is_under_way:
            raise problem_from(PresenceTestUnderWay(), 409)
        test = PresenceTest(
            self._lend(settings, password, user),
            contact=settings.pbx.presence_contact,
            pbx=settings.pbx.place,
            unfinished=self._unfinished,
            clock=self._check_factory.network_clock,
            calendar_clock=self._check_factory.clock,
        )
        running = _Running(test)

        async def work(progress: Progress) -> None:
            def report(step: CheckStep) -> None:
                running.rungs.append(step)
                progress(len(running.rungs), sum(each.outcome is StepOutcome.FAILED for each in running.rungs))

            await test.run(report)

        operation = self._api_state.operations.start_job("presence test", len(test.names), work, actor)
        self._results.keep(operation.id, running)
        return operation

    def _lend(self, settings: SiteSettings, password: Secret, typed: str) -> Lend:
        access, in_force = self._service.current.pbx_access, self._service.settings
        is_linked = in_force is not None and settings.pbx == in_force.pbx and self._service.current.link(Side.PBX).works
        if access is not None and is_linked:
            return functools.partial(_lent_by_engine, access, typed)
        return functools.partial(self._lent_by_own_link, settings, password, typed)

    @asynccontextmanager
    async def _lent_by_own_link(self, settings: SiteSettings, password: Secret, typed: str) -> AsyncIterator[Lent]:
        make_link = functools.partial(self._check_factory.make_link, settings, password)
        async with connected(make_link, settings.pbx.domain, self._check_factory.patience) as session:
            wanted = typed.casefold()
            for user in session.users:
                if wanted in (user.guid.casefold(), user.name.casefold()):
                    yield Lent(user, session.link)
                    return
            raise UserNotInPbx(typed)

    async def _test(self, request: web.Request) -> web.Response:
        key = request.match_info["id"]
        learning = self.learning(key, in_full=request.app[MAY_CHANGE])
        if learning is None:
            raise not_found("presence test", f"Only the latest ones are kept. POST {PATH} starts another.")
        return answer(learning)

    def learning(self, key: str, *, in_full: bool) -> Learning | None:
        """Return a test as far as it has come, None if it is not kept."""
        operation, running = self._api_state.operations.get(key), self._results.get(key)
        if operation is None or running is None:
            return None
        found, remains = running.test.findings, self._unfinished.concern()
        return Learning(
            operation=operation,
            user=None if found.user is None else Affected(guid=found.user.guid, label=found.user.label),
            names=running.test.names,
            rungs=tuple(check_step(step, in_full=in_full) for step in running.rungs),
            ways=tuple(
                WayToClear(clear=each.clear.value, effect=each.effect.value, first=each.first) for each in found.ways
            ),
            note_length=found.note_length,
            is_longest=found.note_length == LONGEST_NOTE,
            proposed={**found.proposed()},
            put_back=found.put_back,
            remains=None if remains is None else trouble(remains),
        )


@asynccontextmanager
async def _lent_by_engine(access: PbxAccess, typed: str) -> AsyncIterator[Lent]:
    user = access.user(typed)
    if user is None:
        raise UserNotInPbx(typed)
    async with access.lent_link(user.guid) as link:
        yield Lent(user, link)
