"""What can go wrong with the sockets of the local API, each by its name."""

from engine.core.errors import Failure, Fault, Scope


class SocketInUse(Failure):
    """Another process listens on the socket."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Another process listens on the socket of the local API"
    remedy = "Stop the other engine, or give this one another engine.socket."


class SocketPathTaken(Failure):
    """Something that is no socket is where the socket should be. It is left alone."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "There is something else where the socket of the local API should be"
    remedy = "Remove it by hand, or set engine.socket to another path."


class SocketUnusable(Failure):
    """The socket cannot be made."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The socket of the local API cannot be made"
    remedy = (
        "Set engine.socket to a path of less than 100 characters in a directory that the engine's account may write to."
    )


class SocketDirectoryExposed(Failure):
    """Others could put a socket of theirs in the place of ours."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The directory of the local API's socket is not protected"
    remedy = (
        "Set engine.socket to a path in a directory that belongs to the engine's account or root, "
        "and that nobody else may write to."
    )


class SocketGroupUnusable(Failure):
    """The socket cannot be given to the group of the settings."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The socket cannot be given to the group in engine.socket_group"
    remedy = "Name an existing group, and make the engine's account a member of it."


class SocketsGivenUnusable(Failure):
    """What systemd handed over cannot be served."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The sockets that systemd handed over cannot be used"
    remedy = (
        "Give ListenStream= one absolute path for reading and writing, and a second one that ends with -ro.sock "
        "for reading only."
    )


class OpenFilesScarce(Failure):
    """Most of the file descriptors there may be are in use."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The engine is running out of file descriptors"
    remedy = (
        "Find out which program keeps so many connections to the engine open (ss -xp), and let the engine have more: "
        "LimitNOFILE= in its unit, or ulimit -n."
    )


class LoopHeld(Failure):
    """What is due has to wait for long, again and again."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The machine is too busy for the engine, or something in the engine takes too long"
    remedy = (
        "See what else keeps the processors and disks of the machine busy (top, iotop), and give the engine more of "
        "them. If the machine has little to do, please report it with the log."
    )


class MetricsPortUnusable(Failure):
    """Nobody can be answered at the port for metrics."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The port of the metrics cannot be used"
    remedy = "Set engine.metrics_port to another port, above 1023, or leave it out."
