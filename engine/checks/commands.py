"""Commands for an administrator of Exchange or Entra that give the right to read the calendars of some users."""

from collections.abc import Sequence

from engine.core.errors import Failure
from engine.exchange import impersonation
from engine.exchange.errors import ImpersonationDenied, ImpersonationRightMissing
from engine.exchange.graph import consent
from engine.exchange.graph.errors import AccessPolicyExcludes, GraphAccessDenied, GraphPermissionMissing
from engine.settings.model import ExchangeSettings

_OUTSIDE_THE_SCOPE = (ImpersonationDenied, GraphAccessDenied, AccessPolicyExcludes)


def commands(failure: Failure, addresses: Sequence[str], settings: ExchangeSettings) -> tuple[str, ...]:
    """Return the commands that mend a failure for these mailboxes, none if there are no such commands.

    GROUP stands for the group that the management scope of the engine names.
    """
    if isinstance(failure, ImpersonationRightMissing):
        return (impersonation.grant(impersonation.quoted(settings.user, "ACCOUNT")),)
    if isinstance(failure, GraphPermissionMissing):
        return consent.tenant_wide(impersonation.quoted(settings.client_id or "", "CLIENT-ID"))
    if isinstance(failure, _OUTSIDE_THE_SCOPE):
        members = (impersonation.quoted(address, "MAILBOX") for address in addresses if address)
        return tuple(f"Add-DistributionGroupMember -Identity 'GROUP' -Member {member}" for member in members)
    return ()
