"""One request as an EWS operation sees it, and the folders that it may name (MS-OXWSFOLD)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.simulator.exchange.items import FOLDER, opaque_id, read_id
from engine.simulator.exchange.soap import (
    NAMESPACES,
    Element,
    M,
    Refusal,
    T,
    failure,
    local_name,
    schema_violation,
    success,
)
from engine.simulator.exchange.streaming import Subscriptions
from engine.simulator.exchange.topology import Behaviour, Homes, Route
from engine.simulator.world import World


@dataclass(frozen=True, slots=True)
class Call:
    """One request as an operation sees it. `mailbox` is the impersonated primary address, None without impersonation;
    `account` is the account that has logged in.
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
        """The mailbox whose calendar a distinguished id without a mailbox means. Raises Refusal if the caller has
        none."""
        if self.mailbox is None:
            raise Refusal(
                "ErrorMissingEmailAddress",
                "An account without a mailbox has to name the mailbox for any distinguished folder id.",
            )
        return self.mailbox


CALENDAR = "calendar"
FOLDERS: Mapping[str, tuple[str, str, str]] = {
    "root": ("Folder", "IPF.Root", "Root"),
    CALENDAR: ("CalendarFolder", "IPF.Appointment", "Calendar"),
}
"""Kind of element, class and display name by distinguished id."""
IN_EVERY_SHAPE = frozenset({"FolderId"})
SHAPES = {
    "IdOnly": IN_EVERY_SHAPE,
    "Default": IN_EVERY_SHAPE | {"DisplayName", "TotalCount", "ChildFolderCount"},
    "AllProperties": IN_EVERY_SHAPE | {"FolderClass", "DisplayName", "TotalCount", "ChildFolderCount"},
}


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, by the primary address of its mailbox and its distinguished name."""

    mailbox: str
    name: str

    @property
    def id(self) -> str:
        """The opaque id of the folder."""
        return opaque_id(FOLDER, self.mailbox, self.name)


def read_folder(call: Call, reference: Element) -> Folder:
    """Return the folder of a DistinguishedFolderId or FolderId, whether or not this server has it.

    Raises Refusal for a folder of another mailbox, and for an invalid id.
    """
    if local_name(reference) == "DistinguishedFolderId":
        mailbox = reference.findtext("t:Mailbox/t:EmailAddress", "", NAMESPACES) or call.calendar_of
        folder = Folder(mailbox, reference.get("Id", ""))
    else:
        folder = Folder(*read_id(FOLDER, reference.get("Id", "")))
    if folder.mailbox.casefold() != call.calendar_of.casefold():
        raise Refusal("ErrorFolderNotFound", "The specified folder could not be found in the store.")
    return folder


def get_folder(call: Call) -> Iterator[Element]:
    """Answer GetFolder (MS-OXWSFOLD 3.1.4.6): one message for each folder."""
    base = SHAPES.get(call.request.findtext("m:FolderShape/t:BaseShape", "", NAMESPACES))
    if base is None:
        raise schema_violation("there is no FolderShape with a BaseShape that is known")
    fields = call.request.findall("m:FolderShape/t:AdditionalProperties/t:FieldURI", NAMESPACES)
    asked = base | {field.get("FieldURI", "").removeprefix("folder:") for field in fields}
    for reference in call.request.findall("m:FolderIds/*", NAMESPACES):
        try:
            folder = read_folder(call, reference)
            if folder.name not in FOLDERS:
                raise Refusal("ErrorFolderNotFound", "The specified folder could not be found in the store.")
            yield success("GetFolder", M("Folders", _element(call, folder, asked)))
        except Refusal as problem:
            yield failure("GetFolder", problem, M("Folders"))


def _element(call: Call, folder: Folder, asked: frozenset[str]) -> Element:
    kind, folder_class, display_name = FOLDERS[folder.name]
    is_calendar = folder.name == CALENDAR
    parts = [
        T("FolderId", Id=folder.id, ChangeKey="AQAAAA=="),
        T("ParentFolderId", Id=Folder(folder.mailbox, "root").id, ChangeKey="AQAAAA=="),
        T("FolderClass", folder_class),
        T("DisplayName", display_name),
        T("TotalCount", str(len(call.world.entries(folder.mailbox))) if is_calendar else "0"),
        T("ChildFolderCount", "0" if is_calendar else "1"),
        T("DistinguishedFolderId", folder.name),
    ]
    return T(kind, *(part for part in parts if local_name(part) in asked))
