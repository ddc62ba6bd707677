"""What is wrong with a settings file, told all at once and so that it can be put right without a manual."""

from dataclasses import dataclass

from engine.core.errors import Failure, Fault, Scope


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: the dotted `key` it is about and the `line` it is on, counted from 1.

    `line` is None where nothing in the file can be pointed at (a table that is missing altogether); `key` is empty
    where the file is no TOML.
    """

    key: str
    line: int | None
    reason: str
    remedy: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        subject = f"{self.key} " if self.key else ""
        return f"{place}{subject}{self.reason}. {self.remedy}"


class SettingsInvalid(Failure):
    """A settings file was refused as a whole; `problems` holds every mistake in it, in the order of the lines."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The settings cannot be used"
    remedy = "Correct each line named; nothing is applied until all are right. See calendar-engine.toml(5)."

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{source}: {' '.join(map(str, problems))}")
        self.source = source
        self.problems = problems
