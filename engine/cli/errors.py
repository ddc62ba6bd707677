"""What can go wrong between a command and the engine it talks to, each by its name."""

from collections.abc import Sequence
from pathlib import Path

from engine.core.errors import Failure, Fault, Scope
from engine.settings.problems import Problem


class UserNotFound(Failure):
    """No user is meant by what was typed."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "There is no such user"
    remedy = "calendar-engine users lists everybody who takes part; the exact name, address or guid can be given."


class UserNotClear(Failure):
    """More than one user is meant by what was typed."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "It is not clear which user is meant"
    remedy = "Give the exact name, display name, e-mail address or guid; calendar-engine users lists them."


class ChangeNotUnderstood(Failure):
    """What was typed as another value of a setting has no key, or no value."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "It is not clear which setting is meant"
    remedy = "Write key=value, for instance presence.language=de; calendar-engine.toml(5) lists the keys."


class SettingUnknown(Failure):
    """There is no such setting."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "There is no such setting"
    remedy = "calendar-engine config schema lists them all."


class SecretUnknown(Failure):
    """There is no such secret."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "There is no such secret"
    remedy = "calendar-engine secret list lists them all."


class SecretNotTyped(Failure):
    """No secret was given, or not the same one twice. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "No secret was given"
    remedy = "Type it at the prompt, or give it as one line of standard input."


class NotOneExchange(Failure):
    """A command for one exchange got something else than its number."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "It is not clear which exchange is meant"
    remedy = "Give its number, which is the first column of calendar-engine log show."


class OutputNotWritten(Failure):
    """Standard output or standard error takes no more."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The output cannot be written"
    remedy = "See that there is space where it goes to."


class FileNotWritten(Failure):
    """The file of an export is there already, or cannot be made."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The file cannot be written"
    remedy = "Name another one with --output, in a directory that this account may write to."


class AnswersInvalid(Failure):
    """Some answers are missing or wrong; all of them are named, and nothing was tried."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The answers cannot be used"
    remedy = "Correct everything named; nothing was tried or changed. calendar-engine(8) describes the file."

    def __init__(self, file: Path, problems: Sequence[Problem]) -> None:
        super().__init__(f"{file}: {' '.join(map(str, problems))}")
        self.source = str(file)
        self.problems = tuple(problems)


class AnswersNotGiven(Failure):
    """The outcome is to be JSON, and the answers to be typed."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "There is no JSON of a dialogue"
    remedy = "Give all answers in a file with --answers, or leave --json out."
