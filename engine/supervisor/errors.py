"""What can be the matter with the settings of a service that runs, each by its name."""

from engine.core.errors import Failure, Fault, Scope


class SettingsMissing(Failure):
    """There is no settings file yet."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Nothing is set up yet: there is no settings file"
    remedy = "Set it up with calendar-engine setup, or write the file; see calendar-engine.toml(5)."


class SettingsUnreadable(Failure):
    """The settings file is there, but cannot be read as text."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The settings file cannot be read"
    remedy = "Make it a text file in UTF-8 that the engine's account may read. See calendar-engine.toml(5)."


class SettingsUnwritable(Failure):
    """The settings file cannot be replaced. It is as it was."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The settings file cannot be written"
    remedy = "Let the engine's account write into the directory of the file, or change the file by hand."


class SettingsStale(Failure):
    """Somebody else has changed the settings since the caller looked at them."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The settings have changed meanwhile"
    remedy = "Look at them again, and repeat the change with the ETag that you are given then. Nothing was changed."


class EditNotInForce(Failure):
    """The file was edited by hand and is invalid, so that the settings of before are still in force."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The settings file was edited and is not valid; what was set before is still in force"
    remedy = "Correct the file, or go back to an earlier version with calendar-engine config rollback."


class EffectAtNextStart(Failure):
    """A setting was changed that cannot be changed while the engine runs."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Some settings take effect at the next start"
    remedy = "Restart calendar-engine when it suits you."


class ChangeNotConfirmed(Failure):
    """The last change waits for its confirmation, and is undone without one."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The last change of the settings is not confirmed yet"
    remedy = "Confirm it with calendar-engine config confirm, or let it be rolled back."


class ChangeBrokeLink(Failure):
    """What worked before the last change of the settings does not work since."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "A connection that worked does not work since the last change of the settings"
    remedy = "Go back with calendar-engine config rollback, or correct the settings."


class NothingToConfirm(Failure):
    """No change waits for its confirmation, perhaps not any more."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "No change of the settings waits to be confirmed"
    remedy = "See calendar-engine config history for what became of it."


class VersionUnknown(Failure):
    """There is no such version of the settings, or not any more."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "There is no such version of the settings"
    remedy = "calendar-engine config history lists those that can be gone back to."


class NothingToGoBackTo(Failure):
    """No version is before the one in force, or it was gone back to already. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "There is nothing to go back to; nothing was changed"
    remedy = "calendar-engine config history lists the versions; config rollback with a number goes to any of them."
