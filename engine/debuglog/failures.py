"""What can go wrong with the debug log, each by its name. None of it ever stops the engine."""

from engine.core.failures import Failure, Fault, Scope


class DebugLogUnusable(Failure):
    """The database of the debug log cannot be opened, read or written."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The debug log cannot be used"
    remedy = (
        "Make room on the disk of engine.state_dir, or lower debug_log.max_megabytes. Presences are not concerned: "
        "what cannot be written down is dropped and counted."
    )
