"""From the engine's types to those of the API, field by field of the same name."""

from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def converted(source: object, kind: type[T], **other: object) -> T:
    """Return `source`, and whatever is within it, as `kind`; `other` is what has another name or form there."""
    same = [each.name for each in msgspec.structs.fields(kind) if each.name not in other]
    return msgspec.convert({name: getattr(source, name) for name in same} | other, kind, from_attributes=True)
