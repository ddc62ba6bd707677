"""A person at the set-up over the API: answers, goes on, checks, and looks at what the page says."""

from typing import Any

from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company
from tests.support.eventually import eventually
from tests.support.service import ServedService, changes_of

SECRETS = {"pbx.password": PBX_PASSWORD.reveal(), "exchange.password": EXCHANGE_PASSWORD.reveal()}
"""The right passwords of a simulated company."""


async def begun(served: ServedService, company: Company, **body: Any) -> Any:
    """Begin a set-up, and give the right answers to everything."""
    await served.ask("POST", "/v1/setup")
    return await answer(served, settings=changes_of(company.settings()), secrets=SECRETS, **body)


async def answer(served: ServedService, **body: Any) -> Any:
    status, setup = await served.ask("PATCH", "/v1/setup", body)
    assert status == 200, setup
    return setup


async def check(served: ServedService, page: str, *, log_in: bool = True, **question: Any) -> Any:
    """Try a page, and return the check."""
    await answer(served, go=page)
    status, operation = await served.ask("POST", "/v1/setup/check", {"log_in": log_in, **question})
    assert status == 202, operation

    async def over() -> Any:
        now = (await served.get("/v1/setup"))["page"]["check" if log_in else "reach"]
        return now if now["operation"]["state"] != "running" else None

    return await eventually(over)


def failed(check: Any) -> list[str]:
    return [result["trouble"]["type"] for result in check["rungs"] if result["outcome"] == "failed"]


def works(check: Any) -> bool:
    assert failed(check) == [], check["rungs"]
    return bool(check["passed"])


def states(setup: Any) -> dict[str, str]:
    return {step["name"]: step["state"] for step in setup["steps"]}


def field(setup: Any, key: str) -> Any:
    return next(each for each in setup["page"]["fields"] if each["key"] == key)


def needed(setup: Any) -> list[str]:
    return [each["key"] for each in setup["page"]["fields"] if each["is_needed"]]
