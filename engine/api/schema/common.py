"""What every answer of the local API is made of: who asks, what failed, and who may do what."""

import msgspec


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one part of a request; `pointer` is a JSON pointer (RFC 6901), or `?name` in the query."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request failed (RFC 9457). `type` is a short name that stays the same, `hint` says what to do."""

    type: str
    title: str
    status: int
    detail: str = ""
    hint: str = ""
    fields: tuple[FieldProblem, ...] = ()


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """The process at the other end of the socket, as the kernel tells it; `user` is empty where the uid has no name."""

    uid: int
    pid: int
    user: str = ""


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller may do on this socket."""

    read: bool
    change: bool


class About(msgspec.Struct, frozen=True, kw_only=True):
    """The engine and the API. `capabilities` names what there is beyond this; `boot` is another one after a restart."""

    api: int
    version: str
    boot: str
    capabilities: tuple[str, ...]
    rights: Rights
    actor: Actor


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A failure by name: what is the matter, whose fault it is, how much stands still, and what to do."""

    type: str
    title: str
    detail: str
    remedy: str
    fault: str
    scope: str
