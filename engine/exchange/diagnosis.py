"""Diagnosis of a failed request: its meaning and the command to type, from the tables that decide the retries."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from engine.exchange import errors as exchange
from engine.exchange import impersonation
from engine.exchange.errors import ExchangeFailure
from engine.exchange.ews.autodiscover.protocol import POX_UNKNOWN_ADDRESS
from engine.exchange.ews.response_codes import MEANINGS, meaning_of, meaning_of_status
from engine.exchange.graph import consent
from engine.exchange.graph import errors as graph
from engine.exchange.graph.error_codes import GraphError
from engine.exchange.graph.error_codes import meaning_of as meaning_of_graph
from engine.exchange.graph.schedules import meaning_of_schedule
from engine.exchange.http.login_page import what_answers
from engine.exchange.narration import Task, in_short, narrated
from engine.exchange.oauth import errors as oauth
from engine.exchange.oauth.errors import kind_of

_AADSTS = re.compile(r"AADSTS(\d+)")


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The account that the commands name: the service account, or the client ID of the application.

    `application` is that client ID where there are both, and named for what is said to Exchange Online.
    """

    name: str
    by_certificate: bool = False
    application: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """One problem: its code, the failure that the code means, a likely cause, a command to type, and what the engine
    does about it (`reaction`)."""

    code: str
    failure: type[ExchangeFailure]
    cause: str
    command: str
    reaction: str
    in_short: str


_GRANT = impersonation.grant("{account}")
_POLICY = (
    "New-ThrottlingPolicy -Name 'calendar-engine' -ThrottlingPolicyScope Regular -EwsMaxConcurrency Unlimited "
    "-EwsMaxSubscriptions Unlimited -EwsMaxBurst Unlimited -EwsRechargeRate Unlimited -EwsCutoffBalance Unlimited; "
    "Set-ThrottlingPolicyAssociation -Identity {account} -ThrottlingPolicy 'calendar-engine'"
)
_CAUSES: Mapping[type[ExchangeFailure], tuple[str, str]] = MappingProxyType(
    {
        exchange.ImpersonationDenied: (
            "The mailbox is not in the scope of the service account's role ApplicationImpersonation.",
            f"{_GRANT}; {impersonation.extend('{mailbox}')}",
        ),
        exchange.ImpersonationRightMissing: (
            "The service account does not have the role ApplicationImpersonation, or lost it.",
            _GRANT,
        ),
        exchange.CalendarNotReadable: (
            "The mailbox is disabled or has no licence, or its calendar folder is missing.",
            "Get-MailboxFolderStatistics -Identity {mailbox} -FolderScope Calendar",
        ),
        exchange.MailboxNotFound: (
            "No mailbox has this address: it is misspelt in the PBX user object, or the mailbox was removed.",
            "Get-Recipient -Identity {mailbox} | Format-List PrimarySmtpAddress, EmailAddresses",
        ),
        exchange.NotPrimaryAddress: (
            "The PBX has a secondary address of this mailbox.",
            "Get-Mailbox -Identity {mailbox} | Format-List PrimarySmtpAddress, EmailAddresses",
        ),
        exchange.MailboxMoved: (
            "The mailbox is being, or was, moved to another database or to the cloud.",
            "Get-MoveRequest -Identity {mailbox} | Get-MoveRequestStatistics",
        ),
        exchange.MailboxTrouble: (
            "The database of the mailbox is failing over or overloaded, or a server behind the front end is down.",
            "Test-MAPIConnectivity -Identity {mailbox}",
        ),
        exchange.ServiceMailboxMissing: (
            "Resolving names requires a mailbox, and the service account has none.",
            "Enable-Mailbox -Identity {account}",
        ),
        exchange.LoginRefused: (
            "The password is wrong or has expired, or the account is locked or disabled.",
            'Get-ADUser -Filter "UserPrincipalName -eq {account}" -Properties LockedOut, PasswordExpired, Enabled',
        ),
        exchange.LoginMethodNotOffered: (
            "The EWS virtual directory has another authentication method enabled than exchange.auth names.",
            "Get-WebServicesVirtualDirectory | Format-List Server, *Authentication*, ExtendedProtection*",
        ),
        exchange.EwsForbidden: (
            "EWS is off for the organisation or the service account, or a policy allows only other programs.",
            "Get-CASMailbox -Identity {account} | Format-List Ews*; Get-OrganizationConfig | Format-List Ews*",
        ),
        exchange.EwsSwitchedOff: (
            "Microsoft or an administrator has switched EWS off for this tenant, mailbox or application.",
            "Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy | Format-List Ews*",
        ),
        exchange.SubscriptionRefused: (
            "The mailbox has as many subscriptions as its throttling policy allows, perhaps from other programs.",
            "Get-ThrottlingPolicyAssociation -Identity {mailbox}",
        ),
        exchange.SubscriptionLost: (
            "A server was restarted, a database failed over, or the mailbox was moved.",
            "",
        ),
        exchange.TooManyAtOnce: ("More requests are under way than the throttling policy allows.", _POLICY),
        exchange.ServiceAccountBusy: ("The service account has used up what its throttling policy allows.", _POLICY),
        exchange.MailboxBusy: ("Many requests for this mailbox at present, or its database is slow.", ""),
        exchange.ExchangeBusy: ("The server, or a front end, is overloaded.", "Test-ServiceHealth"),
        exchange.CertificateNotTrusted: (
            "The certificate was issued by a private CA, is for another name, or has expired.",
            "Get-ExchangeCertificate | Format-List Subject, CertificateDomains, NotAfter, Services",
        ),
        exchange.ExchangeUnreachable: ("The server is down, or cannot be reached over the network.", ""),
        exchange.AnswerBrokenOff: ("The mailbox's database is slow, or something in between cuts connections.", ""),
        exchange.CalendarTooFull: ("A small part of the calendar holds more appointments than EWS returns.", ""),
        exchange.NotUnderstood: ("A proxy or a log-in page answers in place of Exchange.", ""),
        exchange.RequestRejected: ("There is a bug in the engine.", ""),
        exchange.ExchangeTooOld: (
            "The server, or that of the mailbox, is older than Exchange 2013 SP1.",
            "Get-ExchangeServer | Format-List Name, AdminDisplayVersion",
        ),
        exchange.LedElsewhere: (
            "Something in front of Exchange requires a log-in (pre-authentication), or the address is a different one.",
            "Get-WebServicesVirtualDirectory | Format-List Server, InternalUrl, ExternalUrl, *Authentication*",
        ),
        exchange.LoginUnproved: ("Something other than Exchange answers the log-ins.", ""),
        exchange.TlsImpossible: ("The server supports neither TLS 1.2 nor newer, or no common cipher suite.", ""),
        graph.GraphTokenRefused: ("The clock is wrong, or the token is for the Graph of another cloud.", ""),
        graph.TenantWithoutExchange: ("The tenant has no Exchange Online, or is of another cloud.", ""),
        graph.GraphPermissionMissing: (
            "The application has neither the permission with an administrator's consent nor a role in Exchange Online.",
            "; ".join(consent.tenant_wide("{account}")),
        ),
        graph.GraphAccessDenied: (
            "The mailbox is not in the scope of the application's role, or was added less than two hours ago.",
            "Test-ServicePrincipalAuthorization -Identity {account} -Resource {mailbox}",
        ),
        graph.AccessPolicyExcludes: (
            "The mailbox is not in the group of the application access policy.",
            "Test-ApplicationAccessPolicy -AppId {account} -Identity {mailbox}",
        ),
        graph.UserAgentBlocked: (
            "The organisation lists which programs may use Exchange Online.",
            "Get-OrganizationConfig | Format-List Ews*",
        ),
        graph.DirectoryNotReadable: (
            "The application has no permission to read the directory.",
            "; ".join(consent.tenant_wide("{account}", "User.Read.All")),
        ),
        graph.AddressAmbiguous: (
            "A guest, a contact or a second account has the same address.",
            "Get-Recipient -Identity {mailbox} | Format-List Name, RecipientTypeDetails, EmailAddresses",
        ),
        graph.UserNameUnknown: (
            "The PBX has another address of this mailbox than the user principal name.",
            "Get-Mailbox -Identity {mailbox} | Format-List UserPrincipalName, PrimarySmtpAddress, EmailAddresses",
        ),
        graph.MailboxNotOnline: (
            "The mailbox is on premises, was deleted, or has no licence.",
            "Get-Recipient -Identity {mailbox} | Format-List RecipientTypeDetails, SKUAssigned",
        ),
        graph.MailboxFull: (
            "The mailbox has reached its quota.",
            "Get-MailboxStatistics -Identity {mailbox} | Format-List TotalItemSize, StorageLimitStatus",
        ),
        graph.ExchangeOnlineTrouble: ("Exchange Online has a problem, of this mailbox or of a whole region.", ""),
        oauth.TokenRefused: (
            "The application lacks the permission, or the token is for another cloud.",
            "New-ManagementRoleAssignment -App {account} -Role 'Application EWS.AccessAsApp'",
        ),
        oauth.ClockWrong: ("The clock of this machine is wrong.", "timedatectl set-ntp true"),
        oauth.ApplicationUnknown: (
            "The client ID is wrong, or the application was removed from the tenant.",
            'Get-MgApplication -Filter "appId eq {account}"',
        ),
        oauth.ClientSecretExpired: ("Client secrets last two years at most.", ""),
        oauth.ClientSecretRefused: ("The secret was mistyped, or its ID was taken in place of its value.", ""),
        oauth.ClientCertificateRefused: ("The certificate was not uploaded to the app registration.", ""),
        oauth.TenantUnknown: ("The tenant ID is wrong, or belongs to another cloud.", ""),
        oauth.AuthorityTlsImpossible: ("A proxy, or an appliance that inspects TLS, answers in its place.", ""),
        oauth.AuthorityUnreachable: ("This machine cannot reach the log-in service.", ""),
        oauth.ResourceUnknown: ("The URL of the server is of another cloud than the log-in service.", ""),
        oauth.ConsentMissing: (
            "No administrator has granted consent to the application.",
            "az ad app permission admin-consent --id {account}",
        ),
        oauth.ConditionalAccessBlocks: ("A Conditional Access policy of the tenant keeps applications out.", ""),
        oauth.TokenDenied: ("A policy of the tenant forbids it.", ""),
    }
)
# Error codes of autodiscover itself (engine.exchange.ews.autodiscover).
_AUTODISCOVER: Mapping[str, type[ExchangeFailure]] = MappingProxyType(
    {
        "InvalidUser": exchange.MailboxNotFound,
        "InvalidDomain": exchange.MailboxNotFound,
        **dict.fromkeys(POX_UNKNOWN_ADDRESS, exchange.MailboxNotFound),
        "RedirectAddress": exchange.MailboxMoved,
        "RedirectUrl": exchange.MailboxMoved,
        "ServerBusy": exchange.ExchangeBusy,
    }
)
_OF_GRAPH = frozenset(("calendarView", "getSchedule", "users", "batch"))
_OF_ENTRA = frozenset(("Token", "Tenant"))
_ONLINE = _OF_GRAPH | _OF_ENTRA
_TASKS: Mapping[str, Task] = MappingProxyType({"Subscribe": Task.SUBSCRIBE, "GetStreamingEvents": Task.LISTEN})


def diagnose(
    account: ServiceAccount,
    *,
    operation: str,
    status: int | None,
    codes: Sequence[str],
    failure: str,
    mailbox: str,
    by_policy: bool = False,
    stranger: str = "",
) -> tuple[Diagnosed, ...]:
    """Return the problems of one logged request, none if it went well.

    `failure` is the name of the failure that prevented an answer, or of what answered in place of Exchange (`stranger`
    describes that, if it is known); `mailbox` is the mailbox it was for ("" for the service account).
    """
    found: list[tuple[str, type[ExchangeFailure]]] = []
    if failure:
        code = failure if status is None else stranger or f"HTTP {status}"
        found.append((code, _of_failure(failure)))
    elif operation in _OF_ENTRA:
        if status is None or status >= 400:
            found.append((" ".join(codes) or f"HTTP {status}", _of_token(account, codes)))
    elif operation in _OF_GRAPH:
        found += _of_graph(status, codes, of_a_mailbox=bool(mailbox))
    else:
        table = _AUTODISCOVER if operation in ("GetUserSettings", "Autodiscover") else {}
        found += [
            (code, table.get(code) or meaning_of(code, of_a_mailbox=bool(mailbox)))
            for code in codes
            if code != "NoError"
        ]
        if not found and status is not None and status >= 400:
            found.append((f"HTTP {status}", meaning_of_status(status, by_policy=by_policy)))
    task = _TASKS.get(operation, Task.READ)
    if account.application and operation in _ONLINE:
        account = replace(account, name=account.application)
    return tuple(_diagnosed(code, kind, task, account, mailbox) for code, kind in found)


def _of_graph(
    status: int | None, codes: Sequence[str], *, of_a_mailbox: bool
) -> list[tuple[str, type[ExchangeFailure]]]:
    """Return what an answer of Graph means: the most exact code of an error, which is the last, or every schedule's."""
    if status is not None and status >= 400:
        error = GraphError(tuple(reversed(codes)), "") if codes else None
        return [(codes[-1] if codes else f"HTTP {status}", meaning_of_graph(status, error, of_a_mailbox=of_a_mailbox))]
    return [(code, meaning_of_schedule(code)) for code in codes]


def stranger_in(status: int | None, headers: Mapping[str, str], body: bytes) -> str:
    """Return what answered in place of Exchange and where it redirects to; "" if Exchange itself answered."""
    found = what_answers(status, headers, body) if status is not None else None
    return found.detail if found is not None else ""


def known_codes() -> tuple[str, ...]:
    """Return all known response codes."""
    return tuple(MEANINGS)


def _diagnosed(
    code: str, failure: type[ExchangeFailure], task: Task, account: ServiceAccount, mailbox: str
) -> Diagnosed:
    cause, command = next((_CAUSES[kind] for kind in failure.__mro__ if kind in _CAUSES), ("", ""))
    typed = command.replace("{account}", impersonation.quoted(account.name, "ACCOUNT"))
    typed = typed.replace("{mailbox}", impersonation.quoted(mailbox, "MAILBOX"))
    return Diagnosed(
        code=code,
        failure=failure,
        cause=cause,
        command=typed,
        reaction=narrated(failure, task),
        in_short=in_short(failure, task),
    )


def _of_failure(slug: str) -> type[ExchangeFailure]:
    kinds: list[type[ExchangeFailure]] = [ExchangeFailure]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return next((kind for kind in kinds[1:] if kind().slug == slug), exchange.MailboxTrouble)


def _of_token(account: ServiceAccount, codes: Sequence[str]) -> type[ExchangeFailure]:
    numbers = [int(match[1]) for match in map(_AADSTS.fullmatch, codes) if match]
    error = next((code for code in codes if not _AADSTS.fullmatch(code)), "")
    return kind_of(numbers, error, by_certificate=account.by_certificate)
