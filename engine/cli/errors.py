"""Failures of the commands, with their remedies."""

from collections.abc import Sequence
from pathlib import Path

from engine.core.errors import Failure, Fault, Scope
from engine.settings.problems import InvalidSetting


class UserNotFound(Failure):
    """No user matches the argument."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "No such user"
    remedy = "calendar-engine users lists all synchronised users; give the exact name, address or guid."


class UserNotClear(Failure):
    """More than one user matches the argument."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The user is ambiguous"
    remedy = "Give the exact name, display name, e-mail address or guid; calendar-engine users lists them."


class ChangeNotUnderstood(Failure):
    """A change of a setting on the command line has no key, or no value."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The change has no key or no value"
    remedy = "Write key=value, for instance presence.language=de; calendar-engine.toml(5) lists the keys."


class SettingUnknown(Failure):
    """There is no such setting."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "No such setting"
    remedy = "calendar-engine config schema lists all settings."


class SecretUnknown(Failure):
    """There is no such secret."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "No such secret"
    remedy = "calendar-engine secret list lists all secrets."


class SecretNotTyped(Failure):
    """No secret was given, or not the same one twice. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "No secret was given"
    remedy = "Type it at the prompt, or give it as one line of standard input."


class NotOneExchange(Failure):
    """A command for one log entry was given without its number."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The number of an entry is missing"
    remedy = "Give its number, the first column of calendar-engine log show."


class OutputNotWritten(Failure):
    """Standard output or standard error cannot be written."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The output cannot be written"
    remedy = "Check that there is free space where the output goes."


class FileNotWritten(Failure):
    """The file exists already, or cannot be created."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The file cannot be written"
    remedy = "Name another file, in a directory that this account may write to."


class FileNotRead(Failure):
    """The file does not exist, or this account may not read it."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The file cannot be read"
    remedy = "Check its name, and that this account may read it."


class NoCertificate(Failure):
    """There is no certificate to write to a file."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The engine has made no certificate"
    remedy = "calendar-engine cloud certificate makes one."


class AnswersInvalid(Failure):
    """Some answers are missing or wrong; all of them are named, and nothing was tried."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The answers are incomplete or invalid"
    remedy = "Correct everything named; nothing was checked or changed. calendar-engine(8) describes the file."

    def __init__(self, file: Path, problems: Sequence[InvalidSetting]) -> None:
        super().__init__(f"{file}: {' '.join(map(str, problems))}")
        self.source = str(file)
        self.problems = tuple(problems)


class FlowUnknown(Failure):
    """There is no set-up of that name."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "There is no set-up of this name"
    remedy = "Omit --flow to set everything up."


class AnswersNotGiven(Failure):
    """JSON output was requested for a dialogue."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "JSON output is not possible in a dialogue"
    remedy = "Give all answers in a file with --answers, or omit --json."
