"""Failures of the settings of a running service."""

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
    """The settings file cannot be replaced; it is unchanged."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The settings cannot be saved"
    remedy = "Give the engine's account write access to the directory of the file, or edit the file by hand."


class SettingsStale(Failure):
    """The settings have changed since the caller read them."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The settings have changed in the meantime"
    remedy = "Nothing was changed. Read the settings again, and repeat the change with their new ETag."


class SettingsWentBack(Failure):
    """The database that several engines share has forgotten settings that were in force at this one."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The shared settings are older ones: the database has lost changes, as by a restored backup"
    remedy = (
        "Compare them with the newer ones in the file named, and change again what is missing with calendar-engine "
        "config set. Then end this with calendar-engine config confirm, at every engine that says so."
    )


class EditNotInForce(Failure):
    """The file was edited by hand and is invalid; the previous settings are still in force."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The settings file was edited and is not valid; the previous settings are still in force"
    remedy = "Correct the file, or go back to an earlier version with calendar-engine config rollback."


class EffectAtNextStart(Failure):
    """A setting was changed that takes effect only at the next start."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Some settings take effect at the next start"
    remedy = "Restart calendar-engine at a convenient time."


class ChangeNotConfirmed(Failure):
    """The last change awaits confirmation and is rolled back without it."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The last change to the settings is not confirmed yet"
    remedy = "Confirm it with calendar-engine config confirm, or let it be rolled back."


class ChangeBrokeLink(Failure):
    """A connection that worked before the last change to the settings has failed since."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "A connection that worked has failed since the last change to the settings"
    remedy = "Roll back with calendar-engine config rollback, or correct the settings."


class NothingToConfirm(Failure):
    """No change awaits confirmation, or no longer does."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "No change to the settings is waiting for confirmation"
    remedy = "calendar-engine config history shows whether the change was confirmed or rolled back."


class VersionUnknown(Failure):
    """This version of the settings does not exist, or is no longer kept."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "This version of the settings does not exist"
    remedy = "calendar-engine config history lists the versions you can roll back to."


class NothingToGoBackTo(Failure):
    """There is no version before the one in force, or it was rolled back to already. Nothing was changed."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "There is no version to roll back to; nothing was changed"
    remedy = "calendar-engine config history lists the versions; config rollback NUMBER goes back to any of them."
