"""The EWS schemas, to validate requests and canned answers."""

from functools import cache
from pathlib import Path

from lxml import etree

SCHEMAS = Path(__file__).parents[2] / "fixtures" / "ews-schema"
ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMAS / "messages.xsd")))


def violations(body: bytes) -> list[str]:
    """What the schema has against the parts of a SOAP envelope, each header and body element on its own."""
    envelope = etree.fromstring(body)
    parts = [*envelope.iterfind(f"{ENVELOPE}Header/*"), *envelope.iterfind(f"{ENVELOPE}Body/*")]
    found = []
    for part in parts:
        if not schema().validate(etree.fromstring(etree.tostring(part))):
            found.append(str(schema().error_log))
    return found


def readable(body: bytes) -> str:
    """The XML in lines, for people and for diffs."""
    root = etree.fromstring(body, etree.XMLParser(remove_blank_text=True))
    return etree.tostring(root, pretty_print=True, encoding="unicode")
