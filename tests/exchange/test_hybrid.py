"""Two sources as one: which of them has a mailbox, and what their answers amount to."""

from collections.abc import Sequence

import pytest

from engine.core.appointments import Appointment
from engine.exchange.errors import (
    ExchangeFailure,
    ExchangeUnreachable,
    MailboxNotFound,
    MailboxOutOfReach,
)
from engine.exchange.graph.errors import GraphAccessDenied, MailboxNotOnline
from engine.exchange.hybrid import HybridSource, is_absence
from engine.exchange.source import Mailbox, Window
from tests.support.unwatched import Unwatched

ROOT = "https://graph.example"


class Half(Unwatched):
    """A source with these mailboxes; `asked` are the addresses that were looked for."""

    def __init__(self, url: str, answers: dict[str, ExchangeFailure | None]) -> None:
        self._url = url
        self._answers = answers
        self.asked: list[str] = []
        self.is_closed = False

    async def resolve(self, candidates: Sequence[str]) -> Mailbox:
        if not candidates:
            raise MailboxNotFound("it has no address")
        [address] = candidates
        self.asked.append(address)
        failure = self._answers.get(address, MailboxNotFound(f"{address} is not at {self._url}"))
        if failure is not None:
            raise failure
        return Mailbox(address, f"{self._url}/{address}", found_by=address)

    async def read_window(self, mailbox: Mailbox, window: Window) -> tuple[Appointment, ...]:
        raise NotImplementedError

    async def close(self) -> None:
        self.is_closed = True


def source(
    on_premises: dict[str, ExchangeFailure | None], online: dict[str, ExchangeFailure | None]
) -> tuple[HybridSource, Half, Half]:
    own, cloud = Half("https://own.example", on_premises), Half(f"{ROOT}/v1.0/users", online)
    return HybridSource(own, cloud, online_url=ROOT), own, cloud


async def test_the_mailbox_of_an_earlier_address_counts_in_whichever_half_it_is() -> None:
    hybrid, own, cloud = source({"b": None}, {"a": None})
    mailbox = await hybrid.resolve(["a", "b"])
    assert mailbox.address == "a"
    assert hybrid.of(mailbox) is cloud
    assert (own.asked, cloud.asked) == (["a"], ["a"])
    assert hybrid.of(await hybrid.resolve(["b"])) is own


async def test_only_what_both_halves_say_is_no_mailbox() -> None:
    hybrid, _, _ = source({"a": MailboxOutOfReach("it is led away")}, {"a": MailboxNotOnline("it is not here")})
    with pytest.raises(MailboxNotFound, match="it is led away; it is not here"):
        await hybrid.resolve(["a"])
    with pytest.raises(MailboxNotFound, match=r"^No mailbox.*: it has no address$"):
        await hybrid.resolve([])


@pytest.mark.parametrize("failing", ["on premises", "online"])
async def test_a_half_that_cannot_be_asked_makes_nobody_missing(failing: str) -> None:
    down: dict[str, ExchangeFailure | None] = {"a": ExchangeUnreachable("it is down")}
    hybrid, _, _ = source(down, {}) if failing == "on premises" else source({}, down)
    with pytest.raises(ExchangeUnreachable):
        await hybrid.resolve(["a", "b"])


async def test_a_refusal_counts_once_the_other_half_has_denied_the_address() -> None:
    hybrid, own, cloud = source({}, {"a": GraphAccessDenied("not a")})
    with pytest.raises(GraphAccessDenied):
        await hybrid.resolve(["a", "b"])
    assert (own.asked, cloud.asked) == (["a"], ["a"])
    assert not is_absence(GraphAccessDenied())


async def test_closing_closes_both() -> None:
    hybrid, own, cloud = source({}, {})
    await hybrid.close()
    assert own.is_closed
    assert cloud.is_closed
