"""One request as an operation sees it."""

from dataclasses import dataclass

from engine.simulator.exchange.behaviour import Behaviour
from engine.simulator.exchange.homes import Homes, Route
from engine.simulator.exchange.soap import Refusal
from engine.simulator.exchange.subscriptions import Subscriptions
from engine.simulator.exchange.xml import Element
from engine.simulator.world import World


@dataclass(frozen=True, slots=True)
class Call:
    """One request as an operation sees it. `mailbox` is the primary address acted for, None without impersonation;
    `account` is who has logged in.
    """

    request: Element
    world: World
    behaviour: Behaviour
    homes: Homes
    subscriptions: Subscriptions
    mailbox: str | None
    account: str
    route: Route

    @property
    def calendar_of(self) -> str:
        """The mailbox of "my calendar". Raises Refusal for a caller that has none."""
        if self.mailbox is None:
            raise Refusal(
                "ErrorMissingEmailAddress",
                "An account without a mailbox has to name the mailbox for any distinguished folder id.",
            )
        return self.mailbox
