"""What can go wrong with the files we keep, each by its name."""

from engine.core.errors import Failure, Fault, Scope


class StoreFailure(Failure):
    """Base of this room's failures."""


class StoreUnusable(StoreFailure):
    """The state directory or its database cannot be opened, read or written."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The state directory cannot be used"
    remedy = "Make engine.state_dir a directory that the engine's user owns and may write, on a disk with free space."


class DiskUnusable(StoreUnusable):
    """The disk is full, read only or broken: what is the matter may pass, or be mended, without another setting."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The state directory cannot be written, or read, at the moment"
    remedy = (
        "Make room on its disk, mount it for writing, or mend it; calendar-engine goes on keeping what it has to "
        "remember by itself then."
    )


class StoreDamaged(StoreFailure):
    """The database is damaged. Nothing was changed in it."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The database of acknowledged presences is damaged"
    remedy = "Move the file away and start again: the engine then asks the PBX what it shows for every user."


class StoreForeign(StoreDamaged):
    """The database is another program's, or a newer version's."""

    fault = Fault.SETTINGS
    meaning = "The database in the state directory is not one that this version can use"
    remedy = "Start the newer calendar-engine, or give this one an engine.state_dir of its own."


class DatabasePutAside(StoreFailure):
    """The database was damaged when the engine started, which began with an empty one."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The database was damaged and put aside; its settings history and audit log are only there"
    remedy = (
        "Look at the disk of the state directory, and remove that file when you do not need it any more. The PBX was "
        "asked what it shows; users who left meanwhile may still show a presence, which is cleared by hand."
    )


class PresencesNotKept(StoreFailure):
    """What the PBX confirmed cannot be written down. Presences go on from memory."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "Presences are kept in memory only, since the state directory cannot be written"
    remedy = (
        "Make room on the disk of the state directory, mount it for writing, or mend it. Everything goes on and is "
        "written down when that works again; presences that could not be written down are cleared when the engine "
        "stops before that."
    )


class VersionsNotKept(StoreFailure):
    """A version of the settings is in force that cannot be written down."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The settings in force are not in the history, since the state directory cannot be written"
    remedy = (
        "Make room on the disk of the state directory, mount it for writing, or mend it: they are written down "
        "then, within a minute."
    )


class AuditNotKept(StoreFailure):
    """Who changed what cannot be written down for later; it is in the log of the service all the same."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The audit log cannot be kept"
    remedy = (
        "Make room on the disk of the state directory, or let it be written again. Until then the entries are in the "
        "log of the service, and in memory."
    )


class StateDirectoryExposed(StoreFailure):
    """Others may write into the state directory, or put another one in its place, or look into it."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The state directory is not protected"
    remedy = (
        "Make it a directory that belongs to the account calendar-engine runs as, with mode 0700 (chown and chmod "
        "700), below directories in which only that account and root may write. Then look whether its files are "
        "still yours, and change the passwords in it if others could read them."
    )


class AlreadyRunning(StoreFailure):
    """Another engine holds the state directory."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Another engine is running with this state directory"
    remedy = "Stop the other one first, or give this one an engine.state_dir of its own."
