"""The checks of the set-up as operations: the last of each step, its findings, and a check that is repeated."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from engine.api.schema import Actor, Operation
from engine.api.schema.setup import SetupCheck, SetupWatch
from engine.checks.check import CheckStep, StepOutcome
from engine.checks.fixes import Fix
from engine.core.clock import Clock
from engine.core.secret import Secret
from engine.server.operations import Progress
from engine.server.setup_fields import Finding
from engine.server.setup_page import StepCheck
from engine.server.state import ApiState
from engine.settings.model import SiteSettings
from engine.setup.checks import Audience, SetupChecks
from engine.setup.pages import USER, Check, Step
from engine.setup.session import SetupSession

OF_USERS = (Check.ACCESS, Check.CALENDARS)
EVERY, LATER, LATER_AFTER = timedelta(seconds=5), timedelta(seconds=15), timedelta(minutes=5)
"""How often a watched page is checked: every five seconds, after five minutes every fifteen."""
UNATTENDED = timedelta(minutes=1)
"""Time without any question about the set-up after which a watched page is not checked any more."""


class SetupCheckRunner:
    """Runs `checks` of the set-up in `session` as operations. `network_clock` paces a repeated check."""

    def __init__(self, api_state: ApiState, session: SetupSession, checks: SetupChecks, network_clock: Clock) -> None:
        self.checks = checks
        self._api_state = api_state
        self._session = session
        self._clock = network_clock
        self._last: dict[tuple[str, bool], StepCheck] = {}
        self._watch: SetupWatch | None = None
        self._watched = ""
        self._asked = network_clock.now()

    def forget(self) -> None:
        """Forget all results, and stop what runs."""
        for each in self._last.values():
            self._api_state.operations.cancel(each.operation)
        self._last.clear()
        self.checks.forget()
        self._watch, self._watched = None, ""

    def attended(self) -> None:
        """Note that somebody looks at the set-up."""
        self._asked = self._clock.now()

    def last(self, step: str, *, log_in: bool) -> StepCheck | None:
        """Return the last check of a step, or the running one."""
        return self._last.get((step, log_in))

    def watch(self, step: str) -> SetupWatch | None:
        """Return the repeated check of a step, None if there is none."""
        return self._watch if self._watched == step else None

    def findings(self, step: Step) -> Mapping[str, Finding]:
        """Return what the last checks of a step found about its fields, as far as that still holds."""
        found: dict[str, Finding] = {}
        for log_in in (False, True):
            last = self.last(step.name, log_in=log_in)
            if last is not None and last.made_with == self._session.digest(step):
                found |= last.findings()
        return found

    def fixes(self, step: str) -> Mapping[str, Fix]:
        """Return the changes that the last checks of a step offer, by id."""
        offered: dict[str, Fix] = {}
        for log_in in (False, True):
            last = self.last(step, log_in=log_in)
            offered |= last.fixes() if last is not None else {}
        return offered

    def account(self, step: Step, page: str, *, log_in: bool, in_full: bool) -> SetupCheck | None:
        """Return the last check of a step as the API gives it."""
        last = self.last(step.name, log_in=log_in)
        operation = self._api_state.operations.get(last.operation) if last is not None else None
        if last is None or operation is None:
            return None
        holds = last.made_with == self._session.digest(step)
        return last.account(operation, holds=holds, page=f"{step.name}/{page}", in_full=in_full)

    def start(
        self,
        step: Step,
        check: Check,
        settings: SiteSettings,
        secrets: Mapping[str, Secret],
        actor: Actor,
        *,
        watch: bool,
    ) -> Operation:
        """Start the check of a step with log-ins; with `watch` it is repeated until it passes."""
        self._stop(step.name, log_in=True)
        result = self._new(step, log_in=True)

        async def work(progress: Progress) -> None:
            if watch:
                await self._repeat(step, check, settings, secrets, result, progress)
            else:
                await self._once(step, check, settings, secrets, result, progress)

        total = len(self.checks.users) if check in OF_USERS else 0
        operation = self._api_state.operations.start_job("setup check", total, work, actor)
        result.operation = operation.id
        return operation

    def stop_watching(self) -> None:
        """Stop the repeated check, if there is one."""
        if self._watch is not None:
            self._stop(self._watched, log_in=True)
            self._watch = replace(self._watch, next=None, stopped="stopped")

    def _new(self, step: Step, *, log_in: bool) -> StepCheck:
        result = StepCheck("", log_in, self._session.digest(step), [], [], self._clock.now())
        self._last[step.name, log_in] = result
        return result

    def _stop(self, step: str, *, log_in: bool) -> None:
        last = self.last(step, log_in=log_in)
        if last is not None:
            self._api_state.operations.cancel(last.operation)

    async def _once(
        self,
        step: Step,
        check: Check,
        settings: SiteSettings,
        secrets: Mapping[str, Secret],
        result: StepCheck,
        progress: Progress,
    ) -> None:
        def report(rung: CheckStep) -> None:
            result.rungs.append(rung)
            result.running_since = self._clock.now()
            if check not in OF_USERS:
                progress(len(result.rungs), sum(each.outcome is StepOutcome.FAILED for each in result.rungs))

        audience = Audience(result.names.extend, report, progress)
        user = str(self._session.values.get(USER) or "")
        result.passed = await self.checks.run(check, settings, secrets, user, audience)
        await self._session.note_check(step, result.made_with, well=result.passed)

    async def _repeat(
        self,
        step: Step,
        check: Check,
        settings: SiteSettings,
        secrets: Mapping[str, Secret],
        result: StepCheck,
        progress: Progress,
    ) -> None:
        begun, self._watched = self._clock.now(), step.name
        self._watch = watch = SetupWatch(looked=0, last=None, next=None, finding="")
        while True:
            result.names.clear()
            result.rungs.clear()
            await self._once(step, check, settings, secrets, result, progress)
            now = self._clock.now()
            pause = EVERY if now - begun < LATER_AFTER else LATER
            self._watch = watch = SetupWatch(
                looked=watch.looked + 1,
                last=self._api_state.now(),
                next=None if result.passed else self._api_state.now() + pause,
                finding=_finding(result),
                stopped=self._reason_to_stop(result, now),
            )
            if result.passed or watch.stopped:
                return
            await self._clock.sleep_until(now + pause)

    def _reason_to_stop(self, result: StepCheck, now: datetime) -> str:
        if now - self._asked > UNATTENDED:
            return "nobody is looking"
        return ""


def _finding(result: StepCheck) -> str:
    failed = result.failed
    if failed is None:
        return "It works." if result.passed else ""
    return str(failed.failure) if failed.failure is not None else failed.name
