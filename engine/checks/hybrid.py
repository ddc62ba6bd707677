"""Check of a hybrid organisation: the steps of both halves, the user's calendar in the half that has the mailbox."""

from collections.abc import Callable
from dataclasses import replace

from engine.checks.check import AnyCheck, CheckStep, StepOutcome
from engine.exchange.errors import ExchangeFailure
from engine.exchange.hybrid import is_absence

ON_PREMISES, ONLINE = "on premises", "online"


class HybridCheck:
    """Runs the checks of both halves, one after the other, whatever the result of the first.

    That a mailbox is not in one half is no failure, unless it is not in the other either: then it is one of the second.
    """

    def __init__(self, on_premises: AnyCheck, online: AnyCheck) -> None:
        self._on_premises = on_premises
        self._online = online
        self.names = (
            *(f"{ON_PREMISES}: {name}" for name in on_premises.names),
            *(f"{ONLINE}: {name}" for name in online.names),
        )

    async def run(self, report: Callable[[CheckStep], None]) -> tuple[CheckStep, ...]:
        """Run both checks and return all steps."""
        on_premises = _Half(ON_PREMISES, report)
        await self._on_premises.run(on_premises.tell)
        online = _Half(ONLINE, report, absence_fails=on_premises.is_absent)
        await self._online.run(online.tell)
        return (*on_premises.steps, *online.steps)


class _Half:
    """Passes the steps of one half on by their full names; once the mailbox is absent, they are skipped, unless that
    `absence_fails`."""

    def __init__(self, name: str, report: Callable[[CheckStep], None], *, absence_fails: bool = False) -> None:
        self.steps: list[CheckStep] = []
        self.is_absent = False
        self._name = name
        self._report = report
        self._absence_fails = absence_fails

    def tell(self, step: CheckStep) -> None:
        """Note a step and pass it on."""
        name = f"{self._name}: {step.name}"
        if isinstance(step.failure, ExchangeFailure) and is_absence(step.failure):
            self.is_absent = True
        if self.is_absent and not self._absence_fails:
            step = CheckStep(name, StepOutcome.SKIPPED, skipped_because=f"the mailbox is not {self._name}")
        else:
            step = replace(step, name=name)
        self.steps.append(step)
        self._report(step)
