"""What can go wrong between us and the PBX, each by its name."""

from engine.core.failures import Failure, Fault, Scope


class PbxFailure(Failure):
    """Base of this room's failures."""


class PbxUnreachable(PbxFailure):
    """No connection, or it broke off."""

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "The PBX cannot be reached"
    remedy = "Check pbx.host and pbx.port, that the PBX is up, and that a firewall lets this machine reach it."


class PbxCertificateNotTrusted(PbxFailure):
    """The TLS handshake failed because of the PBX's certificate."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The certificate of the PBX is not trusted"
    remedy = (
        "Set pbx.ca_file to the CA that issued it, or pbx.fingerprint to its SHA-256, "
        "or correct pbx.host so that it matches the certificate."
    )


class NotAPbx(PbxFailure):
    """Something answers at that address that does not speak the App WebSocket protocol."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "What answers at this address is not an innovaphone PBX"
    remedy = "Check pbx.host, pbx.port and pbx.tls: /PBX0/APPS/websocket of the PBX must be there."


class PbxLoginRefused(PbxFailure):
    """AppLoginResult was not ok."""

    fault = Fault.CREDENTIALS
    scope = Scope.SERVICE
    meaning = "The PBX refuses the log-in"
    remedy = "Compare pbx.app with the Name of the App object and the secret pbx.password with its Password."


class WrongPbx(PbxFailure):
    """The PBX that answered is not the master PBX of the settings."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "This is not the master PBX"
    remedy = "Set pbx.master to the PBX Name of the master PBX, or pbx.host to its address."


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
    remedy = "The connection is made anew. If it happens again, please report it with the log."


class PresenceRefused(PbxFailure):
    """SetPresenceResult carried an error."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "The PBX refuses to set this presence"
    remedy = "Check that the user still exists in the PBX. It is tried again when the user or the presence changes."
