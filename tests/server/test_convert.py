"""Fields of the same name are converted at every depth; a missing field is an error, not a default."""

from dataclasses import dataclass

import msgspec
import pytest

from engine.server.convert import converted


@dataclass(frozen=True)
class Inner:
    name: str

    @property
    def length(self) -> int:
        return len(self.name)


@dataclass(frozen=True)
class Source:
    number: int
    inner: Inner
    more: tuple[Inner, ...] = ()


class InnerSchema(msgspec.Struct, frozen=True):
    name: str
    length: int


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    inner: InnerSchema | None
    more: tuple[InnerSchema, ...] = ()
    told: str = "default"


def test_everything_of_the_same_name_goes_over() -> None:
    source = Source(7, Inner("a"), (Inner("bc"),))
    whole = Schema(number=7, inner=InnerSchema("a", 1), more=(InnerSchema("bc", 2),), told="x")
    assert converted(source, Schema, told="x") == whole
    assert converted(source, Schema, told="x", inner=None) == msgspec.structs.replace(whole, inner=None)
    assert converted(Inner("abc"), InnerSchema) == InnerSchema("abc", 3)


def test_what_is_missing_or_of_another_type_is_a_mistake() -> None:
    with pytest.raises(AttributeError):
        converted(Source(7, Inner("a")), Schema)
    with pytest.raises(msgspec.ValidationError):
        converted(Source(7, Inner("a")), Schema, told=7)
