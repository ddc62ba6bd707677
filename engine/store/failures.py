"""What can go wrong with the files we keep, each by its name."""

from engine.core.failures import Failure, Fault, Scope


class StoreFailure(Failure):
    """Base of this room's failures."""


class StoreUnusable(StoreFailure):
    """The state directory or its database cannot be opened, read or written."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The state directory cannot be used"
    remedy = "Make engine.state_dir a directory that the engine's user owns and may write, on a disk with free space."


class StoreDamaged(StoreFailure):
    """The database is not one of ours, or damaged. Nothing was changed in it."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "The database of acknowledged presences is damaged"
    remedy = "Move the file away and start again: the engine then asks the PBX what it shows for every user."


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
