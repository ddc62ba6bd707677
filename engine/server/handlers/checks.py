"""Routes for checking settings and secrets against the real PBX and Exchange, without writing anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from engine.api.schema import Operation
from engine.api.schema.checks import CheckSide, Probe, ProbeQuestion
from engine.checks.check import AnyCheck, CheckStep, StepOutcome
from engine.checks.factory import CheckFactory
from engine.core.errors import Failure
from engine.server.acceptor import actor_of
from engine.server.convert import check_step
from engine.server.http import MAY_CHANGE, Route, answer, body_of, named, not_found
from engine.server.operations import Progress, Results
from engine.server.state import ApiState
from engine.server.trial_settings import TrialSettings
from engine.settings.model import SiteSettings


@dataclass(slots=True)
class _RunningCheck:
    side: CheckSide
    names: tuple[str, ...]
    rungs: list[CheckStep] = field(default_factory=list)


class CheckRoutes:
    """Runs checks made by `check_factory` with the settings that `trial_settings` derive from a request.

    `directories` are those that the engine writes, by what they are.
    """

    capabilities = ("probes",)

    def __init__(
        self,
        api_state: ApiState,
        trial_settings: TrialSettings,
        check_factory: CheckFactory,
        directories: Mapping[str, Path],
    ) -> None:
        self._directories = directories
        self._api_state = api_state
        self._trial_settings = trial_settings
        self._check_factory = check_factory
        self._running: Results[_RunningCheck] = Results()

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        texts = (
            ("pbx", "Check the connection to the PBX", self._pbx),
            ("exchange", "Check the connection to Exchange", self._exchange),
            ("machine", "Check that the engine may write where it has to, and the clock is kept right", self._machine),
        )
        begin = (
            Route(
                "POST",
                f"/v1/probes/{side}",
                f"probe_{side}",
                summary,
                handle,
                Operation,
                status=202,
                body=ProbeQuestion,
                changes=True,
            )
            for side, summary, handle in texts
        )
        return (*begin, Route("GET", "/v1/probes/{id}", "probe", "A probe, step by step", self._probe, Probe))

    async def _machine(self, request: web.Request) -> web.Response:
        await body_of(request, ProbeQuestion)
        return await self._begin(request, "machine", self._check_factory.machine(self._directories))

    async def _pbx(self, request: web.Request) -> web.Response:
        question = await body_of(request, ProbeQuestion)
        if not question.log_in:
            settings, in_force = await self._trial(question), self._trial_settings.in_force
            reach = self._check_factory.pbx_reach(settings.pbx, in_force.pbx if in_force is not None else None)
            return await self._begin(request, "pbx", reach)
        try:
            settings = await self._trial_settings.settings(question.settings)
            secrets = await self._trial_settings.secrets(question.secrets, settings)
        except Failure as failure:
            raise named(failure) from failure
        return await self._begin(request, "pbx", self._check_factory.pbx(settings, secrets.pbx_password, question.user))

    async def _exchange(self, request: web.Request) -> web.Response:
        question = await body_of(request, ProbeQuestion)
        if not question.log_in:
            reach = self._check_factory.exchange_reach(await self._trial(question))
            return await self._begin(request, "exchange", reach)
        try:
            settings = await self._trial_settings.settings(question.settings)
            secrets = await self._trial_settings.secrets(question.secrets, settings)
        except Failure as failure:
            raise named(failure) from failure
        addresses = await self._addresses(question.user)
        known = [row.mailbox for row in self._api_state.rows.all() if row.mailbox is not None]
        probe = self._check_factory.exchange(settings, secrets, addresses, known)
        return await self._begin(request, "exchange", probe)

    async def _trial(self, question: ProbeQuestion) -> SiteSettings:
        try:
            return await self._trial_settings.as_far_as_valid(question.settings)
        except Failure as failure:
            raise named(failure) from failure

    async def _begin(self, request: web.Request, side: CheckSide, probe: AnyCheck) -> web.Response:
        running = _RunningCheck(side, probe.names)

        async def work(progress: Progress) -> None:
            def report(step: CheckStep) -> None:
                running.rungs.append(step)
                progress(len(running.rungs), sum(each.outcome is StepOutcome.FAILED for each in running.rungs))

            await probe.run(report)

        actor = await actor_of(request)
        await self._api_state.audit_change(actor, "probe", side)
        operation = self._api_state.operations.start_job("probe", len(probe.names), work, actor)
        self._running.keep(operation.id, running)
        return answer(operation, status=202, headers={"Location": f"/v1/probes/{operation.id}"})

    async def _probe(self, request: web.Request) -> web.Response:
        key = request.match_info["id"]
        operation, running = self._api_state.operations.get(key), self._running.get(key)
        if operation is None or running is None:
            raise not_found("probe", "Only the latest ones are kept. POST /v1/probes/pbx starts another.")
        rungs = tuple(check_step(step, in_full=request.app[MAY_CHANGE]) for step in running.rungs)
        return answer(Probe(operation=operation, side=running.side, names=running.names, rungs=rungs))

    async def _addresses(self, typed: str) -> tuple[str, ...]:
        """Return the addresses of the user named by an address or the name in the PBX, or of any user."""
        if "@" in typed:
            return (typed,)
        await self._api_state.rows.catch_up()
        name = typed.casefold()
        for row in self._api_state.rows.all():
            if row.name.casefold() == name if typed else row.mailbox is not None:
                account = self._api_state.details(row.guid)
                return (account.candidates if account else ()) or ((typed,) if typed else ())
        return (typed,) if typed else ()
