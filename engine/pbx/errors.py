"""What can go wrong between us and the PBX, each by its name."""

from enum import StrEnum

from engine.core.errors import Failure, Fault, Scope


class PbxFailure(Failure):
    """Base of this room's failures."""


class PbxUnreachable(PbxFailure):
    """No connection, or it broke off."""

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "The PBX cannot be reached"
    remedy = "Check pbx.host and pbx.port, that the PBX is up, and that a firewall lets this machine reach it."


class Ender(StrEnum):
    """Who ended a connection."""

    PBX = "the PBX"
    NETWORK = "the network"
    ENGINE = "the engine"


class PbxConnectionLost(PbxUnreachable):
    """A connection that had come about is over; `by` tells who ended it, as far as can be known."""

    meaning = "The connection with the PBX broke off"
    remedy = (
        "It is made again by itself. If it happens often, look into the log of the PBX, and at firewalls and proxies "
        "between it and this machine."
    )

    def __init__(self, detail: str, by: Ender) -> None:
        super().__init__(detail)
        self.by = by


class PbxLinkMistake(PbxFailure):
    """An exception nobody expected in what serves the connection; its traceback is in the log."""

    fault = Fault.OURS
    scope = Scope.SERVICE
    meaning = "The engine made a mistake with the connection to the PBX"
    remedy = "The connection is made again by itself. Please report it with the log."


class PbxLinkUnstable(PbxFailure):
    """The link works, and was lost again and again."""

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "The link to the PBX is unstable"
    remedy = (
        "Look at what is named as its end: the log of the PBX if the PBX closes it; firewalls, proxies and cables in "
        "between if it breaks off; the log of the engine if that gives it up. After each time all users are copied and "
        "changes come late."
    )


class PbxCertificateNotTrusted(PbxFailure):
    """The TLS handshake failed because of the PBX's certificate."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The certificate of the PBX is not trusted"
    remedy = (
        "Set pbx.ca_file to the CA that issued it, or correct pbx.host so that it matches the certificate. Or compare "
        "the SHA-256 with the one that the PBX itself shows for its certificate, and set pbx.fingerprint to it."
    )


class PbxTlsImpossible(PbxUnreachable):
    """The TLS handshake ended without a certificate being refused: an alert, or no version in common."""

    fault = Fault.SETTINGS
    meaning = "The PBX and this machine find no common ground for TLS"
    remedy = (
        "TLS 1.2 at least is spoken here: update the firmware of the PBX, and check pbx.port and pbx.tls, that this "
        "port speaks TLS at all."
    )


class NotAPbx(PbxFailure):
    """Something answers at that address that does not speak the App WebSocket protocol."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "What answers at this address is not an innovaphone PBX"
    remedy = "Check pbx.host, pbx.port and pbx.tls: /PBX0/APPS/websocket of the PBX must be there."


class PbxNotConnected(PbxFailure):
    """We listen, and no PBX has come yet that may be used."""

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "The PBX has not connected yet"
    remedy = (
        'Tick "Websocket" at the App object in the PBX, and let its URL be the one that is listened at with one more '
        "part behind it. Check that a firewall lets the PBX reach this machine."
    )


class ListeningImpossible(PbxFailure):
    """The port cannot be opened."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The engine cannot listen for the PBX"
    remedy = "Set pbx.listen_address to an address of this machine and pbx.listen_port to a free port above 1023."


class ListenCertificateUnusable(PbxFailure):
    """The certificate or key to listen with cannot be read, made or used."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The certificate to listen with cannot be used"
    remedy = (
        "Let pbx.certificate and pbx.certificate_key be PEM files that belong together, the key without a passphrase, "
        "readable by the engine's account; or leave both out, and the engine makes its own."
    )


class PbxPasswordWrong(PbxFailure):
    """Somebody who connected to us could not prove to know the password."""

    fault = Fault.CREDENTIALS
    scope = Scope.CONNECTION
    meaning = "A log-in with another password was refused"
    remedy = "Compare the secret pbx.password with the Password of the App object in the PBX."


class UserLoginRefused(PbxFailure):
    """A user opened the app, with the right digest; there is nothing to see."""

    fault = Fault.SETTINGS
    scope = Scope.CONNECTION
    meaning = "A user opened the app, which has no user interface"
    remedy = "Take the app away from the users in the PBX; the App object itself does not need them."


class PbxLoginRefused(PbxFailure):
    """AppLoginResult was not ok."""

    fault = Fault.CREDENTIALS
    scope = Scope.SERVICE
    meaning = "The PBX refuses the log-in"
    remedy = (
        "Check that the PBX has an App object whose Name is pbx.app, and that the secret pbx.password is its Password. "
        "The PBX does not tell which of the two is wrong. Another password is tried at once; if the App object was "
        'mended instead, "calendar-engine log-in retry" tries it once more.'
    )


class WrongPbx(PbxFailure):
    """The PBX that answered is not the master PBX of the settings."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "This is not the master PBX"
    remedy = (
        "Set pbx.master to the PBX Name of the master PBX. If that is another one, correct the address of the PBX in "
        'the settings or, where the PBX connects to the engine, take the tick off "Websocket" at this App object.'
    )


class PbxRightsMissing(PbxFailure):
    """The App object may not use an API we need."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "The App object lacks a right"
    remedy = 'Tick "PBX" (PbxApi) and "TableUsers" (PbxTableUsers) at the App object in the PBX.'


class PbxNotUnderstood(PbxFailure):
    """A message breaks the protocol."""

    fault = Fault.PEER_PROTOCOL
    scope = Scope.CONNECTION
    meaning = "The PBX sent something that cannot be understood"
    remedy = "The connection is made again by itself. If it happens often, please report it with the log."


class PresenceUnanswered(PbxFailure):
    """SetPresence or SubscribePresence was not answered in time."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "The PBX does not answer about this presence"
    remedy = (
        "It is tried again by itself, later each time. If it is so with every user, check that "
        '"PBX" (PbxApi) is ticked at the App object in the PBX.'
    )


class PresenceRefused(PbxFailure):
    """SetPresenceResult carried an error."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "The PBX refuses to set this presence"
    remedy = "Check that the user still exists in the PBX. It is tried again when the user or the presence changes."


class PresenceTakenOver(PbxFailure):
    """The PBX shows something under our contact that we did not write."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "Another program sets the calendar presence of this user"
    remedy = (
        "Let only one program write this contact: stop the other one (the Calendar app of the PBX, a second engine), "
        "or set pbx.presence_contact to a contact of our own. Until this user's presence changes next, nothing is "
        "written over it."
    )
