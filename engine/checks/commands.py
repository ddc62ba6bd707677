"""Commands for an administrator of Exchange or Entra that give the right to read the calendars of some users."""

from collections.abc import Sequence

from engine.core.errors import Failure
from engine.documents.problem_commands import commands_for
from engine.exchange import impersonation
from engine.exchange.errors import ImpersonationRightMissing
from engine.exchange.graph import consent
from engine.exchange.graph.errors import GraphPermissionMissing
from engine.settings.model import ExchangeSettings


def commands(
    failure: Failure, addresses: Sequence[str], settings: ExchangeSettings, group: str = ""
) -> tuple[str, ...]:
    """Return the commands that mend a failure for these mailboxes, none if there are no such commands; `group` is the
    one with the mailboxes that may be read, "" if it is not known."""
    if isinstance(failure, ImpersonationRightMissing):
        return (impersonation.grant(impersonation.quoted(settings.user, "ACCOUNT")),)
    if isinstance(failure, GraphPermissionMissing):
        return consent.tenant_wide(impersonation.quoted(settings.client_id or "", "CLIENT-ID"))
    known = [address for address in addresses if address]
    return commands_for(failure.slug, known, impersonation.quoted_group(group))
