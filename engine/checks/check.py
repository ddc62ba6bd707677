"""A step-by-step check: every step has its evidence, duration, failure and remedy."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from engine.checks.fields import field_of
from engine.checks.fixes import Fix
from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.tls.certificate import Certificate


class StepOutcome(StrEnum):
    """Result of a step."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of a check. `evidence` is what was observed, in words; `skipped_because` is why it was not tried.

    `confidential` lines, such as other people's addresses, are shown only to those who may change things.

    `remedy` is what to do about the `failure`, worded as exactly as possible for this site. `field` is the key of the
    setting, or the name of the secret, that is wrong, "" if it has to be mended elsewhere; `fixes` are changes of
    settings that mend it, the best one first. A step without a failure may offer some, too. `shown` is the
    certificate that was not trusted.
    """

    name: str
    outcome: StepOutcome
    evidence: tuple[str, ...] = ()
    duration: timedelta = timedelta()
    failure: Failure | None = None
    remedy: str = ""
    skipped_because: str = ""
    confidential: tuple[str, ...] = ()
    field: str = ""
    fixes: tuple[Fix, ...] = ()
    shown: Certificate | None = None


@dataclass(slots=True)
class StepLog:
    """Findings of a running step; its `remedy` and `field`, if set, replace the failure's ("" is no field)."""

    evidence: list[str] = member(default_factory=list)
    remedy: str = ""
    confidential: list[str] = member(default_factory=list)
    field: str | None = None
    fixes: list[Fix] = member(default_factory=list)
    shown: Certificate | None = None

    def add_troubles(self, troubles: Iterable[tuple[str, Failure]]) -> None:
        """Record who is affected by which failure."""
        for whom, failure in troubles:
            self.evidence.append(f"{whom}: {failure.meaning}: {failure.detail}".removesuffix(": "))
            if failure.confidential:
                self.confidential.append(f"{whom}: {failure.confidential}")


class StepSkipped(Exception):
    """Raised by a step that could not be tried, with the reason; the check goes on."""


class AnyCheck(Protocol):
    """A check of any kind."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all steps."""
        ...

    async def run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        """Run the check and return all steps."""
        ...


StepFunction = Callable[[StepLog], Awaitable[None]]


class CheckRun:
    """Runs the steps `names` in order and passes each result to `report`. `clock` is the network clock.

    After a failed step the remaining ones are skipped.
    """

    def __init__(self, names: Sequence[str], report: Callable[[CheckStep], None], clock: Clock) -> None:
        self.names = tuple(names)
        self.steps: list[CheckStep] = []
        self._report = report
        self._clock = clock
        self._broken = ""

    @property
    def holds(self) -> bool:
        """Whether no step has failed."""
        return not self._broken

    async def run(self, name: str, step: StepFunction, *, ends_it: bool = True, always: bool = False) -> None:
        """Run one step; the failure that `step` raises is recorded and, unless not `ends_it`, ends the check.

        What is to be done `always` is done after a failure as well.
        """
        if self._broken and not always:
            self.skip(name, f'"{self._broken}" failed')
            return
        step_log, begun = StepLog(), self._clock.now()
        failure: Failure | None = None
        try:
            await step(step_log)
        except StepSkipped as reason:
            self.skip(name, str(reason))
            return
        except Failure as caught:
            failure = caught
            self._broken = name if ends_it else ""
        self._add(
            CheckStep(
                name,
                StepOutcome.FAILED if failure else StepOutcome.OK,
                tuple(step_log.evidence),
                self._clock.now() - begun,
                failure,
                (step_log.remedy or failure.remedy) if failure else "",
                confidential=tuple(step_log.confidential),
                field=_field(failure, step_log.field),
                fixes=tuple(step_log.fixes),
                shown=step_log.shown,
            )
        )

    def skip(self, name: str, why: str) -> None:
        """Skip a step for the reason `why`."""
        self._add(CheckStep(name, StepOutcome.SKIPPED, skipped_because=why))

    def _add(self, step: CheckStep) -> None:
        self.steps.append(step)
        self._report(step)


def _field(failure: Failure | None, noted: str | None) -> str:
    if failure is None:
        return ""
    return field_of(failure) if noted is None else noted
