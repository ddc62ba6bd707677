"""A short run of `make fuzz`."""

import asyncio
from random import Random

import pytest

from engine.core.errors import Failure
from engine.exchange.errors import ExchangeBusy, LoginMethodNotOffered, ServiceAccountBusy
from engine.exchange.oauth.errors import ApplicationUnknown, ClientCertificateUnusable, ClientSecretRefused
from tests.campaigns.fuzz import sockets
from tests.campaigns.fuzz.__main__ import Figures, one, plant, talk
from tests.campaigns.fuzz.recorded import recorded
from tests.campaigns.fuzz.sockets import fuzz_sockets
from tests.campaigns.fuzz.targets import PBX, Target, targets

INPUTS, CONVERSATIONS, KNOCKS = 100, 300, 24
SEED = 20261130
TARGETS = targets({})
REFUSALS: dict[str, list[type[Failure]]] = {
    "EWS answers": [ServiceAccountBusy],
    "streams": [ServiceAccountBusy],
    "headers": [ExchangeBusy, ExchangeBusy, ExchangeBusy],
    "challenges": [LoginMethodNotOffered],
    "tokens": [ApplicationUnknown, ClientSecretRefused],
    "client certificates": [ClientCertificateUnusable],
}
"""What the samples that are refusals themselves are taken for, by target; all others are read."""


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_is_read_or_refused_by_name(name: str) -> None:
    random, figures = Random(f"{SEED}/{name}"), Figures()
    for _ in range(INPUTS):
        one(name, TARGETS[name], random, figures)
    assert figures.violations == []
    assert figures.inputs[name] == INPUTS


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_right_is_read(name: str) -> None:
    refused = list[type[Failure]]()
    for sample in TARGETS[name].samples:
        try:
            TARGETS[name].read(sample)
        except Failure as failure:
            refused.append(type(failure))
    assert sorted(refused, key=str) == REFUSALS.get(name, [])


def test_whatever_a_pbx_says_is_heard_or_refused_by_name() -> None:
    random, figures = Random(SEED), Figures()
    for _ in range(CONVERSATIONS):
        talk(PBX, random, figures)
    assert figures.violations == []


def test_no_planted_secret_is_left() -> None:
    figures = Figures()
    plant(Random(SEED), figures)
    assert figures.violations == []
    assert figures.inputs.total() == 20


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_whoever_knocks_is_answered_or_cut_off() -> None:
    knocked, violations = await fuzz_sockets(Random(SEED), KNOCKS)
    assert violations == []
    assert knocked.total() == KNOCKS


async def test_that_nothing_ends_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "LONGEST_ANSWER", 0.1)

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1") as server:
        connecting = asyncio.open_connection(*server.sockets[0].getsockname())
        assert await sockets.deliver(connecting, [b"GET / HTTP/1.1"]) == "not ended in time"


def test_a_mistake_and_a_secret_in_a_failure_are_noticed() -> None:
    def mistaken(body: bytes) -> None:
        raise KeyError(body)

    figures = Figures()
    one("x", Target(mistaken, (b"abc",)), Random(1), figures)
    assert len(figures.violations) == 1


@pytest.mark.slow
def test_what_simulators_say_is_recorded() -> None:
    samples = recorded()
    assert {"EWS answers", "autodiscover, SOAP", "PBX messages"} <= samples.keys()
    assert len(samples["PBX messages"]) > 5
