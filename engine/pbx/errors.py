"""Named failures of the connection to the PBX."""

from enum import StrEnum

from engine.core.errors import Failure, Fault, Scope, slug_of


class PbxFailure(Failure):
    """Base class of the PBX failures."""


class PbxUnreachable(PbxFailure):
    """There is no connection, or it was lost."""

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "The PBX cannot be reached"
    remedy = "Check pbx.host and pbx.port, that the PBX is up, and that a firewall lets this machine reach it."


class Ender(StrEnum):
    """The party that ended a connection."""

    PBX = "the PBX"
    NETWORK = "the network"
    ENGINE = "the engine"


class PbxConnectionLost(PbxUnreachable):
    """An established connection has ended; `by` is who ended it, as far as that can be known."""

    meaning = "The connection to the PBX was lost"
    remedy = (
        "The engine reconnects by itself. If it happens often, check the log of the PBX, and firewalls and proxies "
        "between it and this machine."
    )

    def __init__(self, detail: str, by: Ender) -> None:
        super().__init__(detail)
        self.by = by


class PbxLinkMistake(PbxFailure):
    """An unexpected exception while serving the connection; its traceback is in the log."""

    fault = Fault.OURS
    scope = Scope.SERVICE
    meaning = "A bug in the engine ended the connection to the PBX"
    remedy = "The engine reconnects by itself. Please report this with the log."


class PbxLinkUnstable(PbxFailure):
    """The link works now, but was lost again and again."""

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "The PBX link keeps dropping"
    remedy = (
        "Often two engines use the same App object: stop the other one. Otherwise check what ends it: the log of the "
        "PBX if the PBX closes it; firewalls, proxies and cables in between if the network breaks it; the log of the "
        "engine if the engine gives it up. After each loss all users are replicated again and changes are shown late."
    )


class PbxCertificateNotTrusted(PbxFailure):
    """The TLS handshake failed because of the PBX's certificate."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The PBX certificate is not trusted"
    remedy = (
        "Set pbx.ca_file to the CA that issued it, or correct pbx.host so that it matches the certificate. Or compare "
        "its SHA-256 with the one that the PBX itself shows for its certificate, and set pbx.fingerprint to it."
    )


class PbxTlsImpossible(PbxUnreachable):
    """The TLS handshake failed for another reason than the certificate: an alert, or no common version."""

    fault = Fault.SETTINGS
    meaning = "The PBX and this machine cannot agree on a TLS connection"
    remedy = (
        "At least TLS 1.2 is required: update the firmware of the PBX. Check pbx.port and pbx.tls, and that this port "
        "serves TLS at all."
    )


class NotAPbx(PbxFailure):
    """The server at that address does not speak the App WebSocket protocol."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The server at this address is not an innovaphone PBX"
    remedy = "Check pbx.host, pbx.port and pbx.tls: they must lead to /PBX0/APPS/websocket of the PBX."


class PbxNotConnected(PbxFailure):
    """The engine listens, but the right PBX has not connected yet."""

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "The PBX has not connected yet"
    remedy = (
        'Tick "Websocket" at the App object in the PBX, and set its URL to the one that the engine listens at, plus '
        "one more path segment. Check that firewalls let the PBX reach this machine."
    )


class ListeningImpossible(PbxFailure):
    """The engine cannot open its port."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The engine cannot listen for the PBX"
    remedy = (
        "Set pbx.listen_address to an address of this machine and pbx.listen_port to a free port above 1023. The "
        'system service may open no port before SocketBindAllow= allows it; see "Ports" in calendar-engine(8).'
    )


class ListenCertificateUnusable(PbxFailure):
    """The certificate or key for listening cannot be read, made or used."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The certificate for listening cannot be used"
    remedy = (
        "Set pbx.certificate and pbx.certificate_key to PEM files that belong together, the key without a passphrase, "
        "both readable by the engine's account; or leave both out, and the engine makes its own."
    )


class PbxPasswordWrong(PbxFailure):
    """A peer that connected to the engine could not prove that it knows the password."""

    fault = Fault.CREDENTIALS
    scope = Scope.CONNECTION
    meaning = "A log-in with a wrong password was refused"
    remedy = "Compare the secret pbx.password with the Password of the App object in the PBX."


class UserLoginRefused(PbxFailure):
    """A user opened the app, with the right digest; it has nothing to show."""

    fault = Fault.SETTINGS
    scope = Scope.CONNECTION
    meaning = "A user opened the app, which has no user interface"
    remedy = "Do not assign the app to users in the PBX; the App object works without them."


class PbxLoginRefused(PbxFailure):
    """The PBX answered AppLogin with a negative AppLoginResult."""

    fault = Fault.CREDENTIALS
    scope = Scope.SERVICE
    meaning = "The PBX refuses the log-in"
    remedy = (
        "Check that the PBX has an App object whose Name is pbx.app, and that the secret pbx.password is its Password. "
        "The PBX does not say which of the two is wrong. A new password is tried at once; if the App object was "
        'corrected instead, "calendar-engine log-in retry" tries it once more.'
    )


class WrongPbx(PbxFailure):
    """The PBX that answered is not the configured master PBX; `found` are the names it may have instead."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "This is not the master PBX"
    remedy = (
        "Set pbx.master to the PBX Name of the master PBX. If that is another PBX, correct the address of the PBX in "
        'the settings or, if the PBX connects to the engine, clear the tick "Websocket" at this App object.'
    )

    def __init__(self, detail: str = "", found: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.found = found


class PbxRightsMissing(PbxFailure):
    """The App object may not use an API that the engine needs."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "The App object lacks a right"
    remedy = 'Tick "PBX" (PbxApi) and "TableUsers" (PbxTableUsers) at the App object in the PBX.'


class PbxNotUnderstood(PbxFailure):
    """A message breaks the protocol."""

    fault = Fault.PEER_PROTOCOL
    scope = Scope.CONNECTION
    meaning = "The PBX sent something that cannot be understood"
    remedy = "The engine reconnects by itself. If it happens often, please report it with the log."


class PresenceUnanswered(PbxFailure):
    """SetPresence or SubscribePresence was not answered in time."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "The PBX does not answer about this presence"
    remedy = (
        "It is retried by itself, less often each time. If every user is affected, check that "
        '"PBX" (PbxApi) is ticked at the App object in the PBX.'
    )


class PresenceRefused(PbxFailure):
    """SetPresenceResult carried an error."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "The PBX refuses to set this presence"
    remedy = "Check that the user still exists in the PBX. It is retried when the user or the presence changes."


class PresenceTakenOver(PbxFailure):
    """The PBX shows a presence under our contact that the engine did not write."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "Another program sets the calendar presence of this user"
    remedy = (
        "Let only one program write this contact: stop the other one (the Calendar app of the PBX, a second engine), "
        "or set pbx.presence_contact to a contact that nothing else uses. The other program's presence is not "
        "overwritten until this user's presence changes next."
    )


def failure_named(slug: str) -> type[PbxFailure]:
    """Return the failure with this name, or else the base class."""
    kinds: list[type[PbxFailure]] = [PbxFailure]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return next((kind for kind in kinds if slug_of(kind) == slug), PbxFailure)
