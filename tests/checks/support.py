"""Helpers to run checks against a simulated site, with any settings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.checks.check import CheckStep, StepOutcome
from engine.checks.factory import CheckFactory
from engine.core.clock import Clock
from engine.core.secret import Secret
from engine.daemon.build import make_check_factory
from engine.settings.model import SiteSettings
from engine.settings.reader import read_settings
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, PbxSite, RoutedResolver, Routes
from engine.simulator.proxy import ProxySimulator
from engine.store.secrets import Secrets
from engine.sync.clocks import SteadyClock
from tests.support.clock import ManualClock

NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)


class CheckResult:
    """The steps of a check by name."""

    def __init__(self, steps: Sequence[CheckStep], reported: Sequence[CheckStep]) -> None:
        assert list(steps) == list(reported)
        self.steps = {step.name: step for step in steps}

    def __getitem__(self, name: str) -> CheckStep:
        return self.steps[name]

    @property
    def all_well(self) -> bool:
        return all(step.outcome is not StepOutcome.FAILED for step in self.steps.values())

    def failed_at(self, name: str) -> CheckStep:
        """Return the failed step, after which all steps were skipped."""
        [broken] = [step for step in self.steps.values() if step.outcome is StepOutcome.FAILED]
        assert broken.name == name, broken
        assert broken.failure is not None
        assert broken.remedy
        assert broken.failure.__cause__ is not broken.failure, "who follows the causes would never end"
        names = list(self.steps)
        assert all(self.steps[each].outcome is StepOutcome.SKIPPED for each in names[names.index(name) + 1 :])
        return broken

    def evidence(self, name: str) -> str:
        return "\n".join(self.steps[name].evidence)


def settings_of(company: PbxSite, **tables: Mapping[str, Any]) -> SiteSettings:
    return read_settings(company.settings(**tables), default_zone=company.world.zone)


def check_factory_of(
    company: PbxSite,
    calendar_clock: Clock,
    patience: float = 20.0,
    through: ProxySimulator | None = None,
    more_routes: Routes = MappingProxyType({}),
) -> CheckFactory:
    """Give the checks; those of Exchange can look up its names, or only that of the proxy they go `through`."""
    routes = (
        {**company.routes, **more_routes} if through is None else {("http", "localhost", through.port): through.port}
    )
    check_factory = make_check_factory(calendar_clock, SteadyClock(), RoutedResolver(routes))
    return replace(check_factory, patience=patience)


def proxy_to(company: PbxSite, **options: Any) -> ProxySimulator:
    """Give a proxy that reaches the names of a company's Exchange."""
    return ProxySimulator(places=places_of(company), **options)


def places_of(company: PbxSite) -> dict[tuple[str, int], int]:
    return {(host, port): place for (_, host, port), place in company.routes.items()}


async def run_pbx_check(
    company: PbxSite,
    directory: Path,
    *,
    password: Secret = PBX_PASSWORD,
    user: str = "",
    patience: float = 20.0,
    **pbx: Any,
) -> CheckResult:
    settings = settings_of(company, pbx=pbx, engine={"state_dir": str(directory)})
    reported: list[CheckStep] = []
    probe = check_factory_of(company, ManualClock(NOON), patience).pbx(settings, password, user)
    return CheckResult(await probe.run(reported.append), reported)


async def run_exchange_check(
    company: PbxSite,
    *candidates: str,
    password: Secret = EXCHANGE_PASSWORD,
    through: ProxySimulator | None = None,
    proxy_password: Secret = Secret(""),  # noqa: B008 - nothing changes it
    more_routes: Routes = MappingProxyType({}),
    **exchange: Any,
) -> CheckResult:
    if through is not None:
        user = through.account[0] + "@" if through.account else ""
        exchange = {"proxy": f"http://{user}localhost:{through.port}", **exchange}
    settings = settings_of(company, exchange=exchange)
    secrets = Secrets(
        exchange_password=password,
        exchange_client_secret=password,
        exchange_proxy_password=proxy_password,
        pbx_password=PBX_PASSWORD,
    )
    reported: list[CheckStep] = []
    check_factory = check_factory_of(company, ManualClock(NOON), through=through, more_routes=more_routes)
    probe = check_factory.exchange(settings, secrets, candidates)
    return CheckResult(await probe.run(reported.append), reported)
