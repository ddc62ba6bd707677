"""The commands that let the service account impersonate: scoped, and to be typed as often as one likes."""

import re

# Whatever PowerShell could take for more than a name is not put into a command.
_PLAIN = re.compile(r"[A-Za-z0-9._@+\\-]{1,320}")

NAME = "calendar-engine"
"""What the management scope and the role assignment are called."""

_SCOPE = f"Get-ManagementScope -Identity '{NAME}' -ErrorAction SilentlyContinue"
_ASSIGNMENT = f"Get-ManagementRoleAssignment -Identity '{NAME}' -ErrorAction SilentlyContinue"
_FILTER = "RecipientTypeDetails -eq 'UserMailbox' -or RecipientTypeDetails -eq 'SharedMailbox'"


def grant(account: str) -> str:
    """Return one line for the Exchange Management Shell; `account` is quoted as PowerShell wants it.

    The scope takes in the mailboxes of people and shared ones, until its filter is narrowed (Set-ManagementScope).
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


def extend(mailbox: str) -> str:
    """Return one line that tells whether the scope takes in a mailbox, `mailbox` quoted as above."""
    return (
        f"Get-Recipient -RecipientPreviewFilter ({_SCOPE}).RecipientFilter -ResultSize Unlimited | "
        f"Where-Object {{ $_.EmailAddresses -contains 'smtp:' + {mailbox} }}"
    )


def quoted(name: str, placeholder: str) -> str:
    """Return a name in quotes, or a placeholder for what could be taken for more than a name."""
    return f"'{name if _PLAIN.fullmatch(name) else placeholder}'"
