"""Answers, moves, checks and restarts of the engine in any order, over the API: nothing that was typed is lost."""

from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.setup.pages import NAMES
from engine.simulator.company import Company
from tests.support.clock import ManualClock
from tests.support.service import ServedService, running_service
from tests.support.setting_up import answer, check

pytestmark = [pytest.mark.slow, pytest.mark.few]

TEXTS = {
    "pbx.host": ("pbx.corp.exam", "https://pbx:8443/x", "pbx"),
    "pbx.port": ("44x", "443", "-1"),
    "pbx.master": ("head quarters", "m"),
    "presence.timezone": ("Eur", "Europe/Berlin"),
    "presence.mapping.busy": ("bus", "dnd"),
    "exchange.user": ("svc", "CORP\\svc"),
    "exchange.ews_url": ("htt", "https://mail.corp.example/EWS/Exchange.asmx"),
    "setup.user": ("ann", "anna@corp.example"),
    "setup.keep_within": ("6", "600"),
}
SECRETS = ("pbx.password", "exchange.password")
ACTIONS = ("type", "type", "type a secret", "take back", "go", "next", "back", "check", "restart")


class Person:
    """Does anything to the set-up of a service that may restart, and knows all that must be there."""

    def __init__(self, company: Company, clock: ManualClock, directory: Path, seed: int) -> None:
        self.random = Random(seed)
        self.typed: dict[str, str] = {}
        self.secrets: set[str] = set()
        self._site = (company, clock, directory)
        self._running = AsyncExitStack()

    async def restarted(self) -> ServedService:
        await self._running.aclose()
        return await self._running.enter_async_context(running_service(*self._site, None, with_secrets=False))

    async def leave(self) -> None:
        await self._running.aclose()

    async def does(self, action: str, served: ServedService) -> ServedService:
        match action:
            case "type":
                key = self.random.choice(sorted(TEXTS))
                self.typed[key] = self.random.choice(TEXTS[key])
                await answer(served, texts={key: self.typed[key]})
            case "type a secret":
                name = self.random.choice(SECRETS)
                self.secrets.add(name)
                await answer(served, secrets={name: "typed"})
            case "take back":
                key = self.random.choice(sorted(TEXTS))
                self.typed.pop(key, None)
                await answer(served, texts={key: ""})
            case "go":
                await answer(served, go=self.random.choice(NAMES))
            case "next" | "back":
                await answer(served, go=action)
            case "check":
                await check(served, "pbx/fields", log_in=False)
            case _:
                return await self.restarted()
        return served

    async def finds(self, served: ServedService) -> tuple[dict[str, str], set[str]]:
        """Return the texts on all pages, but for the mapping that is shown where none was typed, and the secrets."""
        fields: dict[str, Any] = {}
        for page in ("pbx/fields", "site", "exchange/account", "presence", "start"):
            setup = await answer(served, go=page)
            fields |= {each["key"]: each for each in setup["page"]["fields"]}
        keys = [key for key in TEXTS if key in self.typed or "mapping" not in key]
        texts = {key: fields[key]["text"] for key in keys if fields[key]["text"]}
        return texts, {name for name in SECRETS if fields[name]["secret"]["place"] == "set-up"}


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_typed_is_lost_in_any_order(
    company: Company, clock: ManualClock, tmp_path: Path, seed: int
) -> None:
    person = Person(company, clock, tmp_path, seed)
    try:
        served = await person.restarted()
        await served.ask("POST", "/v1/setup")
        for _ in range(4):
            for _ in range(5):
                served = await person.does(person.random.choice(ACTIONS), served)
            served = await person.restarted()
            assert await person.finds(served) == (person.typed, person.secrets)
    finally:
        await person.leave()
