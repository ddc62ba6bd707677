"""A step-by-step check: every step has its evidence, duration, failure and remedy."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from engine.core.clock import Clock
from engine.core.errors import Failure, Fault, Scope


class Outcome(StrEnum):
    """How a rung ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Rung:
    """One thing that was tried. `evidence` is what was seen, in words; `skipped_because` says why it was not tried.

    What is `confidential`, as somebody else's address, is told to those alone who may change things.

    `remedy` is what to do about the `failure`, in as exact words as can be found for this site.
    """

    name: str
    outcome: Outcome
    evidence: tuple[str, ...] = ()
    duration: timedelta = timedelta()
    failure: Failure | None = None
    remedy: str = ""
    skipped_because: str = ""
    confidential: tuple[str, ...] = ()


@dataclass(slots=True)
class Footing:
    """What a step finds out on its rung; a `remedy` of its own takes the place of the failure's."""

    evidence: list[str] = field(default_factory=list)
    remedy: str = ""
    confidential: list[str] = field(default_factory=list)

    def add_troubles(self, troubles: Iterable[tuple[str, Failure]]) -> None:
        """Note what is the matter with whom."""
        for whom, failure in troubles:
            self.evidence.append(f"{whom}: {failure.meaning}: {failure.detail}".removesuffix(": "))
            if failure.confidential:
                self.confidential.append(f"{whom}: {failure.confidential}")


class NotReached(Exception):
    """Raised by a step that could not even be tried, with the reason; the climb goes on."""


Step = Callable[[Footing], Awaitable[None]]


class Ladder:
    """Climbs the rungs `names` in their order; `report` hears of each as it is done. `clock` is the network clock.

    After a rung that failed the following ones are skipped.
    """

    def __init__(self, names: Sequence[str], report: Callable[[Rung], None], clock: Clock) -> None:
        self.names = tuple(names)
        self.rungs: list[Rung] = []
        self._report = report
        self._clock = clock
        self._broken = ""

    @property
    def holds(self) -> bool:
        """Whether no rung has failed."""
        return not self._broken

    async def climb(self, name: str, step: Step) -> None:
        """Try one rung; the failure that `step` raises is taken down, and ends the climb."""
        if self._broken:
            self.skip(name, f'"{self._broken}" failed')
            return
        footing, begun = Footing(), self._clock.now()
        failure: Failure | None = None
        try:
            await step(footing)
        except NotReached as reason:
            self.skip(name, str(reason))
            return
        except Failure as caught:
            failure, self._broken = caught, name
        self._add(
            Rung(
                name,
                Outcome.FAILED if failure else Outcome.OK,
                tuple(footing.evidence),
                self._clock.now() - begun,
                failure,
                (footing.remedy or failure.remedy) if failure else "",
                confidential=tuple(footing.confidential),
            )
        )

    def skip(self, name: str, why: str) -> None:
        """Leave out a rung, and say why."""
        self._add(Rung(name, Outcome.SKIPPED, skipped_because=why))

    def _add(self, rung: Rung) -> None:
        self.rungs.append(rung)
        self._report(rung)


class NameNotFound(Failure):
    """The name service knows no address for a host."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The name service knows no address for this name"
    remedy = "Correct the host name in the settings, or have it entered into the name service that this machine asks."


class NobodyTakesPart(Failure):
    """The PBX has users, or none, and the selection leaves nobody."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "No user of the PBX takes part"
    remedy = "Check pbx.users in the settings, and that the PBX has users."


class UserNotInPbx(Failure):
    """The user that the probe was asked to look at does not exist."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The PBX has no such user"
    remedy = "Name a user by the Name (h323) of its object in the PBX."


class NobodyToTry(Failure):
    """No mailbox was named, and none can be guessed."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "There is no mailbox to try this with"
    remedy = "Name the e-mail address of a user with --user."
