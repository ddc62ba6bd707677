"""The checks of the set-up as operations: the last of each step, its findings, and a check that is repeated."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from engine.api.schema import Actor, Operation
from engine.api.schema.setup import SetupCheck, SetupWatch
from engine.checks.check import CheckStep, StepOutcome
from engine.checks.fixes import Fix
from engine.core.clock import Clock
from engine.core.errors import Fault
from engine.core.secret import Secret
from engine.logins.breaker import LogIns
from engine.server.operations import Progress
from engine.server.setup_fields import Finding
from engine.server.setup_page import StepCheck
from engine.server.state import ApiState
from engine.settings.model import SiteSettings
from engine.setup.checks import Audience, SetupChecks
from engine.setup.pages import STEPS, USER, Check, Step
from engine.setup.session import SetupSession

OF_USERS = (Check.ACCESS, Check.CALENDARS)
EVERY, LATER, LATER_AFTER = timedelta(seconds=5), timedelta(seconds=15), timedelta(minutes=5)
"""How often a watched page is checked: every five seconds, after five minutes every fifteen."""
AFTER_A_REFUSAL = (timedelta(seconds=15), timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=4))
"""Pauses of a watched page after refused log-ins, so that those that the circuit breaker allows on request last."""
UNATTENDED = timedelta(minutes=1)
"""Time without any question about the set-up after which a watched page is not checked any more."""
NOBODY_LOOKS = "Nobody is looking any more: check again."
CHANGED = "The answers have changed since: check again."
STOPPED = "It was stopped: check again."
"""Why a watched page is not checked any more; with former answers, a log-in would be in vain."""
MACHINE_AGAIN = timedelta(seconds=10)
"""Time after which it is tried again whether the engine may write."""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What to check with log-ins: a step with these settings and secrets; `only_failed`: of the users of the last
    check, those without success."""

    step: Step
    check: Check
    settings: SiteSettings
    secrets: Mapping[str, Secret]
    only_failed: bool = False


class SetupCheckRunner:
    """Runs `checks` of the set-up in `session` as operations, and calls `changed` with every finding.

    `network_clock` paces a repeated check, whose log-ins `log_ins` approve; `directories` are those that the engine
    writes, by what they are.
    """

    def __init__(
        self,
        api_state: ApiState,
        session: SetupSession,
        checks: SetupChecks,
        network_clock: Clock,
        log_ins: LogIns,
        directories: Mapping[str, Path],
    ) -> None:
        self.checks = checks
        self.changed: Callable[[], None] = lambda: None
        self._api_state = api_state
        self._session = session
        self.network_clock = network_clock
        self._log_ins = log_ins
        self._directories = directories
        self._last: dict[tuple[str, bool], StepCheck] = {}
        self._watch: SetupWatch | None = None
        self._watched = ""
        self._asked = network_clock.now()
        self._machine: tuple[datetime, tuple[CheckStep, ...]] | None = None

    def forget(self) -> None:
        """Forget all results, and stop what runs."""
        for step, log_in in tuple(self._last):
            self.stop(step, log_in=log_in)
        self._last.clear()
        self.checks.forget()
        self._watch, self._watched = None, ""

    def attended(self) -> None:
        """Note that somebody looks at the set-up."""
        self._asked = self.network_clock.now()

    async def machine(self) -> tuple[CheckStep, ...]:
        """Return what the set-up needs of this machine, as found a moment ago."""
        now = self.network_clock.now()
        if self._machine is None or now - self._machine[0] > MACHINE_AGAIN:
            self._machine = now, await self.checks.machine(self._directories)
        return self._machine[1]

    def last(self, step: str, *, log_in: bool) -> StepCheck | None:
        """Return the last check of a step, or the running one."""
        return self._last.get((step, log_in))

    def watch(self, step: str) -> SetupWatch | None:
        """Return the repeated check of a step, None if there is none."""
        return self._watch if self._watched == step else None

    def found(self, step: Step) -> tuple[StepCheck, ...]:
        """Return the last checks of a step that were made with the answers as they are, the one with log-ins last."""
        both = (self.last(step.name, log_in=False), self.last(step.name, log_in=True))
        return tuple(each for each in both if each is not None and each.made_with == self._session.digest(step))

    def findings(self, step: Step) -> Mapping[str, Finding]:
        """Return what the last checks of a step found about its fields, as far as that still holds."""
        found: dict[str, Finding] = {}
        for each in self.found(step):
            found |= each.findings()
        return found

    def fixes(self, step: Step) -> Mapping[str, Fix]:
        """Return the changes that the last checks of a step offer, by id."""
        offered: dict[str, Fix] = {}
        for each in self.found(step):
            offered |= each.fixes()
        return offered

    def account(self, step: Step, page: str, *, log_in: bool, in_full: bool) -> SetupCheck | None:
        """Return the last check of a step as the API gives it."""
        last = self.last(step.name, log_in=log_in)
        operation = self._api_state.operations.get(last.operation) if last is not None else None
        if last is None or operation is None:
            return None
        return last.account(operation, holds=last in self.found(step), page=f"{step.name}/{page}", in_full=in_full)

    def start(self, request: CheckRequest, actor: Actor, *, watch: bool) -> Operation:
        """Start the check of a step with log-ins; with `watch` it is repeated until it passes."""
        result = self._new(request.step, log_in=True)

        async def work(progress: Progress) -> None:
            await (self._repeat if watch else self._once)(request, result, progress)

        return self._begun(result, len(self.checks.users) if request.check in OF_USERS else 0, work, actor)

    def start_reach(self, step: Step, actor: Actor) -> Operation:
        """Start the check of what costs no log-in. Raises KeyError if the step has none."""
        settings, in_force = self._session.as_far_as_valid(), self._session.in_force
        typed = self._session.typed("exchange.user")
        result = self._new(step, log_in=False)

        async def work(progress: Progress) -> None:
            steps = await self.checks.reach(step.name, settings, in_force, typed, self._audience(result, progress))
            result.passed = all(each.outcome is not StepOutcome.FAILED for each in steps)
            self._note_found(step, result)

        return self._begun(result, 0, work, actor)

    def stop(self, step: str, *, log_in: bool) -> None:
        """Stop a running check of a step; what it has found is kept."""
        last = self.last(step, log_in=log_in)
        if last is not None:
            self._api_state.operations.cancel(last.operation)
        if log_in and self._watched == step and self._watch is not None and not self._watch.stopped:
            self._watch = replace(self._watch, next=None, stopped=STOPPED)

    def _new(self, step: Step, *, log_in: bool) -> StepCheck:
        self.stop(step.name, log_in=log_in)
        result = StepCheck("", log_in, self._session.digest(step), [], [], self._api_state.now())
        self._last[step.name, log_in] = result
        return result

    def _begun(
        self, result: StepCheck, total: int, work: Callable[[Progress], Awaitable[None]], actor: Actor
    ) -> Operation:
        operation = self._api_state.operations.start_job("setup check", total, work, actor)
        result.operation = operation.id
        return operation

    def _audience(self, result: StepCheck, progress: Progress, *, of_users: bool = False) -> Audience:
        def report(rung: CheckStep) -> None:
            result.rungs.append(rung)
            result.running_since = self._api_state.now()
            if not of_users:
                progress(len(result.rungs), sum(each.outcome is StepOutcome.FAILED for each in result.rungs))
            self.changed()

        return Audience(result.names.extend, report, progress)

    async def _once(self, request: CheckRequest, result: StepCheck, progress: Progress) -> None:
        audience = self._audience(result, progress, of_users=request.check in OF_USERS)
        user = str(self._session.values.get(USER) or "") or self._any_mailbox()
        before = {each: self._session.digest(each) for each in STEPS if each.name in request.step.needs}
        result.passed = await self.checks.run(
            request.check, request.settings, request.secrets, user, audience, only_failed=request.only_failed
        )
        self._note_found(request.step, result)
        for step, made_with in before.items():
            if step.check in self.checks.proved:
                await self._session.note_check(step, made_with, well=True)
        await self._session.note_check(request.step, result.made_with, well=result.passed)
        self.changed()

    def _any_mailbox(self) -> str:
        """Return a mailbox that the running engine reads, while the set-up has not looked at the users itself."""
        rows = () if self.checks.users else self._api_state.rows.all()
        return next((row.mailbox for row in rows if row.mailbox is not None), "")

    def _note_found(self, step: Step, result: StepCheck) -> None:
        """Note a certificate that may be trusted: there is a page for it."""
        key = f"{step.name}.fingerprint"
        is_found = any(each.field == key for each in result.rungs)
        self._session.found = self._session.found | {key} if is_found else self._session.found - {key}

    async def _repeat(self, request: CheckRequest, result: StepCheck, progress: Progress) -> None:
        begun, self._watched, refused = self.network_clock.now(), request.step.name, 0
        self._watch = watch = SetupWatch(looked=0, last=None, next=None, finding="")
        while True:
            look = result.another_look()  # what was found is told until this one is over
            await self._once(request, look, progress)
            result.take(look)
            now, is_refused = self.network_clock.now(), _is_refused(result)
            pause = EVERY if now - begun < LATER_AFTER else LATER
            if is_refused:
                pause = AFTER_A_REFUSAL[min(refused, len(AFTER_A_REFUSAL) - 1)]
                refused += 1
            self._watch = watch = SetupWatch(
                looked=watch.looked + 1,
                last=self._api_state.now(),
                next=None if result.passed else self._api_state.now() + pause,
                finding=result.finding,
                remedy="" if result.failed is None else result.failed.remedy,
                stopped="" if result.passed or now - self._asked < UNATTENDED else NOBODY_LOOKS,
            )
            self.changed()
            if result.passed or watch.stopped:
                return
            await self.network_clock.sleep_until(now + pause)
            if result.made_with != self._session.digest(request.step):
                self._watch = replace(watch, next=None, stopped=CHANGED)
                self.changed()
                return
            if is_refused:
                await self._log_ins.ask({request.step.name + ".password"})


def _is_refused(result: StepCheck) -> bool:
    failed = result.failed
    return failed is not None and failed.failure is not None and failed.failure.fault is Fault.CREDENTIALS
