"""Named failures of the connection to Exchange."""

from engine.core.errors import Failure, Fault, Scope
from engine.display import visible


class ExchangeFailure(Failure):
    """Base class of the Exchange failures. `retry_after` is the pause that the server asked for, in seconds."""

    def __init__(self, detail: str = "", *, retry_after: float | None = None, confidential: str = "") -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.confidential = visible(confidential)


class ExchangeUnreachable(ExchangeFailure):
    """There is no connection, or it was lost before the answer was complete."""

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "Exchange cannot be reached"
    remedy = "Check that the Exchange server is up, and that DNS, routing and firewalls let this machine reach it."


class AnswerBrokenOff(ExchangeUnreachable):
    """A server accepted the request but did not complete its answer in time."""

    meaning = "Exchange does not complete its answer"
    remedy = "Nothing to do at first: it is retried. If it persists, check the mailbox and the load of Exchange."


class NoAnswerInTime(AnswerBrokenOff):
    """A server accepted the request and kept the connection open without answering."""


class TlsImpossible(ExchangeUnreachable):
    """The TLS handshake failed for another reason than the certificate: an alert, no common version, or a hang-up."""

    fault = Fault.SETTINGS
    meaning = "Exchange and this machine cannot agree on a TLS connection"
    remedy = (
        "Enable TLS 1.2 on the server (older versions are not supported), with current cipher suites and a certificate "
        "for HTTPS. Check that the port in exchange.ews_url serves HTTPS, and that a load balancer there has a server "
        "behind it."
    )


class CertificateNotTrusted(ExchangeFailure):
    """The TLS handshake failed because of the server's certificate."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The Exchange certificate is not trusted"
    remedy = "Set exchange.ca_file to the CA that issued it, or correct the host name to match the certificate."


class LoginRefused(ExchangeFailure):
    """Exchange refused the user name or the password (HTTP 401 after a complete handshake)."""

    fault = Fault.CREDENTIALS
    scope = Scope.SERVICE
    meaning = "Exchange refuses the service account's log-in"
    remedy = (
        "Check exchange.user and its password; log-ins are paused so that the account is not locked. A new password "
        '("calendar-engine secret set exchange.password") is tried at once. If the account was corrected instead, '
        '"calendar-engine log-in retry" tries it once more. If both are right and a load balancer terminates the TLS '
        'connection, set exchange.channel_binding = "off" first.'
    )


class LoginUnproved(ExchangeUnreachable):
    """Log-ins were answered by something other than Exchange, which may hide that they are wrong."""

    fault = Fault.SETTINGS
    meaning = "Log-ins are paused because Exchange itself has not answered any of them"
    remedy = (
        "Find out what answers in place of Exchange: a proxy, a load balancer, a log-in page or a stopped server. Each "
        "attempt may count as a wrong password, so few are made until Exchange itself answers one. Once that is fixed, "
        '"calendar-engine log-in retry" tries again at once.'
    )


class LedElsewhere(ExchangeFailure):
    """EWS redirects to another address that looks like EWS."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Exchange's web services redirect to another address"
    remedy = (
        "If that address is one of your Exchange servers, set exchange.ews_url to it. The log-in does not follow the "
        "redirect, because anybody in between could have sent it."
    )


class LoginPage(LedElsewhere):
    """A log-in page answers in place of EWS: a redirect to one, HTTP 440, or the page itself."""

    meaning = "A web log-in page answers in front of Exchange's web services"
    remedy = (
        "Set exchange.ews_url to the direct address of an Exchange server, or switch off pre-authentication (ADFS, OWA "
        "forms, Web Application Proxy, single sign-on) for /EWS and /Autodiscover on whatever is in front of it."
    )


class ExchangeTooOld(ExchangeFailure):
    """The server, or that of one mailbox, does not support the schema version in use (Exchange2013_SP1)."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "This Exchange server is too old: Exchange 2013 SP1 or newer is needed"
    remedy = (
        "Update the server, move the mailboxes to a newer one, or set exchange.ews_url to the address of one that is "
        "new enough. Nothing else helps."
    )


class LoginMethodNotOffered(ExchangeFailure):
    """The server answers 401 without a challenge for the configured log-in method; no password was tried."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Exchange does not offer the configured log-in method"
    remedy = "Set exchange.auth to a method that the server offers, or enable this one for the EWS virtual directory."


class MailboxNotFound(ExchangeFailure):
    """None of a user's addresses leads to a mailbox."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "No mailbox found"
    remedy = "Give the user object in the PBX an e-mail address, or leave the user out (pbx.users.exclude)."


class ManyMailboxesMissing(MailboxNotFound):
    """So many known mailboxes are missing at once that the cause must be the service, not the mailboxes."""

    fault = Fault.SERVER
    meaning = "Exchange no longer finds this mailbox, nor many others that it found before"
    remedy = (
        "Check the directory that Exchange queries: domain controllers, address lists, and what the service account "
        "may see there. No presence is cleared because of this; the next attempt is within the hour. If the mailboxes "
        "were really removed, their presences end with the appointments."
    )


class MailboxShared(ExchangeFailure):
    """Two PBX users resolve to one mailbox, and both show its calendar."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "Another user of the PBX has the same mailbox"
    remedy = (
        "Nothing to do if they are telephones of the same person: all of them show this calendar. Otherwise correct, "
        "in the PBX, the user name or the e-mail addresses of the user who does not own this mailbox."
    )


class MailboxAmbiguous(ExchangeFailure):
    """The addresses of a user belong to different mailboxes; that of the first address is used."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The user's addresses lead to different mailboxes"
    remedy = (
        "Remove the address that is not the user's own from the user object in the PBX or from the other mailbox. If "
        'user names are not e-mail addresses, set exchange.candidate_order = "addresses".'
    )


class ImpersonationDenied(ExchangeFailure):
    """The service account may not impersonate the owner of this mailbox."""

    fault = Fault.PERMISSION
    scope = Scope.USER
    meaning = "No right to read the calendar"
    remedy = (
        "Add the mailbox to the scope of the service account's ApplicationImpersonation role (Set-ManagementScope, or "
        "Set-ManagementRoleAssignment -CustomRecipientWriteScope, in the Exchange Management Shell): "
        '"calendar-engine probe exchange" prints the commands for this site.'
    )


class CalendarNotReadable(ExchangeFailure):
    """The mailbox exists and may be impersonated, but its calendar folder is refused or missing."""

    fault = Fault.PERMISSION
    scope = Scope.USER
    meaning = "Exchange refuses access to the calendar of this mailbox"
    remedy = "Check in Exchange that the mailbox is enabled and licensed and still has its calendar folder."


class CalendarTooFull(ExchangeFailure):
    """A part of a calendar holds more appointments than Exchange returns in one answer."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "Exchange does not return all appointments of this calendar"
    remedy = "Look in the calendar for appointments that some program has created over and over again."


class NotPrimaryAddress(ExchangeFailure):
    """A mailbox was requested by a secondary address. `primary` is the right one, if Exchange names it."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "Exchange wants the primary address of this mailbox"
    remedy = "Enter the primary SMTP address of the mailbox in the user object in the PBX."

    def __init__(self, detail: str = "", *, retry_after: float | None = None, primary: str | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.primary = primary


class MailboxMoved(ExchangeFailure):
    """The mailbox is being moved, or is served by another server than the one that was asked."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "The mailbox has moved or is being moved"
    remedy = "Nothing to do: its server is looked up again. If this persists, check the move request in Exchange."


class MailboxElsewhere(MailboxMoved):
    """The mailbox is served by another server than the one that was asked."""

    meaning = "Another server is responsible for this mailbox"
    remedy = "Nothing to do: its server is looked up again. If this persists, check what autodiscover returns for it."


class MailboxAtAnotherUrl(MailboxMoved):
    """The mailbox is served by another server than the one that the settings name for all users."""

    fault = Fault.SETTINGS
    meaning = "The mailbox is not on the server that exchange.ews_url names"
    remedy = (
        "Remove exchange.ews_url from the settings, so that autodiscover finds the server of each mailbox, and set "
        "exchange.autodiscover_url if it cannot be found by the mail domain. Or name a server through which all "
        'mailboxes can be reached. If mailboxes were moved to Exchange Online, set exchange.type = "hybrid".'
    )


class MailboxOutOfReach(MailboxMoved):
    """Autodiscover names a server that must not get our credentials, as for a mailbox in the cloud."""

    fault = Fault.SETTINGS
    meaning = "The mailbox is on a server outside of what the settings allow"
    remedy = (
        'If it was moved to Exchange Online, set exchange.type = "hybrid". If it is in another organisation, it cannot '
        "be read here: exclude its user in pbx.users. If the server is yours, set exchange.autodiscover_url to it."
    )


class NoCalendarReadable(ExchangeFailure):
    """Exchange answers, but no participating user's calendar can be read."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "Exchange answers, but no calendar can be read"
    remedy = "See the problem and the remedy shown for the users: many of them have the same one."


class ImpersonationRightMissing(ExchangeFailure):
    """The service account may not impersonate anybody."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "The service account has no right to impersonate"
    remedy = (
        "Assign the role ApplicationImpersonation to the service account, with a scope (New-ManagementScope and "
        "New-ManagementRoleAssignment -CustomRecipientWriteScope in the Exchange Management Shell): "
        '"calendar-engine probe exchange" prints the commands for this site.'
    )


class OnlyFreeBusy(ExchangeFailure):
    """No mailbox may be impersonated, so only free/busy is read, which everybody in the organisation may see."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "Only free and busy can be read"
    remedy = (
        "Assign the role ApplicationImpersonation to the service account, with a scope (New-ManagementScope and "
        "New-ManagementRoleAssignment -CustomRecipientWriteScope in the Exchange Management Shell; "
        '"calendar-engine probe exchange" prints the commands for this site): it takes effect within about an hour. '
        'Or set exchange.mode = "free-busy" if that is all that should be read.'
    )


class SeriesNotExpanded(ExchangeFailure):
    """A calendar view holds recurring series unexpanded, without the times of their occurrences."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "This server does not return the times of recurring appointments"
    remedy = (
        "The presence of this user comes from free/busy: times and states are right, but there are no subjects, no "
        "priorities by title and no exceptions by organizer. A newer server may help; "
        'exchange.mode = "free-busy" accepts it as it is.'
    )


class EwsSwitchedOff(ExchangeFailure):
    """Exchange Online answers HTTP 403 with X-EWS-Policy-Reason: EWS is off for a mailbox, the tenant or our app."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "Exchange Web Services are switched off by a policy of Exchange Online"
    remedy = (
        'Set exchange.type = "cloud-graph": the same application needs Calendars.ReadBasic.All. Or, until 2027-04-01, '
        "set EWSEnabled to true and add exchange.client_id to EwsAllowedAppIDs (Set-OrganizationConfig; up to 24 hours)"
        ", and check EwsEnabled and the licence of single mailboxes (Get-CASMailbox)."
    )


class CloudEwsEnded(ExchangeFailure):
    """It is 2027-04-01 or later: Microsoft has ended EWS in Exchange Online for good."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Microsoft ended Exchange Web Services in Exchange Online on 2027-04-01"
    remedy = 'Set exchange.type = "cloud-graph". Tenant, client ID and certificate stay the same.'


class GraphInsteadOfEws(ExchangeFailure):
    """EWS is switched off, and calendars are read by Microsoft Graph, although exchange.type is "cloud-ews"."""

    fault = Fault.SETTINGS
    scope = Scope.CONNECTION
    meaning = "Exchange Web Services are switched off, so calendars are read by Microsoft Graph"
    remedy = (
        'Set exchange.type = "cloud-graph", which is what is done already; tenant, client ID and certificate stay the '
        "same. Until then, the engine tries EWS first after every restart."
    )


class EwsForbidden(ExchangeFailure):
    """Exchange Web Services are closed to us (HTTP 403 or a policy of the organisation)."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "Exchange does not allow the service account to use its web services"
    remedy = (
        "Check that EWS is enabled for the organisation and the service account, and that neither a policy "
        "(EwsApplicationAccessPolicy, EwsAllowedAppIDs) nor IIS or a proxy in front of it forbids access."
    )


class ServiceMailboxMissing(ExchangeFailure):
    """The service account cannot resolve names, because that requires a mailbox of its own."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The service account has no mailbox to resolve addresses with"
    remedy = 'Set exchange.resolve_with = "candidates", or give the service account a mailbox.'


class SubscriptionLost(ExchangeFailure):
    """The server no longer knows a subscription, or has lost some of its events."""

    fault = Fault.SERVER
    scope = Scope.CONNECTION
    meaning = "Exchange has dropped a subscription to calendar changes"
    remedy = "Nothing to do: it is renewed, and the calendars are read again."


class SubscriptionRefused(ExchangeFailure):
    """The server accepts no (further) subscription for a mailbox."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "Exchange accepts no further subscription for this mailbox"
    remedy = "Nothing to do: the calendar is read regularly instead. Older subscriptions expire by themselves."


class NotificationsRefused(ExchangeFailure):
    """A server accepts subscriptions, but refuses every connection for their notifications."""

    fault = Fault.SERVER
    scope = Scope.CONNECTION
    meaning = "No live updates from Exchange"
    remedy = (
        "The calendars are read every exchange.poll_seconds instead, so changes are shown later; the connections are "
        "retried from time to time. If there is a load balancer in front of Exchange, it must pass on the cookie "
        "X-BackEndOverrideCookie and the header X-AnchorMailbox."
    )


class ExchangeSlow(ExchangeFailure):
    """Exchange answers, but half of its answers take `seconds` or longer."""

    fault = Fault.SERVER
    scope = Scope.CONNECTION
    meaning = "Exchange answers slowly"
    remedy = (
        "Presences follow changed appointments late; what is known already is shown on time. Check the load of "
        "Exchange and of its databases, throttling policies, and the network in between."
    )

    def __init__(self, detail: str = "", seconds: float = 0.0) -> None:
        super().__init__(detail)
        self.seconds = seconds


class MailboxRationed(ExchangeFailure):
    """A mailbox was due to be read so often that its next reading has to wait."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "A calendar is read less often than it changes"
    remedy = (
        "Its presence may be some seconds late. Look for a program that changes this calendar again and again; "
        "if there is none, please report this with the log."
    )


class ExchangeBusy(ExchangeFailure):
    """A server rejects all requests for a while (HTTP 429 or 503)."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "Exchange limits our requests"
    remedy = "Nothing to do: reading continues after the pause. If it happens often, check the load of Exchange."


class ServiceAccountBusy(ExchangeBusy):
    """The service account has used up what its throttling policy allows for requests in its own name."""

    meaning = "Exchange asks the service account for a pause"
    remedy = (
        "Nothing to do: waiting requests continue after the pause. If it happens often, give the service account a "
        "throttling policy of its own (New-ThrottlingPolicy, Set-ThrottlingPolicyAssociation)."
    )


class MailboxBusy(ExchangeBusy):
    """The throttling budget of one mailbox is used up."""

    scope = Scope.USER
    meaning = "Exchange asks for a pause for this mailbox"
    remedy = "Nothing to do: it is read again after the pause. Other mailboxes are not affected."


class TooManyAtOnce(MailboxBusy):
    """A limit on concurrent requests was exceeded."""

    meaning = "Exchange wants fewer requests at the same time"
    remedy = (
        "Nothing to do: fewer are sent at once for a while. If it happens often, lower exchange.connections, or give "
        "the service account a throttling policy with a higher EwsMaxConcurrency."
    )


class MailboxTrouble(ExchangeFailure):
    """Exchange answered a possibly temporary error for one mailbox."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "Exchange cannot read this mailbox at the moment"
    remedy = "Nothing to do at first: it is retried. If it persists, check the mailbox and its database in Exchange."


class CalendarItemCorrupt(MailboxTrouble):
    """A corrupt calendar item keeps Exchange from returning all the others."""

    meaning = "Exchange cannot read an item in this calendar"
    remedy = (
        "Look for an appointment that cannot be opened, and delete it; if there is none, have the mailbox repaired "
        "(New-MailboxRepairRequest in the Exchange Management Shell). Meanwhile, reading is retried."
    )


class CalendarItemGone(MailboxTrouble):
    """An item that was just found no longer exists."""

    meaning = "An appointment was deleted while the calendar was being read"
    remedy = "Nothing to do: the calendar is read again because of that change."


class NotUnderstood(ExchangeFailure):
    """The answer breaks the protocol: it is no XML, no SOAP, or the expected part is missing."""

    fault = Fault.PEER_PROTOCOL
    scope = Scope.USER
    meaning = "Exchange's answer cannot be understood"
    remedy = (
        "Check that no proxy or log-in page answers in place of Exchange, and that exchange.ews_url or "
        "exchange.graph_url is right."
    )


class RequestRejected(ExchangeFailure):
    """Exchange says that the request itself is wrong."""

    fault = Fault.OURS
    scope = Scope.USER
    meaning = "Exchange rejects our request"
    remedy = "Please report this with the log. Other users are not affected."
