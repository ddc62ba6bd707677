"""The table of errors of Graph: the failure that status, code and message mean, which decides what is done about it.

https://learn.microsoft.com/graph/errors
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from engine.core import bounded
from engine.core.tenant import MissingMailbox
from engine.exchange.errors import (
    CalendarNotReadable,
    ExchangeBusy,
    ExchangeFailure,
    MailboxBusy,
    MailboxMoved,
    MailboxNotFound,
    MailboxTrouble,
    NotUnderstood,
    RequestRejected,
    TooManyAtOnce,
)
from engine.exchange.graph.batch import GraphAnswer
from engine.exchange.graph.errors import (
    AccessPolicyExcludes,
    DirectoryNotReadable,
    ExchangeOnlineTrouble,
    GraphAccessDenied,
    GraphPermissionMissing,
    GraphTokenRefused,
    MailboxFull,
    MailboxNotOnline,
    TenantWithoutExchange,
    UserAgentBlocked,
)
from engine.exchange.http.login_page import is_html
from engine.exchange.http.retry_after import retry_after
from engine.exchange.oauth.errors import ConditionalAccessBlocks

# An entry is a code, or a code and a part of the message. The most exact entry counts: one with a part of the message.
TABLE: tuple[tuple[type[ExchangeFailure], tuple[str | tuple[str, str], ...]], ...] = (
    (GraphTokenRefused, ("InvalidAuthenticationToken",)),
    (TenantWithoutExchange, ("OrganizationFromTenantGuidNotFound",)),
    (GraphAccessDenied, ("ErrorAccessDenied", "AccessDenied")),
    (AccessPolicyExcludes, (("ErrorAccessDenied", "[RAOP]"),)),
    (UserAgentBlocked, (("ErrorAccessDenied", "Access to OData is disabled"),)),
    (DirectoryNotReadable, ("Authorization_RequestDenied",)),
    (ConditionalAccessBlocks, ("insufficient_claims",)),
    (MailboxNotFound, ("ErrorInvalidUser", "Request_ResourceNotFound", "ErrorNonExistentMailbox")),
    (
        MailboxNotOnline,
        ("ResourceNotFound", "MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "extensionError"),
    ),
    (
        RequestRejected,
        (
            "ErrorInvalidRequest",
            "RequestBroker--ParseUri",
            "BadRequest",
            "Request_BadRequest",
            "Request_UnsupportedQuery",
            "ErrorInvalidIdMalformed",
            "ErrorPropertyValidationFailure",
        ),
    ),
    (MailboxFull, ("ErrorQuotaExceeded",)),
    (MailboxBusy, ("ApplicationThrottled", "TooManyRequests", "activityLimitReached")),
    (TooManyAtOnce, ("ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened")),
    (MailboxMoved, ("ErrorMailboxMoveInProgress", "MailboxInfoStale")),
    (MailboxTrouble, ("ErrorMailboxStoreUnavailable",)),
    (CalendarNotReadable, ("ErrorItemNotFound",)),
    (
        ExchangeOnlineTrouble,
        (
            "ErrorInternalServerError",
            "ErrorInternalServerTransientError",
            "serviceNotAvailable",
            "generalException",
            "ErrorServerBusy",
        ),
    ),
)

_MEANINGS: Mapping[str, type[ExchangeFailure]] = MappingProxyType(
    {code.casefold(): failure for failure, entries in TABLE for code in entries if isinstance(code, str)}
)
_BY_MESSAGE = tuple(
    (entry[0].casefold(), entry[1].casefold(), failure)
    for failure, entries in TABLE
    for entry in entries
    if isinstance(entry, tuple)
)
_STATUSES: Mapping[int, type[ExchangeFailure]] = MappingProxyType(
    {
        400: RequestRejected,
        # An empty body, or UnknownError: the token has no permission (msgraph forums, and tenants without licences).
        401: GraphPermissionMissing,
        403: GraphAccessDenied,
        429: MailboxBusy,
        507: MailboxFull,
    }
)
_OF_EVERYBODY: Mapping[type[ExchangeFailure], type[ExchangeFailure]] = MappingProxyType(
    {MailboxBusy: ExchangeBusy, GraphAccessDenied: GraphPermissionMissing}
)
"""What a failure means for a request that is about no single mailbox."""

_DENIALS = (GraphAccessDenied, GraphPermissionMissing, RequestRejected)
_UNAVAILABLE = 503
_DEEPEST = 4
_LONGEST = 200
_FIRST_WITH_FAULT_OF_SERVER = 500


_NOTHING = msgspec.Raw(b"null")


class _InnerError(msgspec.Struct):
    code: str | None = None
    inner_error: msgspec.Raw = msgspec.field(name="innerError", default=_NOTHING)
    request_id: str | None = msgspec.field(name="request-id", default=None)


class _Error(msgspec.Struct):
    code: str | None = None
    message: str | None = None
    inner_error: msgspec.Raw = msgspec.field(name="innerError", default=_NOTHING)


class _Body(msgspec.Struct):
    error: _Error


class GraphError(msgspec.Struct, frozen=True):
    """An error as Graph describes it: `codes` from the most to the least exact."""

    codes: tuple[str, ...]
    message: str
    request_id: str = ""


def error_in(body: bytes) -> GraphError | None:
    """Return the error that a body describes, None if it describes none."""
    try:
        error = bounded.json(body, _Body).error
    except bounded.NotReadable:
        return None
    codes, request_id, inner = [error.code or ""], "", error.inner_error
    for _ in range(_DEEPEST):
        try:
            decoded = bounded.json(bytes(inner), _InnerError)
        except bounded.NotReadable:
            break
        codes.insert(0, decoded.code or "")
        request_id = decoded.request_id or request_id
        inner = decoded.inner_error
    return GraphError(tuple(filter(None, codes)), error.message or "", request_id)


def meaning_of(status: int, error: GraphError | None, *, of_a_mailbox: bool = True) -> type[ExchangeFailure]:
    """Return the failure that an answer with an error means, `of_a_mailbox` or of everything that was requested.

    The most exact code that is known counts; without any, the status does.
    """
    found = _of_codes(error) if error is not None else None
    if found is None:
        found = _of_status(status, is_described=error is not None)
    if not of_a_mailbox and status == _UNAVAILABLE:
        return ExchangeBusy
    return found if of_a_mailbox else _OF_EVERYBODY.get(found, found)


def failure_of(
    answer: GraphAnswer, about: str, *, of_a_mailbox: bool = True, missing: MissingMailbox | None = None
) -> ExchangeFailure:
    """Return the failure of an answer with a status of 300 or more; `about` is what was requested.

    `missing` is how this tenant is known to answer for a mailbox that does not exist: it counts for a code that is not
    in the table.
    Of the message of Graph nothing is quoted but what tells an administrator more than the code, since it may name
    other people.
    """
    error = error_in(answer.body)
    kind = meaning_of(answer.status, error, of_a_mailbox=of_a_mailbox)
    if error is not None and missing is not None and _means_missing(answer.status, error, missing):
        kind = MailboxNotFound
    if error is None and kind in _DENIALS and is_html(answer.headers, answer.body):
        kind = NotUnderstood  # a page of something in between
    code = f" {error.codes[0][:_LONGEST]}" if error is not None and error.codes else ""
    request_id = error.request_id if error is not None else answer.headers.get("request-id", "")
    request = f" (request {request_id[:_LONGEST]})" if request_id else ""
    waits = issubclass(kind, ExchangeBusy | MailboxTrouble)
    return kind(
        f"{about}: HTTP {answer.status}{code}{request}", retry_after=retry_after(answer.headers) if waits else None
    )


def _means_missing(status: int, error: GraphError, missing: MissingMailbox) -> bool:
    is_known = _of_codes(error) is not None
    return (
        not is_known
        and bool(error.codes)
        and (status, error.codes[0].casefold()) == (missing.status, missing.code.casefold())
    )


def _of_codes(error: GraphError) -> type[ExchangeFailure] | None:
    message = error.message.casefold()
    for code in (each.casefold() for each in error.codes):
        for known, part, failure in _BY_MESSAGE:
            if known == code and part in message:
                return failure
        if code in _MEANINGS:
            return _MEANINGS[code]
    return None


def _of_status(status: int, *, is_described: bool) -> type[ExchangeFailure]:
    if status in _STATUSES:
        return _STATUSES[status]
    if status >= _FIRST_WITH_FAULT_OF_SERVER:
        return ExchangeOnlineTrouble
    # What a code means that is not in the table may be temporary; without one, something else has answered.
    return MailboxTrouble if is_described else NotUnderstood
