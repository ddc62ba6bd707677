"""Tracing of what is said over the App WebSocket, each request together with its answer."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.core.clock import Clock
from engine.core.errors import slug_of
from engine.core.pbx_record import PbxRecord
from engine.pbx.errors import (
    PbxFailure,
    PbxLoginRefused,
    PbxNotUnderstood,
    PbxPasswordWrong,
    PbxRightsMissing,
    PbxUnreachable,
    PresenceRefused,
    PresenceUnanswered,
)
from engine.pbx.login import LOGIN
from engine.pbx.protocol import Message, decode, name_of, refusal_of, text_of
from engine.pbx.requests import ANSWER_TIME


class PbxTrace(Protocol):
    """Receiver of what was said. It is called on the loop, must return at once and must not fail."""

    @property
    def on(self) -> bool:
        """Whether tracing is on; while it is off, nothing is looked at."""
        ...

    def take(self, record: PbxRecord) -> None:
        """Receive a record. It holds everything as sent: the receiver has to redact secrets."""
        ...


class NoPbxTrace:
    """A trace that is always off."""

    on = False

    def take(self, record: PbxRecord) -> None:
        """Do nothing: never called, because tracing is off."""


MOST_BEGUN = 1000
"""Limit of requests that wait for an answer at the same time; the oldest is recorded without one."""

_RESULT = "Result"
_LOGINS = frozenset({LOGIN, "AppCheckLogin"})
_PRESENCES = frozenset({"SetPresence", "SubscribePresence"})
_ANSWERED = frozenset(
    {*_LOGINS, *_PRESENCES, "AppChallenge", "AppInfo", "CheckBuild", "ReplicateStart", "ReplicateNext"}
)
"""The requests that are always answered by the message of the same name with Result at its end."""

_SOMETIMES = frozenset({"UnsubscribePresence"})
"""Requests that some peers do not answer."""

_ALIVE = "KeepAlive"
_PING = "ping"


@dataclass(frozen=True, slots=True)
class _Begun:
    """A request that waits for its answer."""

    operation: str
    text: str
    by_pbx: bool
    about: str
    at: datetime


_Key = tuple[bool, str, str]


class ConnectionTrace:
    """Traces one connection: call its methods in the order in which things happen."""

    def __init__(self, trace: PbxTrace, clock: Clock, name: str, url: str) -> None:
        self._trace = trace
        self._clock = clock
        self._name = name
        self._url = url
        self._start = clock.now()
        self._opened = False
        self._proved = False
        self._begun: dict[_Key, _Begun] = {}

    def opened(self) -> None:
        """Note that the socket is open."""
        self._opened = True
        self._event("connect", self._start)

    def logged_in(self) -> None:
        """Note that the log-in is complete."""
        self._proved = True

    def sent(self, text: str) -> None:
        """Note a message to the PBX, just before it is sent."""
        self._said(text, by_pbx=False)

    def received(self, text: str) -> None:
        """Note a message of the PBX."""
        self._said(text, by_pbx=True)

    def pinged(self) -> None:
        """Note a ping to the PBX."""
        if self._trace.on:
            self._begin((False, _PING, ""), _Begun(_PING, "", False, "", self._clock.now()))

    def ponged(self) -> None:
        """Note the answer to a ping."""
        if begun := self._begun.pop((False, _PING, ""), None):
            self._take(begun)

    def look(self) -> None:
        """Record the requests that have not been answered in time."""
        late = self._clock.now() - ANSWER_TIME
        while self._begun:
            key, oldest = next(iter(self._begun.items()))
            if oldest.at > late:
                return
            del self._begun[key]
            self._take(oldest, failure=_unanswered(oldest.operation))

    def ended(self, failure: PbxFailure | None) -> None:
        """Note the end of the connection, or that it could not be opened; None: the engine stops."""
        while self._begun:
            self._take(self._begun.pop(next(iter(self._begun))), failure=failure)
        since = self._clock.now() if self._opened else self._start
        self._event("close" if self._opened else "connect", since, failure)

    def _said(self, text: str, *, by_pbx: bool) -> None:
        if not self._trace.on:
            self._begun.clear()
            return
        message = _message(text)
        mt = name_of(message, "mt")
        if begun := self._asked_before(mt, _src(message), by_pbx=by_pbx):
            self._take(begun, text, _refusal(begun, message))
            return
        said = _Begun(mt or "message", text, by_pbx, _about(message), self._clock.now())
        if mt in _ANSWERED or mt in _SOMETIMES:
            self._begin((by_pbx, mt, _src(message)), said)
        else:
            self._take(said)

    def _begin(self, key: _Key, said: _Begun) -> None:
        if (former := self._begun.pop(key, None)) is not None:
            self._take(former)
        if len(self._begun) >= MOST_BEGUN:
            self._take(self._begun.pop(next(iter(self._begun))))
        self._begun[key] = said

    def _asked_before(self, mt: str, src: str, *, by_pbx: bool) -> _Begun | None:
        """Return the request that a message answers; without a src it answers the oldest of that type."""
        asked = "SubscribePresence" if mt == "PresenceUpdate" else mt.removesuffix(_RESULT)
        if asked == mt:
            return None
        key = (not by_pbx, asked, src)
        if key not in self._begun and not src and mt.endswith(_RESULT):
            key = next((each for each in self._begun if each[:2] == key[:2]), key)
        return self._begun.pop(key, None)

    def _event(self, operation: str, since: datetime, failure: PbxFailure | None = None) -> None:
        self._take(_Begun(operation, "", by_pbx=False, about="", at=since), failure=failure)

    def _take(self, begun: _Begun, answer: str = "", failure: PbxFailure | None = None) -> None:
        if not self._trace.on:
            return
        self._trace.take(
            PbxRecord(
                connection=self._name,
                url=self._url,
                operation=begun.operation,
                asked=begun.text,
                answered=answer,
                by_pbx=begun.by_pbx,
                seconds=(self._clock.now() - begun.at).total_seconds(),
                failure=slug_of(type(failure)) if failure is not None else "",
                reason=failure.detail if failure is not None else "",
                about=begun.about,
                quiet=failure is None and begun.operation in (_ALIVE, _PING),
                proved=self._proved,
            )
        )


class LinkTrace:
    """Traces the connections of a link, and numbers them."""

    def __init__(self, trace: PbxTrace, clock: Clock) -> None:
        self._trace = trace
        self._clock = clock
        self._numbers = itertools.count(1)

    def connection(self, url: str, address: str = "") -> ConnectionTrace:
        """Return the trace of a new connection; `address` is that of a peer that has connected."""
        name = f"pbx-{next(self._numbers)}{f'@{address}' if address else ''}"
        return ConnectionTrace(self._trace, self._clock, name, url)


def _message(text: str) -> Message:
    try:
        return decode(text)
    except PbxNotUnderstood:
        return {}


def _src(message: Message) -> str:
    src = message.get("src")
    return str(src) if isinstance(src, str | int) else ""


def _about(message: Message) -> str:
    """Return the user that a message concerns: its guid, or else its name."""
    columns = message.get("columns")
    inside: Mapping[str, object] = columns if isinstance(columns, dict) else {}
    return text_of(message, "guid") or text_of(inside, "guid") or text_of(message, "sip")


def _refusal(begun: _Begun, answer: Message) -> PbxFailure | None:
    """Return the failure that an answer means, None for none."""
    reason = refusal_of(answer)
    if begun.operation in _LOGINS:
        if answer.get("ok") is True:
            return None
        return (PbxPasswordWrong if begun.by_pbx else PbxLoginRefused)(reason or "")
    if reason is None:
        return None
    return (PresenceRefused if begun.operation in _PRESENCES else PbxRightsMissing)(reason)


def _unanswered(operation: str) -> PbxFailure | None:
    """Return the failure that the missing answer means, None for none."""
    if operation in _SOMETIMES or operation == _PING:
        return None
    return (PresenceUnanswered if operation in _PRESENCES else PbxUnreachable)(f"{operation} was not answered")
