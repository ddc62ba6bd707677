"""Shell commands that let the service account impersonate: scoped and idempotent."""

import re

# Characters that PowerShell could read as more than a name, such as its other quotes, are kept out of commands.
_PLAIN = re.compile(r"[A-Za-z0-9._@+\\-]{1,320}")
_PLAIN_GROUP = re.compile(r"[\w .@+&()'-]{1,320}")

NAME = "calendar-engine"
"""The name of the management scope and of the role assignment."""

_SCOPE = f"Get-ManagementScope -Identity '{NAME}' -ErrorAction SilentlyContinue"
_ASSIGNMENT = f"Get-ManagementRoleAssignment -Identity '{NAME}' -ErrorAction SilentlyContinue"
_FILTER = "RecipientTypeDetails -eq 'UserMailbox' -or RecipientTypeDetails -eq 'SharedMailbox'"


def grant(account: str) -> str:
    """Return one line for the Exchange Management Shell; `account` is quoted as PowerShell requires.

    The scope includes user mailboxes and shared mailboxes, until its filter is narrowed (Set-ManagementScope).
    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/how-to-configure-impersonation
    """
    return (
        f"if (-not ({_SCOPE})) "
        f"{{ New-ManagementScope -Name '{NAME}' -RecipientRestrictionFilter \"{_FILTER}\" }}; "
        f"if ({_ASSIGNMENT}) "
        f"{{ Set-ManagementRoleAssignment -Identity '{NAME}' -CustomRecipientWriteScope '{NAME}' }} "
        f"else {{ New-ManagementRoleAssignment -Name '{NAME}' -Role ApplicationImpersonation -User {account} "
        f"-CustomRecipientWriteScope '{NAME}' }}"
    )


def grant_to_group(account: str, group: str) -> tuple[str, ...]:
    """Return lines for the Exchange Management Shell that let an account read the members of a group alone; both are
    quoted as PowerShell requires. They may be repeated.
    """
    return (
        *scope_of_members(f"Get-Group {group}"),
        f"if ({_ASSIGNMENT}) "
        f"{{ Set-ManagementRoleAssignment -Identity '{NAME}' -CustomRecipientWriteScope '{NAME}' }} "
        f"else {{ New-ManagementRoleAssignment -Name '{NAME}' -Role ApplicationImpersonation -User {account} "
        f"-CustomRecipientWriteScope '{NAME}' }}",
    )


def scope_of_members(find: str) -> tuple[str, str]:
    """Return lines that make the management scope the members of a group, which the command `find` finds.

    An apostrophe in the name of the group ends the text of the filter, unless it is doubled.
    https://learn.microsoft.com/powershell/exchange/recipientfilter-properties (MemberOfGroup)
    https://learn.microsoft.com/powershell/exchange/recipient-filters (syntax)
    """
    members = "-RecipientRestrictionFilter \"MemberOfGroup -eq '$group'\""
    return (
        f'$group = ({find}).DistinguishedName.Replace("\'", "\'\'")',
        f"if (-not ({_SCOPE})) {{ New-ManagementScope -Name '{NAME}' {members} }} "
        f"else {{ Set-ManagementScope -Identity '{NAME}' {members} }}",
    )


def extend(mailbox: str) -> str:
    """Return one line that shows whether the scope includes a mailbox; `mailbox` is quoted as above."""
    return (
        f"Get-Recipient -RecipientPreviewFilter ({_SCOPE}).RecipientFilter -ResultSize Unlimited | "
        f"Where-Object {{ $_.EmailAddresses -contains 'smtp:' + {mailbox} }}"
    )


def quoted(name: str, placeholder: str) -> str:
    """Return a name in quotes, or a placeholder if PowerShell could read it as more than a name."""
    return f"'{name if _PLAIN.fullmatch(name) else placeholder}'"


def quoted_group(name: str) -> str:
    """Return the name of a group in quotes, likewise, with the blanks and letters that such names have."""
    plain = name.replace("'", "''") if _PLAIN_GROUP.fullmatch(name) else "GROUP"
    return f"'{plain}'"
