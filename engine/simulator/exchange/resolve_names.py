"""ResolveNames (MS-OXWSRSLNM): ambiguous name resolution over display names, aliases and addresses."""

from collections.abc import Iterator

from engine.simulator.exchange.behaviour import Behaviour
from engine.simulator.exchange.calls import Call
from engine.simulator.exchange.soap import NAMESPACES, M, Refusal, T, failure, success
from engine.simulator.exchange.xml import Element
from engine.simulator.world import Person, World

MOST_CANDIDATES = 100
MOST_LISTED = 3
"""The schema has EmailAddress1 to EmailAddress3, and Exchange leaves off whatever is more."""


def resolve_names(call: Call) -> Iterator[Element]:
    """Answer ResolveNames with the people that fit the entry."""
    if call.mailbox is None and not call.behaviour.caller_has_mailbox:
        raise Refusal("ErrorNameResolutionNoMailbox", "The caller has no mailbox to resolve names for.")
    entry = call.request.findtext("m:UnresolvedEntry", "", NAMESPACES)
    directory = call.request.get("SearchScope", "ActiveDirectoryContacts") != "Contacts"
    in_full = call.request.get("ReturnFullContactData") == "true" and call.behaviour.lists_addresses
    found = _search(call.world, entry, call.behaviour) if directory else []
    resolutions = M(
        "ResolutionSet",
        *[_resolution(person, in_full=in_full) for person in found[:MOST_CANDIDATES]],
        TotalItemsInView=str(len(found)),
        IncludesLastItemInRange="true" if len(found) <= MOST_CANDIDATES else "false",
    )
    if not found:
        problem = Refusal("ErrorNameResolutionNoResults", "No results were found.")
        yield failure("ResolveNames", problem, response_class=call.behaviour.no_results_class)
    elif len(found) > 1:
        problem = Refusal("ErrorNameResolutionMultipleResults", "Multiple results were found.")
        yield failure("ResolveNames", problem, resolutions, response_class="Warning")
    else:
        yield success("ResolveNames", resolutions)


def _search(world: World, entry: str, behaviour: Behaviour) -> list[Person]:
    """Return whom the directory finds under an entry.

    An SMTP address finds its primary holder only; the prefix "smtp:" makes it search proxy addresses. Like anything
    else that is ambiguous, it finds everybody whose attribute begins with it.
    """
    wanted = entry.strip().casefold()
    prefix, separator, address = wanted.partition(":")
    by_proxy = separator and prefix == "smtp"
    if "@" in wanted and not by_proxy:
        owner = world.owner(wanted)
        return [owner] if owner is not None and (owner.mailbox or "").casefold() == wanted else []
    attributes, part = (_addresses, address) if by_proxy else (_names, wanted)
    anywhere = by_proxy and behaviour.names_match == "anywhere"
    return [
        person
        for person in world.people
        if person.mailbox is not None
        and part
        and any(
            part in known.casefold() if anywhere else known.casefold().startswith(part) for known in attributes(person)
        )
    ]


def _addresses(person: Person) -> tuple[str, ...]:
    return (person.mailbox or "", *person.proxy_addresses)


def _names(person: Person) -> tuple[str, ...]:
    return (person.display_name, *person.display_name.split(), person.mailbox or "")


def _resolution(person: Person, *, in_full: bool) -> Element:
    mailbox = T(
        "Mailbox",
        T("Name", person.display_name),
        T("EmailAddress", person.mailbox or ""),
        T("RoutingType", "SMTP"),
        T("MailboxType", person.mailbox_type),
    )
    return T("Resolution", mailbox, *([_contact(person)] if in_full else []))


def _contact(person: Person) -> Element:
    """Return the contact data with the addresses as the directory keeps them: the primary one in capitals."""
    primary, *others = _addresses(person)
    proxies = [f"SMTP:{primary}", *(each if ":" in each else f"smtp:{each}" for each in others)]
    entries = [
        T("Entry", proxy, Key=f"EmailAddress{number}") for number, proxy in enumerate(proxies[:MOST_LISTED], start=1)
    ]
    return T(
        "Contact",
        T("DisplayName", person.display_name),
        T("EmailAddresses", *entries),
        T("ContactSource", "ActiveDirectory"),
    )
