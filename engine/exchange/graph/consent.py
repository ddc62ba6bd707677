"""Commands that let the application read calendars by Microsoft Graph: of the whole tenant, or of a group alone.

https://learn.microsoft.com/exchange/permissions-exo/application-rbac
"""

from collections.abc import Mapping
from types import MappingProxyType

from engine.exchange.impersonation import NAME, scope_of_members

GRAPH = "00000003-0000-0000-c000-000000000000"
"""The application ID of Microsoft Graph, in every cloud."""

PERMISSIONS: Mapping[str, str] = MappingProxyType(
    {
        "Calendars.ReadBasic.All": "8ba4a692-bc31-4128-9094-475872af8a53",
        "Calendars.Read": "798ee544-9d2d-430c-a058-570e29e34338",
        "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    }
)
"""Application permissions of Microsoft Graph and their ids: what is needed, what a tenant may ask for instead of it,
and what finds secondary addresses."""

ROLE = "Application Calendars.Read"
"""The role of RBAC for Applications; there is none that reads less."""


def tenant_wide(app: str, permission: str = "Calendars.ReadBasic.All") -> tuple[str, ...]:
    """Return commands of the Azure CLI that give the application `app` (its client ID, quoted) a permission for all
    mailboxes."""
    return (
        f"az ad app permission add --id {app} --api {GRAPH} --api-permissions {PERMISSIONS[permission]}=Role",
        f"az ad app permission admin-consent --id {app}",
    )


def scoped(app: str, mailbox: str) -> tuple[str, ...]:
    """Return lines of Exchange Online PowerShell that let the application read the direct members of a group alone.

    They may be repeated. `app` is its client ID and `mailbox` one to test the scope with, both quoted. The object id is
    that of the service principal, which `az ad sp show` returns: the registration has another one.
    """
    silently = "-ErrorAction SilentlyContinue"
    return (
        f"$object = az ad sp show --id {app} --query id -o tsv",
        "Connect-ExchangeOnline",
        f"if (-not (Get-ServicePrincipal -Identity $object {silently})) "
        f"{{ New-ServicePrincipal -AppId {app} -ObjectId $object -DisplayName '{NAME}' }}",
        *scope_of_members("Get-DistributionGroup 'GROUP'"),
        f"if (-not (Get-ManagementRoleAssignment -Identity '{NAME}' {silently})) "
        f"{{ New-ManagementRoleAssignment -Name '{NAME}' -App $object -Role '{ROLE}' -CustomResourceScope '{NAME}' }}",
        f"Test-ServicePrincipalAuthorization -Identity $object -Resource {mailbox} | Format-Table",
    )
