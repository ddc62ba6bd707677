"""Errors that Graph answers with (learn.microsoft.com/graph/errors), as refusals and as faults on demand."""

from collections.abc import Mapping

from engine.simulator.faults import ODataError

ACCESS_DENIED = ODataError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
BLOCKED_BY_POLICY = ODataError(
    403,
    "ErrorAccessDenied",
    "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.",
)
"""An application access policy excludes the mailbox."""
USER_AGENT_BLOCKED = ODataError(403, "ErrorAccessDenied", "Access to OData is disabled.")
"""EwsApplicationAccessPolicy excludes the User-Agent."""
NO_PERMISSION = ODataError(401, "UnknownError")
"""What some tenants answer instead of `ACCESS_DENIED` where the token has no permission."""
DIRECTORY_DENIED = ODataError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
NO_EXCHANGE_ONLINE = ODataError(
    401, "OrganizationFromTenantGuidNotFound", "The tenant for tenant guid 'simulated' does not exist."
)
NO_MAILBOX = ODataError(404, "ResourceNotFound", "Resource could not be discovered.")
NOT_ENABLED = ODataError(
    404,
    "MailboxNotEnabledForRESTAPI",
    "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
)
NOT_SUPPORTED = ODataError(404, "MailboxNotSupportedForRESTAPI", "REST API is not yet supported for this mailbox.")
MAILBOX_FULL = ODataError(507, "ErrorQuotaExceeded", "The mailbox quota has been exceeded.")
MAILBOX_MOVES = ODataError(503, "ErrorMailboxMoveInProgress", "The mailbox is being moved.")
DEPENDENCY_FAILED = ODataError(424, "FailedDependency", "A request that this one depends on has failed.")


class Refusal(Exception):
    """A request is answered with an error."""

    def __init__(self, error: ODataError) -> None:
        super().__init__(error.code, error.message)
        self.error = error


def bad_request(message: str, code: str = "BadRequest") -> Refusal:
    """Return the refusal of a request that is wrong in itself."""
    return Refusal(ODataError(400, code, message))


def invalid_user(key: str, status: int, code: str) -> Refusal:
    """Return the refusal of Exchange for somebody whom this tenant does not have."""
    return Refusal(ODataError(status, code, f"The requested user '{key}' is invalid."))


def not_in_directory(key: str) -> Refusal:
    """Return the refusal of the directory for a key that is neither an id nor a user principal name."""
    message = f"Resource '{key}' does not exist or one of its queried reference-property objects are not present."
    return Refusal(ODataError(404, "Request_ResourceNotFound", message))


def invalid_token(message: str) -> ODataError:
    """Return the refusal of a token."""
    challenge = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
        'client_id="00000003-0000-0000-c000-000000000000"'
    )
    return ODataError(401, "InvalidAuthenticationToken", message, headers={"WWW-Authenticate": challenge})


def throttled(retry_after: int | None, limit: str = "MailboxConcurrency") -> ODataError:
    """Return the refusal of an application that asks too much, with or without Retry-After (seconds)."""
    wait: Mapping[str, str] = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return ODataError(429, "ApplicationThrottled", f"Application is over its {limit} limit.", headers=wait)


def unknown_error(status: int = 503, retry_after: int | None = None) -> ODataError:
    """Return what Graph says when a service behind it fails: no message, and no code that says anything."""
    wait: Mapping[str, str] = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return ODataError(status, "UnknownError", headers=wait)
