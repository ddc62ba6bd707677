"""The types, operations and entity sets of a CSDL document (OData 4.01, "CSDL XML Representation")."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
GRAPH_CALENDAR = Path(__file__).with_name("graph-calendar.csdl.xml")


def bare(name: str) -> str:
    """Return a name of a type without its namespace."""
    return name.removeprefix("microsoft.graph.").removeprefix("graph.")


def element_of(kind: str) -> tuple[str, bool]:
    """Return the type of the elements of a collection and True, or the type itself and False."""
    return (kind[len("Collection(") : -1], True) if kind.startswith("Collection(") else (kind, False)


@dataclass(frozen=True, slots=True)
class Resource:
    """What a path leads to: instances of a type, one or `many`, possibly by an operation; or what is wrong with it."""

    type_name: str = ""
    many: bool = False
    operation: ET.Element | None = None
    wrong: str = ""

    @property
    def is_action(self) -> bool:
        """Whether it is something to be done, by POST."""
        return self.operation is not None and self.operation.tag == f"{EDM}Action"


class Csdl:
    """A CSDL document with one schema; types are known by their names without namespace."""

    def __init__(self, path: Path = GRAPH_CALENDAR) -> None:
        schema = next(ET.parse(path).iter(f"{EDM}Schema"))
        self.enums = {
            each.attrib["Name"]: {member.attrib["Name"] for member in each.findall(f"{EDM}Member")}
            for each in schema.findall(f"{EDM}EnumType")
        }
        self.types = {
            each.attrib["Name"]: each for each in schema if each.tag in (f"{EDM}EntityType", f"{EDM}ComplexType")
        }
        self.operations = [each for each in schema if each.tag in (f"{EDM}Action", f"{EDM}Function")]
        self.sets = {each.attrib["Name"]: bare(each.attrib["EntityType"]) for each in schema.iter(f"{EDM}EntitySet")}

    def lineage(self, name: str) -> Iterator[ET.Element]:
        """Yield a type and those that it is derived from."""
        while name in self.types:
            yield self.types[name]
            name = bare(self.types[name].get("BaseType", ""))

    def properties(self, name: str) -> dict[str, ET.Element]:
        """Return the properties of a type, inherited ones too."""
        return {each.attrib["Name"]: each for kind in self.lineage(name) for each in kind.findall(f"{EDM}Property")}

    def navigation(self, name: str) -> dict[str, ET.Element]:
        """Return the navigation properties of a type, inherited ones too."""
        return {
            each.attrib["Name"]: each
            for kind in self.lineage(name)
            for each in kind.findall(f"{EDM}NavigationProperty")
        }

    def is_open(self, name: str) -> bool:
        """Return whether values of this complex type may have properties that the schema does not name."""
        return any(each.tag == f"{EDM}ComplexType" and each.get("OpenType") == "true" for each in self.lineage(name))

    def resource(self, path: str) -> Resource:
        """Return what a path leads to, which may begin with the version."""
        path = re.sub(r"\('([^']*)'\)", r"/\1", path)  # users('key') is the same as users/key
        steps = [unquote(step) for step in path.strip("/").split("/") if step]
        if steps[:1] == ["v1.0"]:
            steps = steps[1:]
        sets = {name.lower(): kind for name, kind in self.sets.items()}
        if not steps or steps[0].lower() not in sets:
            return Resource(wrong=f"{path}: there is no such entity set")
        here = Resource(sets[steps[0].lower()], many=True)
        for step in steps[1:]:
            if here.operation is not None:
                return Resource(wrong=f"{path}: nothing follows an operation")
            here = self._next(here, step)
            if here.wrong:
                return Resource(wrong=f"{path}: {here.wrong}")
        return here

    def _next(self, here: Resource, step: str) -> Resource:
        kind = f"Collection(graph.{here.type_name})" if here.many else f"graph.{here.type_name}"
        name = bare(step).removesuffix("()").lower()
        for operation in self.operations:
            bound = operation[0].attrib["Type"].replace("microsoft.graph.", "graph.")
            if operation.attrib["Name"].lower() == name and bound == kind:
                return Resource(here.type_name, here.many, operation)
        if here.many:
            return Resource(here.type_name)  # a key
        navigation = {key.lower(): each for key, each in self.navigation(here.type_name).items()}
        if step.lower() not in navigation:
            return Resource(wrong=f"{here.type_name} has neither a navigation nor an operation {step}")
        inner, many = element_of(navigation[step.lower()].attrib["Type"])
        return Resource(bare(inner), many)
