"""What both forms of autodiscover know: where EWS is for a mailbox, and where else to ask."""

from dataclasses import dataclass

from engine.simulator.faults import RedirectAddress, RedirectUrl
from engine.simulator.world import Person, World


@dataclass(frozen=True, slots=True)
class Directory:
    """The answers' contents. The URLs are those of EWS, as seen from outside and inside."""

    world: World
    external_url: str
    internal_url: str

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
        return {
            "UserDisplayName": owner.display_name,
            "AutoDiscoverSMTPAddress": owner.mailbox or "",
            "ExternalEwsUrl": self.external_url,
            "InternalEwsUrl": self.internal_url,
            "EwsSupportedSchemas": "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2, "
            "Exchange2013, Exchange2013_SP1, Exchange2016",
            "CasVersion": "15.02.1544.011",
            "GroupingInformation": "Default-First-Site-Name",
        }


Redirect = RedirectAddress | RedirectUrl
