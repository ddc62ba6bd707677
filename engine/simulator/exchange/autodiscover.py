"""What both forms of autodiscover know: where EWS is for a mailbox, and where else to ask."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.simulator.exchange.homes import Homes
from engine.simulator.faults import RedirectAddress, RedirectUrl
from engine.simulator.world import Person, World


@dataclass(frozen=True, slots=True)
class Directory:
    """The answers' contents; `url_of` makes the EWS URL of a host name, `unknown_pox_address` is POX's code for it."""

    world: World
    homes: Homes
    url_of: Callable[[str], str]
    unknown_pox_address: str

    def mailbox_owner(self, address: str) -> Person | None:
        """Return whose mailbox the address leads to, primary or proxy."""
        return self.world.owner(address.strip())

    def serves_domain_of(self, address: str) -> bool:
        """Tell whether mail for the address's domain is at home here."""
        domain = address.strip().casefold().rpartition("@")[2]
        known = {(person.mailbox or "").casefold().rpartition("@")[2] for person in self.world.people}
        return bool(domain) and domain in known

    def settings(self, owner: Person) -> dict[str, str]:
        """Return the user settings by the names of SOAP autodiscover."""
        home = self.homes.of(owner.mailbox or "")
        return {
            "UserDisplayName": owner.display_name,
            "AutoDiscoverSMTPAddress": owner.mailbox or "",
            "ExternalEwsUrl": self.url_of(home.external_host),
            "InternalEwsUrl": self.url_of(home.internal_host),
            "EwsSupportedSchemas": "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2, "
            "Exchange2013, Exchange2013_SP1, Exchange2016",
            "CasVersion": "15.02.1544.011",
            "GroupingInformation": home.group,
        }


Redirect = RedirectAddress | RedirectUrl
