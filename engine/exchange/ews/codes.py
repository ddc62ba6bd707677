"""One table says what every EWS response code means to us: what is done about it, and the name it is reported under."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from engine.exchange.ews.foreign_codes import FOREIGN_CODES
from engine.exchange.failures import (
    CalendarItemCorrupt,
    CalendarNotReadable,
    CalendarTooFull,
    EwsForbidden,
    EwsSwitchedOff,
    ExchangeBusy,
    ExchangeFailure,
    ExchangeTooOld,
    ImpersonationDenied,
    ImpersonationRightMissing,
    LoginPage,
    LoginRefused,
    MailboxBusy,
    MailboxElsewhere,
    MailboxMoved,
    MailboxNotFound,
    MailboxTrouble,
    NotPrimaryAddress,
    NotUnderstood,
    RequestRejected,
    ServiceAccountBusy,
    ServiceMailboxMissing,
    SubscriptionLost,
    SubscriptionRefused,
    TooManyAtOnce,
)
from engine.exchange.http.login_page import LOGIN_TIMEOUT


class Reaction(StrEnum):
    """What is done about a response code."""

    PAUSE = "pause this mailbox, or the service account where it asks in its own name"
    FEWER_AT_ONCE = "pause this mailbox, and go on with fewer requests at once"
    TRY_AGAIN = "try this mailbox again later, the others go on"
    HALVE_WINDOW = "read the window in two halves"
    FIND_SERVER_AGAIN = "run autodiscover again before the next try"
    CORRECT_ADDRESS = "ask once more with the address in the answer"
    FORGET_MAILBOX = "clear the presence, look again daily and when the PBX user changes"
    WAIT_FOR_PERMISSION = "skip this mailbox, look again hourly"
    PROBE_SERVICE = "stop all requests, probe with one mailbox now and then"
    OPEN_BREAKER = "stop log-ins, try again ever later or when somebody asks for it"
    POLL = "read this mailbox regularly, try to subscribe later"
    SUBSCRIBE_AGAIN = "subscribe again, then read the window"
    REPORT = "no second try, it is a defect or a server too old"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a response code means: the reaction, and the failure that carries it to the rest of the engine."""

    reaction: Reaction
    failure: type[ExchangeFailure]


# Codes and their descriptions: Microsoft's EWS reference, page ResponseCode.
TABLE: tuple[tuple[Reaction, type[ExchangeFailure], tuple[str, ...]], ...] = (
    (
        Reaction.PAUSE,
        MailboxBusy,
        ("ErrorServerBusy", "ErrorTimeoutExpired", "ErrorBatchProcessingStopped"),
    ),
    (
        Reaction.FEWER_AT_ONCE,
        TooManyAtOnce,
        ("ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened", "ErrorInsufficientResources"),
    ),
    (
        Reaction.TRY_AGAIN,
        MailboxTrouble,
        (
            "ErrorInternalServerTransientError",
            "ErrorInternalServerError",
            "ErrorMailboxStoreUnavailable",
            "ErrorMailboxFailover",
            "ErrorADUnavailable",
            "ErrorADOperation",
            "ErrorConnectionFailed",
            "ErrorNotEnoughMemory",
            "ErrorStaleObject",
            "ErrorFreeBusyGenerationFailed",
            "ErrorProxyRequestProcessingFailed",
            "ErrorItemNotFound",
            "ErrorADSessionFilter",
            "ErrorAvailabilityConfigNotFound",
            "ErrorClientDisconnected",
            "ErrorDataSizeLimitExceeded",
            "ErrorDataSourceOperation",
            "ErrorDuplicateLegacyDistinguishedName",
            "ErrorFolderCorrupt",
            "ErrorFolderPropertRequestFailed",
            "ErrorGetServerSecurityDescriptorFailed",
            "ErrorInvalidAuthorizationContext",
            "ErrorInvalidClientSecurityContext",
            "ErrorInvalidCrossForestCredentials",
            "ErrorInvalidLogonType",
            "ErrorInvalidNetworkServiceContext",
            "ErrorInvalidProxySecurityContext",
            "ErrorInvalidSerializedAccessToken",
            "ErrorLocalServerObjectNotFound",
            "ErrorLogonAsNetworkServiceFailed",
            "ErrorMailboxConfiguration",
            "ErrorMailboxLogonFailed",
            "ErrorNoOAuthServerAvailableForRequest",
            "ErrorObjectTypeChanged",
            "ErrorProxiedSubscriptionCallFailure",
            "ErrorProxyCallFailed",
            "ErrorProxyGroupSidLimitExceeded",
            "ErrorProxyTokenExpired",
            "ErrorRequestAborted",
            "ErrorResponseSchemaValidation",
            "ErrorTokenSerializationDenied",
            "ErrorWebRequestInInvalidState",
            "ErrorWin32InteropError",
        ),
    ),
    (
        Reaction.POLL,
        SubscriptionRefused,
        (
            "ErrorExceededSubscriptionCount",
            "ErrorInvalidSubscriptionRequest",
            "ErrorSubscriptionDelegateAccessNotSupported",
        ),
    ),
    (
        Reaction.HALVE_WINDOW,
        CalendarItemCorrupt,
        (
            "ErrorCalendarInvalidPropertyState",
            "ErrorCalendarInvalidPropertyValue",
            "ErrorCalendarInvalidRecurrence",
            "ErrorCalendarInvalidTimeZone",
            "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange",
            "ErrorCalendarOccurrenceIsDeletedFromRecurrence",
            "ErrorContentConversionFailed",
            "ErrorCorruptData",
            "ErrorItemCorrupt",
            "ErrorItemPropertyRequestFailed",
            "ErrorRecurrenceHasNoOccurrence",
        ),
    ),
    (Reaction.HALVE_WINDOW, CalendarTooFull, ("ErrorExceededFindCountLimit", "ErrorResultSetTooBig")),
    (Reaction.FIND_SERVER_AGAIN, MailboxMoved, ("ErrorMailboxMoveInProgress",)),
    (
        Reaction.FIND_SERVER_AGAIN,
        MailboxElsewhere,
        (
            "ErrorCrossSiteRequest",
            "ErrorNoRespondingCASInDestinationSite",
            "ErrorNoApplicableProxyCASServersAvailable",
            "ErrorProxyRequestNotAllowed",
            "ErrorIncorrectSchemaVersion",
            "ErrorAutoDiscoverFailed",
            "ErrorNoDestinationCASDueToKerberosRequirements",
            "ErrorNoDestinationCASDueToSSLRequirements",
            "ErrorNoDestinationCASDueToVersionMismatch",
            "ErrorProxyServiceDiscoveryFailed",
            "ErrorServiceDiscoveryFailed",
            "ErrorTargetDomainNotSupported",
            "ErrorWrongServerVersion",
            "ErrorWrongServerVersionDelegate",
        ),
    ),
    (Reaction.CORRECT_ADDRESS, NotPrimaryAddress, ("ErrorNonPrimarySmtpAddress",)),
    (
        Reaction.FORGET_MAILBOX,
        MailboxNotFound,
        (
            "ErrorNonExistentMailbox",
            "ErrorMailRecipientNotFound",
            "ErrorAccountDisabled",
            "ErrorInvalidSmtpAddress",
            "ErrorNameResolutionNoResults",
            "ErrorNameResolutionMultipleResults",
            "ErrorCannotFindUser",
            "ErrorRecipientNotFound",
            "ErrorFreeBusyDLLimitReached",
        ),
    ),
    (Reaction.WAIT_FOR_PERMISSION, ImpersonationDenied, ("ErrorImpersonateUserDenied",)),
    (
        Reaction.WAIT_FOR_PERMISSION,
        CalendarNotReadable,
        (
            "ErrorAccessDenied",
            "ErrorFolderNotFound",
            "ErrorInvalidLicense",
            "ErrorNoFreeBusyAccess",
            "ErrorNoCalendar",
            "ErrorInvalidFederatedOrganizationId",
            "ErrorInvalidOrganizationRelationshipForFreeBusy",
            "ErrorOrganizationNotFederated",
            "ErrorUserWithoutFederatedProxyAddress",
            "ErrorNotAllowedExternalSharingByPolicy",
            "ErrorCalendarFolderIsInvalidForCalendarView",
        ),
    ),
    (
        Reaction.PROBE_SERVICE,
        ImpersonationRightMissing,
        ("ErrorImpersonationDenied", "ErrorImpersonationFailed"),
    ),
    (
        Reaction.PROBE_SERVICE,
        ExchangeTooOld,
        ("ErrorInvalidServerVersion", "ErrorInvalidSchemaVersionForMailboxVersion"),
    ),
    (Reaction.PROBE_SERVICE, EwsForbidden, ("ErrorOrganizationAccessBlocked", "ErrorCallerIsInvalidADAccount")),
    (Reaction.PROBE_SERVICE, ServiceMailboxMissing, ("ErrorNameResolutionNoMailbox",)),
    (Reaction.OPEN_BREAKER, LoginRefused, ("ErrorPasswordExpired", "ErrorPasswordChangeRequired")),
    (
        Reaction.SUBSCRIBE_AGAIN,
        SubscriptionLost,
        (
            "ErrorSubscriptionNotFound",
            "ErrorExpiredSubscription",
            "ErrorInvalidSubscription",
            "ErrorReadEventsFailed",
            "ErrorMissedNotificationEvents",
            "ErrorInvalidWatermark",
            "ErrorSubscriptionAccessDenied",
            "ErrorSubscriptionUnsubscribed",
            "ErrorNewEventStreamConnectionOpened",
            "ErrorEventNotFound",
        ),
    ),
    (
        Reaction.REPORT,
        RequestRejected,
        (
            "ErrorSchemaValidation",
            "ErrorInvalidRequest",
            "ErrorCalendarViewRangeTooBig",
            "ErrorTimeIntervalTooBig",
            "ErrorMailboxDataArrayTooBig",
            "ErrorRequestStreamTooBig",
            "ErrorTimeZone",
            *FOREIGN_CODES,
        ),
    ),
)

MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {code: Meaning(reaction, failure) for reaction, failure, codes in TABLE for code in codes}
)

# Without impersonation the mailbox that a code complains about is the service account's own.
_ABOUT_THE_SERVICE_ACCOUNT: Mapping[str, Meaning] = MappingProxyType(
    {
        **{
            code: Meaning(meaning.reaction, ServiceAccountBusy)
            for code, meaning in MEANINGS.items()
            if issubclass(meaning.failure, MailboxBusy)
        },
        "ErrorAccountDisabled": Meaning(Reaction.OPEN_BREAKER, LoginRefused),
        "ErrorNonExistentMailbox": Meaning(Reaction.PROBE_SERVICE, ServiceMailboxMissing),
        "ErrorAccessDenied": Meaning(Reaction.PROBE_SERVICE, EwsForbidden),
    }
)

# A code that is in no schema we know may pass by itself; the failure names it.
_UNKNOWN = Meaning(Reaction.TRY_AGAIN, MailboxTrouble)


def meaning_of(code: str, *, of_a_mailbox: bool) -> Meaning:
    """Return what `code` means where it is about a mailbox, or else about the service account that asked."""
    if not of_a_mailbox and code in _ABOUT_THE_SERVICE_ACCOUNT:
        return _ABOUT_THE_SERVICE_ACCOUNT[code]
    return MEANINGS.get(code, _UNKNOWN)


def meaning_of_status(status: int, *, by_policy: bool) -> Meaning:
    """Return what an answer without response messages means; `by_policy`: it has the header X-EWS-Policy-Reason.

    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/ews-throttling-in-exchange
    """
    if status == 401:
        return Meaning(Reaction.OPEN_BREAKER, LoginRefused)
    if status == LOGIN_TIMEOUT:
        return Meaning(Reaction.PROBE_SERVICE, LoginPage)
    if status == 403:
        return Meaning(Reaction.PROBE_SERVICE, EwsSwitchedOff if by_policy else EwsForbidden)
    if status in (429, 503):
        return Meaning(Reaction.PAUSE, ExchangeBusy)
    # Front ends redirect to an error page, or send one, while the server behind them is in trouble.
    if 300 <= status < 400 or status >= 500:
        return Meaning(Reaction.TRY_AGAIN, MailboxTrouble)
    return Meaning(Reaction.REPORT, NotUnderstood)
