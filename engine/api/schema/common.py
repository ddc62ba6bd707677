"""Common parts of the local API: the caller, its rights, and errors."""

import msgspec


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """An error in one part of a request; `pointer` is a JSON pointer (RFC 6901), or `?name` in the query."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The reason why a request failed (RFC 9457). `type` is a short, stable name, `hint` the remedy."""

    type: str
    title: str
    status: int
    detail: str = ""
    hint: str = ""
    fields: tuple[FieldProblem, ...] = ()


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """The process at the other end of the socket, from the kernel; `user` is empty if the uid has no name."""

    uid: int
    pid: int
    user: str = ""


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """The rights of the caller on this socket."""

    read: bool
    change: bool


class About(msgspec.Struct, frozen=True, kw_only=True):
    """The engine and the API. `capabilities` names what there is beyond this; `boot` changes with every restart."""

    api: int
    version: str
    boot: str
    capabilities: tuple[str, ...]
    rights: Rights
    actor: Actor


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A failure by name: description, fault, scope and remedy."""

    type: str
    title: str
    detail: str
    remedy: str
    fault: str
    scope: str
