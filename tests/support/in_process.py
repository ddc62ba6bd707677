"""The simulated Exchange without sockets, behind the engine's HTTP interface."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from multidict import CIMultiDict

from engine.core.clock import Clock
from engine.exchange.errors import AnswerBrokenOff, ExchangeFailure, ExchangeUnreachable, LoginRefused
from engine.simulator.exchange.autodiscover import Directory
from engine.simulator.exchange.request import Request
from engine.simulator.exchange.service import ExchangeService, Site, Understood
from engine.simulator.exchange.soap import Answer
from engine.simulator.exchange.streaming import BrokenOff, Subscriptions
from engine.simulator.exchange.topology import AFFINITY_COOKIE, AS_DOCUMENTED, Behaviour, Home, Homes
from engine.simulator.faults import Cut, Delay, Effect, Faults, Hold, Reply, Unauthorized
from engine.simulator.world import World

ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class Whole:
    status: int
    body: bytes
    headers: Mapping[str, str]
    request_id: str = "7f0c"


@dataclass(frozen=True)
class Hanging:
    status: int
    headers: Mapping[str, str]
    pieces: AsyncGenerator[bytes, None]
    request_id: str = "7f0c"

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            async with contextlib.aclosing(self.pieces):
                async for piece in self.pieces:
                    yield piece
        except BrokenOff as error:
            raise ExchangeUnreachable("cut") from error

    def came(self, envelope: bytes) -> None:
        pass


@dataclass(frozen=True)
class Asked:
    """One request: its time, its mailbox (impersonated, or the anchor), and its operation."""

    at: datetime
    mailbox: str
    operation: str


@dataclass
class InProcessExchange:
    """Implements `Http`; every request is in `asked`. An answer takes `seconds`; none comes while there is an
    `http_failure`, nor about a mailbox (by its address in lower case) that has one of the `failures`."""

    world: World
    clock: Clock
    behaviour: Behaviour = AS_DOCUMENTED
    seconds: float = 0.05
    faults: Faults = field(default_factory=Faults)
    http_failure: ExchangeFailure | None = None
    failures: dict[str, ExchangeFailure] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.homes = Homes(Home("Default-First-Site-Name", "mail.corp.example", "exchange01.corp.example"))
        self.subscriptions = Subscriptions(self.world, self.behaviour, self.clock.now)
        directory = Directory(
            self.world, self.homes, lambda host: f"https://{host}/EWS/Exchange.asmx", self.behaviour.unknown_pox_address
        )
        self.site = Site(ExchangeService(self.world, self.behaviour, self.homes, self.subscriptions), directory)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, asked: float | None = None) -> Whole:
        request, understood, effects = self._ask(url, body, headers)
        await self._wait(effects, understood.mailbox)
        status, content, told = _reply(effects) or self._answer(request, understood, effects)
        return Whole(status, content, told)

    @contextlib.asynccontextmanager
    async def stream(self, url: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[Hanging]:
        request, understood, effects = self._ask(url, body, headers)
        await self._wait(effects, understood.mailbox)
        if (reply := _reply(effects)) is not None:
            yield Hanging(reply[0], reply[2], _once(reply[1]))
            return
        answer = self.site.answer(request, understood, "CORP\\svc-calendar", effects)
        pieces = answer.chunks or _once(answer.body)
        async with contextlib.aclosing(pieces):
            yield Hanging(answer.status, _headers(answer), pieces)

    async def get_anonymously(self, url: str) -> Whole:
        self.asked.append(Asked(self.clock.now(), "", "GET"))
        raise ExchangeUnreachable("refused")

    async def close(self) -> None:
        pass

    def _ask(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[Request, Understood, list[Effect]]:
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        request = Request(
            method="POST", scheme="https", host=parts.hostname or "", path=parts.path, headers=lower, body=body
        )
        understood = self.site.understand(request)
        about = understood.mailbox or lower.get("x-anchormailbox", "")
        self.asked.append(Asked(self.clock.now(), about.lower(), understood.operation))
        effects = self.faults.take(
            operation=understood.operation,
            mailbox=understood.mailbox,
            host=request.host,
            path=request.path,
            logged_in=True,
        )
        return request, understood, effects

    async def _wait(self, effects: Sequence[Effect], mailbox: str) -> None:
        seconds = self.seconds + sum(each.seconds for each in effects if isinstance(each, Delay))
        if any(isinstance(each, Hold) for each in effects) or seconds > ANSWER_SECONDS:
            await asyncio.sleep(ANSWER_SECONDS)
            raise AnswerBrokenOff("no answer in time")
        await asyncio.sleep(seconds)
        if self.http_failure is not None:
            raise self.http_failure
        if (failure := self.failures.get(mailbox.lower())) is not None:
            raise failure
        if any(isinstance(each, Unauthorized) for each in effects):
            raise LoginRefused("HTTP 401")
        for cut in (each for each in effects if isinstance(each, Cut)):
            raise AnswerBrokenOff("cut") if cut.after else ExchangeUnreachable("cut")

    def _answer(
        self, request: Request, understood: Understood, effects: Sequence[Effect]
    ) -> tuple[int, bytes, Mapping[str, str]]:
        answer = self.site.answer(request, understood, "CORP\\svc-calendar", effects)
        return answer.status, answer.body, _headers(answer)


def _reply(effects: Sequence[Effect]) -> tuple[int, bytes, Mapping[str, str]] | None:
    reply = next((each for each in effects if isinstance(each, Reply)), None)
    return None if reply is None else (reply.status, reply.body, CIMultiDict(reply.headers))


def _headers(answer: Answer) -> Mapping[str, str]:
    return CIMultiDict({"Set-Cookie": f"{AFFINITY_COOKIE}={answer.cookie}; path=/"} if answer.cookie else {})


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
