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


class AlreadyRunning(StoreFailure):
    """Another engine holds the state directory."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Another engine is running with this state directory"
    remedy = "Stop the other one first, or give this one an engine.state_dir of its own."
