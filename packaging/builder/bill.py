"""The bill of materials (CycloneDX 1.6): every distribution and library within the package."""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from environment import Architecture, Hashes
from packageurl import PackageURL
from parts import Part

PRODUCT = "calendar-tui"
SCHEMA = SchemaVersion.V1_6


class BillInvalid(Exception):
    """The bill does not conform to the schema of CycloneDX."""


def bill_of_materials(
    parts: Sequence[Part],
    hashes: Hashes,
    linked: Mapping[str, Mapping[str, str]],
    architecture: Architecture,
    epoch: int,
) -> str:
    """Return the bill as JSON, the same for the same package. Raises `BillInvalid`."""
    components = {part.name: _component(part, hashes, linked.get(part.name, {})) for part in parts}
    product = components.pop(PRODUCT)
    product.type = ComponentType.APPLICATION
    metadata = BomMetaData(component=product, timestamp=datetime.fromtimestamp(epoch, UTC), tools=())
    names = "".join(f"{part.name} {part.version}\n" for part in parts)
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"{architecture.debian} {epoch}\n{names}")
    bill = Bom(metadata=metadata, components=components.values(), serial_number=serial)
    bill.register_dependency(product, components.values())
    text = make_outputter(bill, OutputFormat.JSON, SCHEMA).output_as_string(indent=1)
    mistake = JsonStrictValidator(SCHEMA).validate_str(text)
    if mistake is not None:
        raise BillInvalid(mistake)
    return f"{text}\n"


def _component(part: Part, hashes: Hashes, linked: Mapping[str, str]) -> Component:
    within = [
        Component(
            name=name,
            version=version,
            purl=PackageURL("generic", None, name, version),
            bom_ref=_reference(part, name, version),
        )
        for name, version in linked.items()
    ]
    return Component(
        name=part.name,
        version=part.version,
        bom_ref=part.name,
        purl=PackageURL("pypi", None, part.name, part.version),
        licenses=[LicenseFactory().make_from_string(part.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in hashes.get(part.name, ())],
        components=[*within, *_from_wheel(part)],
    )


def _from_wheel(part: Part) -> Iterator[Component]:
    """Yield what the part's own bills of materials list."""
    for text in part.bills:
        for component in Bom.from_json(json.loads(text)).components:  # type: ignore[attr-defined]
            component.bom_ref.value = _reference(part, component.name, component.version or "")
            yield component


def _reference(part: Part, name: str, version: str) -> str:
    """Return the same reference in every build; the library would draw one."""
    return f"{part.name}/{name}@{version}"
