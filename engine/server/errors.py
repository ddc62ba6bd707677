"""Failures of the sockets of the local API, and of the health of the process."""

from engine.core.errors import Failure, Fault, Scope


class SocketInUse(Failure):
    """Another process listens on the socket."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Another process listens on the socket of the local API"
    remedy = "Stop the other engine, or set a different engine.socket for this one."


class SocketPathTaken(Failure):
    """A file that is not a socket is at the path of the socket. It is left alone."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "A file that is not a socket is at the path of the local API's socket"
    remedy = "Remove it by hand, or set engine.socket to another path."


class SocketUnusable(Failure):
    """The socket cannot be created."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The socket of the local API cannot be created"
    remedy = (
        "Set engine.socket to a path of less than 100 characters in a directory that the engine's account may write to."
    )


class SocketDirectoryExposed(Failure):
    """Others could replace the socket by their own."""

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
    """The sockets passed by systemd cannot be served."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The sockets passed by systemd cannot be used"
    remedy = (
        "Set ListenStream= to an absolute path for reading and writing, and to a second one that ends with -ro.sock "
        "for reading only."
    )


class OpenFilesScarce(Failure):
    """Most of the allowed file descriptors are in use."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The engine is running out of file descriptors"
    remedy = (
        "Find the program that keeps so many connections to the engine open (ss -xp), and raise the engine's limit: "
        "LimitNOFILE= in its unit, or ulimit -n."
    )


class LoopHeld(Failure):
    """The event loop is repeatedly late."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The machine is too busy for the engine, or something in the engine takes too long"
    remedy = (
        "Find out what keeps the processors and disks of the machine busy (top, iotop), and give the engine more "
        "resources. If the machine is mostly idle, please report it with the log."
    )


class MetricsPortUnusable(Failure):
    """The port for metrics cannot be served."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The port for metrics cannot be used"
    remedy = (
        "Set engine.metrics_port to a different port above 1023, or leave it out. The system service may open no port "
        'before SocketBindAllow= allows it; see "Ports" in calendar-engine(8).'
    )


class WorksAlone(Failure):
    """The engine shares its users with no other."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "This engine works alone: it is no member of a cluster"
    remedy = "Ask an engine that shares its users with others, or let this one join them: calendar-engine cluster join."


class NodeGone(Failure):
    """A node of the cluster ended without handing over its users, and has not come back."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "A node of the cluster is gone, and the others do its work"
    remedy = (
        "Find out what has happened to its machine, and start calendar-engine there, or on another one under the same "
        "name. Until then there is one node less to go on if another one fails. What is not to come back is forgotten "
        "after a week."
    )


class UsersWithoutNode(Failure):
    """Parts of the users have no engine that works for them."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "No engine works for some of the users"
    remedy = (
        "See calendar-engine cluster status: start an engine that is missing, undrain one (calendar-engine cluster "
        "undrain NODE), or mend what keeps those that are running from their work, such as the link to the PBX."
    )
