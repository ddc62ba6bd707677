"""What only a probe meets, each by its name; all else that can go wrong is named where it happens."""

from engine.core.failures import Failure, Fault, Scope


class NameNotFound(Failure):
    """The name service knows no address for a host."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The name service knows no address for this name"
    remedy = "Correct the host name in the settings, or have it entered into the name service that this machine asks."


class NobodyTakesPart(Failure):
    """The PBX has users, or none, and the selection leaves nobody."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "No user of the PBX takes part"
    remedy = "Check pbx.users in the settings, and that the PBX has users."


class UserNotInPbx(Failure):
    """The user that the probe was asked to look at does not exist."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The PBX has no such user"
    remedy = "Name a user by the Name (h323) of its object in the PBX."


class NobodyToTry(Failure):
    """No mailbox was named, and none can be guessed."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "There is no mailbox to try this with"
    remedy = "Name the e-mail address of a user with --user."
