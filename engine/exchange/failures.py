"""What can go wrong between us and Exchange, each by its name."""

from engine.core.failures import Failure, Fault, Scope


class ExchangeFailure(Failure):
    """Base of this room's failures. `retry_after` is the pause the server asked for, in seconds."""

    def __init__(self, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ExchangeUnreachable(ExchangeFailure):
    """No connection, or it broke off before an answer was complete."""

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "Exchange cannot be reached"
    remedy = "Check that the Exchange server is up and that name lookup, routes and firewall let this machine reach it."


class CertificateNotTrusted(ExchangeFailure):
    """The TLS handshake failed because of the server's certificate."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The certificate of the Exchange server is not trusted"
    remedy = "Set exchange.ca_file to the CA that issued it, or correct the host name to match the certificate."


class LoginRefused(ExchangeFailure):
    """Exchange refused user name or password (HTTP 401 after a complete handshake)."""

    fault = Fault.CREDENTIALS
    scope = Scope.SERVICE
    meaning = "Exchange refuses the service account's log-in"
    remedy = (
        "Check exchange.user and its password. Log-ins are paused so that the account is not locked: "
        "one more is tried in 15 minutes, or at once after a restart."
    )


class MailboxNotFound(ExchangeFailure):
    """None of a user's addresses leads to a mailbox."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "No mailbox was found for this user"
    remedy = "Add the user's e-mail address to the PBX user object, or ignore this if the user has no mailbox."


class ImpersonationDenied(ExchangeFailure):
    """The service account may not act for this mailbox."""

    fault = Fault.PERMISSION
    scope = Scope.USER
    meaning = "The service account may not impersonate this mailbox"
    remedy = (
        "Include the mailbox in the scope of the service account's ApplicationImpersonation role "
        "(New-ManagementRoleAssignment in the Exchange Management Shell)."
    )


class ExchangeBusy(ExchangeFailure):
    """The server asks for a pause (throttling)."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "Exchange asks for a pause"
    remedy = "Nothing to do: reading goes on after the pause. If it is frequent, give the account a throttling policy."


class MailboxTrouble(ExchangeFailure):
    """Exchange answered an error for one mailbox that may pass by itself."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "Exchange cannot read this mailbox at the moment"
    remedy = "Nothing to do at first: it is tried again. If it stays, look at the mailbox and its database in Exchange."


class NotUnderstood(ExchangeFailure):
    """The answer is not what the protocol promises: no XML, no SOAP, or the expected part is missing."""

    fault = Fault.PEER_PROTOCOL
    scope = Scope.USER
    meaning = "The answer of Exchange cannot be understood"
    remedy = "Check that no proxy or log-in page answers in place of Exchange, and that exchange.ews_url is right."


class RequestRejected(ExchangeFailure):
    """Exchange says that the request itself is wrong."""

    fault = Fault.OURS
    scope = Scope.USER
    meaning = "Exchange rejects our request"
    remedy = "Please report this with the log; the other users are not concerned."


class AutodiscoverFailed(ExchangeFailure):
    """No address of the autodiscover procedure led to an EWS URL."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Autodiscover found no Exchange server"
    remedy = "Set exchange.autodiscover_url, or exchange.ews_url (https://HOST/EWS/Exchange.asmx)."
