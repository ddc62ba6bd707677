"""Named failures of Microsoft Graph. What means the same as elsewhere has the failure from `engine.exchange.errors`."""

from engine.core.errors import Fault, Scope
from engine.exchange.errors import ExchangeFailure, MailboxTrouble
from engine.exchange.oauth.errors import TokenRefused

_CHANGES_TAKE = "Changes take 30 minutes to 2 hours to have an effect."


class GraphTokenRefused(TokenRefused):
    """Graph refuses a freshly issued token (HTTP 401 InvalidAuthenticationToken)."""

    fault = Fault.SETTINGS
    meaning = "Microsoft Graph refuses the token of the application"
    remedy = (
        "Check the clock of this machine, and that exchange.graph_url and exchange.authority belong to the same cloud. "
        "The next attempt is in 15 minutes."
    )


class TenantWithoutExchange(ExchangeFailure):
    """The tenant has no Exchange Online, or is of another cloud (HTTP 401 OrganizationFromTenantGuidNotFound)."""

    fault = Fault.SETTINGS
    scope = Scope.SERVICE
    meaning = "This tenant has no Exchange Online"
    remedy = (
        "Compare exchange.tenant_id with the directory (tenant) ID in the Entra portal, and check that the tenant has "
        "licences with Exchange Online. In a national cloud, set exchange.authority and exchange.graph_url."
    )


class GraphPermissionMissing(ExchangeFailure):
    """The application may read no calendar: the permission, or the consent of an administrator, is missing."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "The application may not read calendars by Microsoft Graph"
    remedy = (
        "In the app registration, under API permissions, add Microsoft Graph, Application permissions (not Delegated "
        'ones), Calendars.ReadBasic.All, and press "Grant admin consent". Or assign the role Application '
        f"Calendars.Read with a scope in Exchange Online (New-ManagementRoleAssignment -App). {_CHANGES_TAKE}"
    )


class GraphAccessDenied(ExchangeFailure):
    """The application may read other mailboxes, but not this one: it is outside the scope of its role."""

    fault = Fault.PERMISSION
    scope = Scope.USER
    meaning = "Entra keeps this mailbox from the engine"
    remedy = (
        "Make the user a direct member of the group in the scope of the application's role, or check with "
        "Test-ServicePrincipalAuthorization (Exchange Online PowerShell) what the scope holds. A user without a "
        f"licence may be refused as well. {_CHANGES_TAKE}"
    )


class AccessPolicyExcludes(ExchangeFailure):
    """An application access policy of Exchange Online keeps the application from this mailbox."""

    fault = Fault.PERMISSION
    scope = Scope.USER
    meaning = "An application access policy excludes this mailbox"
    remedy = (
        "Add the user to the group of the policy: Get-ApplicationAccessPolicy lists the policies, and "
        "Test-ApplicationAccessPolicy -AppId (exchange.client_id) -Identity (the mailbox) shows their effect."
    )


class UserAgentBlocked(ExchangeFailure):
    """The organisation admits only programs whose User-Agent is on a list (EwsApplicationAccessPolicy)."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "Exchange Online blocks programs that are not on its list, and calendar-engine is not"
    remedy = (
        "Add calendar-engine/* to EwsAllowList, or remove it from EwsBlockList (Get-OrganizationConfig and "
        "Set-OrganizationConfig in Exchange Online PowerShell)."
    )


class DirectoryNotReadable(ExchangeFailure):
    """The application may not look up users in the directory (HTTP 403 Authorization_RequestDenied)."""

    fault = Fault.PERMISSION
    scope = Scope.SERVICE
    meaning = "The application may not look up addresses in the directory"
    remedy = (
        "Give the application User.Read.All (Microsoft Graph, Application permissions) with admin consent. Without it, "
        "the PBX must hold the user principal names of its users."
    )


class AddressAmbiguous(ExchangeFailure):
    """Several users of the directory have the same address."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "An address belongs to several users of the directory"
    remedy = (
        "Look in the Entra portal which users have it, and remove it from all but one; or enter the user principal "
        "name of the right one in the user object in the PBX."
    )


class UserNameUnknown(ExchangeFailure):
    """The mailbox exists, but Graph reads it by its user principal name only, which neither PBX nor directory tells."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "Only times and states of appointments are read, because the PBX does not have the user principal name"
    remedy = (
        "Enter the user principal name (the name the user signs in to Microsoft 365 with) in the user object in the "
        "PBX, or give the application User.Read.All (Microsoft Graph, Application permissions) with admin consent, so "
        "that it is looked up."
    )


class MailboxNotOnline(ExchangeFailure):
    """The user has no mailbox in Exchange Online: it is on premises, was deleted, or has no licence (yet)."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "This user's mailbox is not in Exchange Online"
    remedy = (
        "Check in the Microsoft 365 admin center that the user has a licence with Exchange Online; a new mailbox takes "
        "up to a day. A mailbox that is still on premises cannot be read by Microsoft Graph: set exchange.type = "
        '"hybrid", or exclude its user in pbx.users.'
    )


class MailboxFull(ExchangeFailure):
    """The mailbox has reached its quota, and Exchange refuses to read it (HTTP 507 ErrorQuotaExceeded)."""

    fault = Fault.SERVER
    scope = Scope.USER
    meaning = "The mailbox is full"
    remedy = "Delete or archive something in the mailbox, or raise its quota. Other users are not affected."


class ExchangeOnlineTrouble(MailboxTrouble):
    """Exchange Online answered an error that may pass (HTTP 500 to 504 and 509), often without a reason."""

    meaning = "Exchange Online cannot read this mailbox at the moment"
    remedy = (
        "Nothing to do at first: it is retried. If it persists, see Service health in the Microsoft 365 admin center."
    )
