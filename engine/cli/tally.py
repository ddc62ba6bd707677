"""Counts what an engine reported, for the summary at the end of a demo."""

from engine.core.failures import Failure
from engine.sync.happenings import Happening, LinkTrouble, PresenceConfirmed, UserTrouble
from engine.sync.status import Status, UserProblem


class Tally:
    """An observer that remembers how much was written and what went wrong with a whole side or with a presence."""

    def __init__(self) -> None:
        self.presences_set = 0
        self._link_failures: list[tuple[str, Failure]] = []
        self._user_failures: dict[str, UserTrouble] = {}

    def note(self, happening: Happening) -> None:
        """Count one happening."""
        match happening:
            case PresenceConfirmed():
                self.presences_set += 1
            case LinkTrouble(side, failure):
                self._link_failures.append((side.value, failure))
            case UserTrouble(user):
                self._user_failures[user.guid] = happening
            case _:
                pass

    def errors(self, status: Status) -> list[tuple[str, Failure]]:
        """Return who or what failed and how, without the users that `status` lists as unresolved anyway."""
        known = {problem.user.guid for problem in status.unresolved}
        users = [trouble for guid, trouble in self._user_failures.items() if guid not in known]
        return [*self._link_failures, *((trouble.user.label, trouble.failure) for trouble in users)]


def problem_as_data(problem: UserProblem) -> dict[str, str]:
    """Return a user's problem for JSON."""
    return {"user": problem.user.label} | failure_as_data(problem.failure)


def failure_as_data(failure: Failure) -> dict[str, str]:
    """Return a failure for JSON: its name, what happened, what to do."""
    return {"failure": failure.slug, "reason": str(failure), "remedy": failure.remedy}
