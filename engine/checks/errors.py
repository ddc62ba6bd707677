"""Named failures of what a check finds by itself, before any log-in."""

from engine.core.errors import Failure, Fault, Scope


class NameNotFound(Failure):
    """DNS has no address for a host."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "DNS has no address for this host name"
    remedy = "Correct the host name in the settings, or add it to the DNS that this machine uses."


class UserNotInPbx(Failure):
    """The user named for a check does not exist."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The PBX has no such user"
    remedy = "Name a user by the Name (h323) of its object in the PBX."


class NobodyToTry(Failure):
    """No mailbox was named, and no other is known."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "There is no mailbox to test with"
    remedy = "Name the e-mail address of a user with --user."


class ClockDiffers(Failure):
    """The Date header of a server differs from this machine's time by more than log-ins tolerate (5 minutes)."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The clock of this machine differs too much from that of the server"
    remedy = (
        "Set up NTP on the machine that is wrong (timedatectl set-ntp true). Exchange and Entra refuse log-ins from a "
        "difference of 5 minutes on, and presences change at the wrong time."
    )


class DirectoryNotWritable(Failure):
    """The engine's account cannot write a directory."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The engine may not write this directory"
    remedy = "Give the engine's account write access to it."


class AccountWithoutDomain(Failure):
    """The service account was typed without its domain, so a server cannot tell whose it is."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The name of the service account lacks its domain"
    remedy = "Write it as DOMAIN\\user or as user@domain."


class NoWebServices(Failure):
    """A web server answers at the EWS URL, but not as Exchange does: with 401 to a request without a log-in."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "There are no Exchange web services at this address"
    remedy = "Correct exchange.ews_url: it is https://HOST/EWS/Exchange.asmx. Or leave it out, to use autodiscover."
