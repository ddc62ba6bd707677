"""Problems of a settings file, reported all at once, each with its line and remedy."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.core.errors import Failure, Fault, Scope


@dataclass(frozen=True, slots=True)
class InvalidSetting:
    """One problem: the dotted `key` it concerns and the `line` it is on, counted from 1.

    `line` is None if no line applies (a table that is missing altogether); `key` is empty if the file is not TOML.
    `instead` are the settings that are meant by the value, if that is clear.
    """

    key: str
    line: int | None
    reason: str
    remedy: str
    instead: Mapping[str, str | int | bool] = field(default_factory=dict)

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        subject = f"{self.key} " if self.key else ""
        return f"{place}{subject}{self.reason}. {self.remedy}"


class SettingsInvalid(Failure):
    """A settings file was rejected as a whole; `problems` holds everything wrong with it, in the order of the lines."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The settings cannot be used"
    remedy = "Correct each line listed; nothing is applied until all are valid. See calendar-engine.toml(5)."

    def __init__(self, source: str, problems: tuple[InvalidSetting, ...]) -> None:
        super().__init__(f"{source}: {' '.join(map(str, problems))}")
        self.source = source
        self.problems = problems
