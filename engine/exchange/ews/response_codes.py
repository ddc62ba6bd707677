"""The table of EWS response codes: the failure that each one means, which decides what is done about it."""

from collections.abc import Mapping
from types import MappingProxyType

from engine.exchange.errors import (
    CalendarItemCorrupt,
    CalendarItemGone,
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
from engine.exchange.ews.other_response_codes import FOREIGN_CODES
from engine.exchange.http.login_page import LOGIN_TIMEOUT

NAMES_NOT_RESOLVED = ("ErrorNameResolutionNoResults", "ErrorNameResolutionMultipleResults")
"""Response codes of ResolveNames that come with results, whatever response class the server gives them."""

# Codes and their descriptions: Microsoft's EWS reference, page ResponseCode.
TABLE: tuple[tuple[type[ExchangeFailure], tuple[str, ...]], ...] = (
    (
        MailboxBusy,
        ("ErrorServerBusy", "ErrorTimeoutExpired", "ErrorBatchProcessingStopped"),
    ),
    (
        TooManyAtOnce,
        ("ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened", "ErrorInsufficientResources"),
    ),
    (
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
        SubscriptionRefused,
        (
            "ErrorExceededSubscriptionCount",
            "ErrorInvalidSubscriptionRequest",
            "ErrorSubscriptionDelegateAccessNotSupported",
        ),
    ),
    (
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
    (CalendarItemGone, ("ErrorItemNotFound",)),
    (CalendarTooFull, ("ErrorExceededFindCountLimit", "ErrorResultSetTooBig")),
    (MailboxMoved, ("ErrorMailboxMoveInProgress",)),
    (
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
    (NotPrimaryAddress, ("ErrorNonPrimarySmtpAddress",)),
    (
        MailboxNotFound,
        (
            "ErrorNonExistentMailbox",
            "ErrorMailRecipientNotFound",
            "ErrorAccountDisabled",
            "ErrorInvalidSmtpAddress",
            *NAMES_NOT_RESOLVED,
            "ErrorCannotFindUser",
            "ErrorRecipientNotFound",
            "ErrorFreeBusyDLLimitReached",
        ),
    ),
    (ImpersonationDenied, ("ErrorImpersonateUserDenied",)),
    (
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
        ImpersonationRightMissing,
        ("ErrorImpersonationDenied", "ErrorImpersonationFailed"),
    ),
    (
        ExchangeTooOld,
        ("ErrorInvalidServerVersion", "ErrorInvalidSchemaVersionForMailboxVersion"),
    ),
    (EwsForbidden, ("ErrorOrganizationAccessBlocked", "ErrorCallerIsInvalidADAccount")),
    (ServiceMailboxMissing, ("ErrorNameResolutionNoMailbox",)),
    (LoginRefused, ("ErrorPasswordExpired", "ErrorPasswordChangeRequired")),
    (
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

MEANINGS: Mapping[str, type[ExchangeFailure]] = MappingProxyType(
    {code: failure for failure, codes in TABLE for code in codes}
)

# Without impersonation, the mailbox that a code refers to is the service account's own.
_ABOUT_THE_SERVICE_ACCOUNT: Mapping[str, type[ExchangeFailure]] = MappingProxyType(
    {
        **{code: ServiceAccountBusy for code, failure in MEANINGS.items() if issubclass(failure, MailboxBusy)},
        "ErrorAccountDisabled": LoginRefused,
        "ErrorNonExistentMailbox": ServiceMailboxMissing,
        "ErrorAccessDenied": EwsForbidden,
    }
)

# A code that is in no known schema may be temporary; the failure names it.
_UNKNOWN = MailboxTrouble


def effective_code(code: str, inner: str) -> str:
    """Return the effective code: if a batch was throttled half-way, the inner code has the reason."""
    return inner if code == "ErrorInternalServerError" and inner in MEANINGS else code


def meaning_of(code: str, *, of_a_mailbox: bool) -> type[ExchangeFailure]:
    """Return the failure that `code` means for a mailbox, or else for the service account."""
    if not of_a_mailbox and code in _ABOUT_THE_SERVICE_ACCOUNT:
        return _ABOUT_THE_SERVICE_ACCOUNT[code]
    return MEANINGS.get(code, _UNKNOWN)


def meaning_of_status(status: int, *, by_policy: bool) -> type[ExchangeFailure]:
    """Return the failure that an answer without response messages means.

    `by_policy`: it has the header X-EWS-Policy-Reason.

    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/ews-throttling-in-exchange
    """
    if status == 401:
        return LoginRefused
    if status == LOGIN_TIMEOUT:
        return LoginPage
    if status == 403:
        return EwsSwitchedOff if by_policy else EwsForbidden
    if status in (429, 503):
        return ExchangeBusy
    # Front ends redirect to an error page, or send one, while the server behind them has a problem.
    if 300 <= status < 400 or status >= 500:
        return MailboxTrouble
    return NotUnderstood
