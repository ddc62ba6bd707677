"""What can go wrong between us and Exchange, each by its name."""

from engine.core.errors import Failure, Fault, Scope
from engine.display import visible


class ExchangeFailure(Failure):
    """Base of this room's failures. `retry_after` is the pause the server asked for, in seconds."""

    def __init__(self, detail: str = "", *, retry_after: float | None = None, confidential: str = "") -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.confidential = visible(confidential)


class ExchangeUnreachable(ExchangeFailure):
    """No connection, or it broke off before an answer was complete."""

    fault = Fault.NETWORK
    scope = Scope.SERVICE
    meaning = "Exchange cannot be reached"
    remedy = "Check that the Exchange server is up and that name lookup, routes and firewall let this machine reach it."


class AnswerBrokenOff(ExchangeUnreachable):
    """A server took the request, and then there was no complete answer to it in time."""

    meaning = "Exchange does not complete its answer"
    remedy = "Nothing to do at first: it is tried again. If it stays, look at the mailbox and at the load of Exchange."


class NoAnswerInTime(AnswerBrokenOff):
    """A server took the request, and kept the connection open without an answer to it."""


class TlsImpossible(ExchangeUnreachable):
    """The TLS handshake ended without a certificate being refused: an alert, no version in common, or it hung up."""

    fault = Fault.SETTINGS
    meaning = "Exchange and this machine find no common ground for TLS"
    remedy = (
        "Enable TLS 1.2 on the server (older versions are not spoken here), with cipher suites of today and a "
        "certificate for HTTPS; check that what answers at this port of exchange.ews_url is HTTPS at all, and that a "
        "balancer there has a server behind it."
    )


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
        "Check exchange.user and its password; log-ins are paused so that the account is not locked. A new password "
        '("calendar-engine secret set exchange.password") is tried at once. If the account was mended instead, '
        '"calendar-engine log-in retry" tries it once more. If both are right and a load balancer opens the TLS '
        'connection, set exchange.channel_binding = "off" before that.'
    )


class LoginUnproved(ExchangeUnreachable):
    """Log-ins were answered by something else than Exchange, which may hide that they are wrong."""

    fault = Fault.SETTINGS
    meaning = "Log-ins are paused, since nothing from behind the log-in has answered them"
    remedy = (
        "Look at what answers in place of Exchange: a proxy, a balancer, a log-in page or a stopped server. Each "
        "attempt may count as a wrong password, so they are few until one is answered by Exchange itself. When that is "
        'mended, "calendar-engine log-in retry" tries it at once.'
    )


class LedElsewhere(ExchangeFailure):
    """A redirect to EWS at another address."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Exchange's web services lead to another address"
    remedy = (
        "If that address is one of your Exchange servers, set exchange.ews_url to it. The log-in is not sent on by "
        "itself, since anybody in between could have asked for it."
    )


class LoginPage(LedElsewhere):
    """A log-in page answers in place of EWS: a redirect to one, HTTP 440, or the page itself."""

    meaning = "A log-in page for people stands in front of Exchange's web services"
    remedy = (
        "Let exchange.ews_url be the direct address of an Exchange server, or switch pre-authentication (ADFS, OWA "
        "forms, Web Application Proxy, single sign-on) off for /EWS and /Autodiscover in what stands in front of it."
    )


class ExchangeTooOld(ExchangeFailure):
    """The server, or that of one mailbox, does not know the schema that is spoken here (Exchange2013_SP1)."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "This Exchange server is too old: Exchange 2013 SP1 or newer is needed"
    remedy = (
        "Update the server, move the mailboxes to a newer one, or let exchange.ews_url be the address of one that is "
        "new enough. Nothing else helps."
    )


class LoginMethodNotOffered(ExchangeFailure):
    """The server answers 401 without a challenge for the log-in method of the settings; no password was tried."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Exchange does not offer the log-in method of the settings"
    remedy = "Set exchange.auth to a method that the server offers, or enable this one for the EWS virtual directory."


class MailboxNotFound(ExchangeFailure):
    """None of a user's addresses leads to a mailbox."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "No mailbox was found for this user"
    remedy = "Add the user's e-mail address to the PBX user object, or ignore this if the user has no mailbox."


class ManyMailboxesMissing(MailboxNotFound):
    """Mailboxes that were there before are not found, and so many at once that it is the service's trouble."""

    fault = Fault.SERVER
    meaning = "Exchange finds this mailbox no more, nor many others that were there before"
    remedy = (
        "Check the directory that Exchange asks: domain controllers, address lists, and what the service account may "
        "see there. Nobody's presence is cleared for it; it is looked again within the hour. If the mailboxes were "
        "removed indeed, their presences end with the appointments."
    )


class MailboxShared(ExchangeFailure):
    """Two users of the PBX lead to one mailbox: both show what is in it."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "Another user of the PBX has the same mailbox"
    remedy = (
        "Nothing to do where they are the telephones of one person: all of them show this calendar. Otherwise correct, "
        "in the PBX, the user name or the e-mail addresses of the user whose mailbox it is not."
    )


class MailboxAmbiguous(ExchangeFailure):
    """The addresses of a user belong to different mailboxes: the one of the first address counts."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The user's addresses lead to different mailboxes"
    remedy = (
        "Remove the address that is not the user's own from the PBX user object or from the other mailbox. Where user "
        'names are not mail addresses, set exchange.candidate_order = "addresses".'
    )


class ImpersonationDenied(ExchangeFailure):
    """The service account may not act for this mailbox."""

    fault = Fault.PERMISSION
    scope = Scope.USER
    meaning = "The service account may not impersonate this mailbox"
    remedy = (
        "Take the mailbox into the scope of the service account's ApplicationImpersonation role (Set-ManagementScope, "
        "or Set-ManagementRoleAssignment -CustomRecipientWriteScope, in the Exchange Management Shell): "
        '"calendar-engine probe exchange" prints the commands for this site.'
    )


class CalendarNotReadable(ExchangeFailure):
    """The mailbox exists and may be impersonated, but its calendar folder is refused or missing."""

    fault = Fault.PERMISSION
    scope = Scope.USER
    meaning = "The calendar of this mailbox may not be read"
    remedy = "Check in Exchange that the mailbox is enabled and licensed and still has its calendar folder."


class CalendarTooFull(ExchangeFailure):
    """A part of a calendar holds more appointments than Exchange tells in one answer."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "Exchange does not tell all appointments of this calendar"
    remedy = "Look into the calendar for appointments that some program has put in over and over again."


class NotPrimaryAddress(ExchangeFailure):
    """A mailbox was asked for by a secondary address. `primary` is the right one, where Exchange tells it."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "Exchange wants the primary address of this mailbox"
    remedy = "Enter the primary SMTP address of the mailbox at the PBX user object."

    def __init__(self, detail: str = "", *, retry_after: float | None = None, primary: str | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.primary = primary


class MailboxMoved(ExchangeFailure):
    """The mailbox is being moved, or another server than the one that was asked is responsible for it."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "The mailbox has moved or is being moved"
    remedy = "Nothing to do: its server is looked for again. If it stays, check the move request in Exchange."


class MailboxElsewhere(MailboxMoved):
    """Another server than the one that was asked is responsible for the mailbox."""

    meaning = "Another server is responsible for this mailbox"
    remedy = "Nothing to do: its server is looked for again. If it stays, check what autodiscover tells of the mailbox."


class MailboxAtAnotherUrl(MailboxMoved):
    """Another server than the one that the settings name for everybody is responsible for the mailbox."""

    fault = Fault.SETTINGS
    meaning = "The mailbox is not at the server that exchange.ews_url names"
    remedy = (
        "Take exchange.ews_url out of the settings, so that autodiscover finds the server of each mailbox, and set "
        "exchange.autodiscover_url where it is not found by the mail domain. Or name a server that all mailboxes are "
        "reached by. A mailbox that was moved to Exchange Online cannot be read here: exclude its user in pbx.users."
    )


class MailboxOutOfReach(MailboxMoved):
    """Autodiscover leads to a place that is not trusted with our credentials, as for a mailbox in the cloud."""

    fault = Fault.SETTINGS
    meaning = "The mailbox is somewhere that the settings do not lead to"
    remedy = (
        "If it was moved to Exchange Online or to another organisation, it cannot be read from here: exclude its user "
        "in pbx.users. If the place is yours, set exchange.autodiscover_url to it."
    )


class NoCalendarReadable(ExchangeFailure):
    """Exchange answers, and yet the calendar of nobody who takes part can be read."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "Exchange answers, but no calendar can be read"
    remedy = "See what is said of the users, and what to do about that: it is the same for many of them."


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
    """Nobody may be impersonated, so the calendars are read as everybody in the organisation may read them."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "Only times and states of appointments are read, since the service account may not impersonate anybody"
    remedy = (
        "Assign the role ApplicationImpersonation to the service account, with a scope (New-ManagementScope and "
        "New-ManagementRoleAssignment -CustomRecipientWriteScope in the Exchange Management Shell; "
        '"calendar-engine probe exchange" prints the commands for this site): it is noticed in about an hour. '
        'Or set exchange.mode = "free-busy", if that is all it shall read.'
    )


class SeriesNotExpanded(ExchangeFailure):
    """A calendar view holds recurring series unexpanded, so nothing in it tells when they take place."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "This server does not tell when recurring appointments take place"
    remedy = (
        "The presence of this user comes from free/busy: times and states are right, without subjects, priorities by "
        'title and exceptions by organizer. A newer server may help; exchange.mode = "free-busy" keeps it that way.'
    )


class EwsSwitchedOff(ExchangeFailure):
    """Exchange Online answers HTTP 403 with X-EWS-Policy-Reason: EWS is off for a mailbox, the tenant or our app."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "Exchange Web Services are switched off by a policy of Exchange Online"
    remedy = (
        "Set EWSEnabled of the organisation to true and add exchange.client_id to its EwsAllowedAppIDs "
        "(Set-OrganizationConfig; up to 24 hours until it has an effect), and check EwsEnabled and the licence of "
        "single mailboxes (Get-CASMailbox). Microsoft ends EWS on 2027-04-01: better change "
        'exchange.type to "cloud-graph" as soon as it is available.'
    )


class CloudEwsEnded(ExchangeFailure):
    """It is 2027-04-01 or later: Microsoft has ended EWS in Exchange Online for good."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "Microsoft has ended Exchange Web Services in Exchange Online on 2027-04-01"
    remedy = 'Set exchange.type = "cloud-graph". Tenant, client ID and certificate stay the same.'


class EwsForbidden(ExchangeFailure):
    """Exchange Web Services are closed to us (HTTP 403 or a policy of the organisation)."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "Exchange does not let the service account use its web services"
    remedy = (
        "Check that EWS is enabled for the organisation and the service account, and that neither a policy "
        "(EwsApplicationAccessPolicy, EwsAllowedAppIDs) nor IIS or a proxy in front forbids it."
    )


class ServiceMailboxMissing(ExchangeFailure):
    """Names cannot be resolved by the service account, because that needs a mailbox of its own."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "The service account has no mailbox to resolve addresses with"
    remedy = 'Set exchange.resolve_with = "candidates", or give the service account a mailbox.'


class SubscriptionLost(ExchangeFailure):
    """The server no longer knows a subscription, or has lost events of it."""

    fault = Fault.SERVER
    scope = Scope.CONNECTION
    meaning = "Exchange has dropped a subscription to calendar changes"
    remedy = "Nothing to do: it is made anew, and the calendars are read again."


class SubscriptionRefused(ExchangeFailure):
    """The server takes no (further) subscription for a mailbox."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "Exchange takes no further subscription for this mailbox"
    remedy = "Nothing to do: the calendar is read regularly instead. Older subscriptions end by themselves."


class NotificationsRefused(ExchangeFailure):
    """A server takes subscriptions, and then refuses every connection that would tell of changes."""

    fault = Fault.SERVER
    scope = Scope.CONNECTION
    meaning = "Exchange refuses the connections that it tells changes of calendars over"
    remedy = (
        "The calendars are read every exchange.poll_seconds instead, so that a change is shown later; the connections "
        "are tried again from time to time. If a load balancer stands before Exchange, have it pass on the cookie "
        "X-BackEndOverrideCookie and the header X-AnchorMailbox."
    )


class ExchangeSlow(ExchangeFailure):
    """Answers come, but half of them take many seconds."""

    fault = Fault.SERVER
    scope = Scope.CONNECTION
    meaning = "Exchange takes long to answer"
    remedy = (
        "Presences follow changed appointments late; what is known already is shown in time. Look at the load of "
        "Exchange and of its databases, at throttling policies, and at the network in between."
    )


class MailboxRationed(ExchangeFailure):
    """There were so many reasons to ask for a mailbox that it has to wait, whatever they are."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "A calendar is read less often than it changes"
    remedy = (
        "Its presence may come some seconds late. Look for a program that changes this calendar again and again; "
        "if there is none, please report this with the log."
    )


class ExchangeBusy(ExchangeFailure):
    """A server turns everybody away for a while (HTTP 429 or 503)."""

    fault = Fault.SERVER
    scope = Scope.SERVICE
    meaning = "Exchange asks for a pause"
    remedy = "Nothing to do: reading goes on after the pause. If it is frequent, look at the load of Exchange."


class ServiceAccountBusy(ExchangeBusy):
    """The service account has used up what its throttling policy lets it ask for in its own name."""

    meaning = "Exchange asks the service account for a pause"
    remedy = (
        "Nothing to do: what is waiting goes on after the pause. If it is frequent, give the service account a "
        "throttling policy of its own (New-ThrottlingPolicy, Set-ThrottlingPolicyAssociation)."
    )


class MailboxBusy(ExchangeBusy):
    """What may be asked for one mailbox is used up."""

    scope = Scope.USER
    meaning = "Exchange asks for a pause for this mailbox"
    remedy = "Nothing to do: it is read again after the pause. The other mailboxes are not concerned."


class TooManyAtOnce(MailboxBusy):
    """A limit on what is under way at the same time was passed."""

    meaning = "Exchange wants fewer requests at the same time"
    remedy = (
        "Nothing to do: fewer are sent at once for a while. If it is frequent, lower exchange.connections, or give "
        "the service account a throttling policy with a higher EwsMaxConcurrency."
    )


class MailboxTrouble(ExchangeFailure):
    """Exchange answered an error for one mailbox that may pass by itself."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "Exchange cannot read this mailbox at the moment"
    remedy = "Nothing to do at first: it is tried again. If it stays, look at the mailbox and its database in Exchange."


class CalendarItemCorrupt(MailboxTrouble):
    """An item of a calendar keeps Exchange from answering for all the others."""

    meaning = "An item in this calendar cannot be read by Exchange"
    remedy = (
        "Look for an appointment that cannot be opened, and delete it; where there is none, have the mailbox repaired "
        "(New-MailboxRepairRequest in the Exchange Management Shell). It is tried again all the same."
    )


class CalendarItemGone(MailboxTrouble):
    """An item that was found a moment ago is not there any more."""

    meaning = "An appointment was deleted while the calendar was being read"
    remedy = "Nothing to do: the calendar is read again because of that change."


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


class EwsHostNotTrusted(AutodiscoverFailed):
    """Autodiscover names an EWS server outside the domains that the log-in is for."""

    meaning = "Autodiscover names an Exchange server outside your domain"
    remedy = (
        "If it is a server of your Exchange, name its host in exchange.trusted_hosts: log-ins are sent there from then "
        "on. If it is not, look who answers autodiscover."
    )
