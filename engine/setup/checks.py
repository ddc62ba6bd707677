"""Runs the checks of the set-up; each uses what the previous ones found."""

from collections.abc import Callable, Mapping

from engine.checks.check import CheckRun, CheckStep, StepLog, StepOutcome
from engine.checks.factory import CheckFactory, Progressed
from engine.core.secret import Secret
from engine.core.users import User, address_candidates
from engine.exchange.source import Mailbox
from engine.settings.model import SiteSettings
from engine.setup.steps import Check
from engine.store.secrets import SecretsMissing, chosen_secrets
from engine.sync.hold import NobodyTakesPart

Report = Callable[[CheckStep], None]
TRIED = 20


def demand(check: Check, settings: SiteSettings, secrets: Mapping[str, Secret]) -> None:
    """Raise `SecretsMissing` if a check lacks a secret."""
    if check not in (Check.PBX, Check.USERS):
        chosen_secrets(secrets, settings.exchange)
    elif not secrets.get("pbx.password"):
        raise SecretsMissing("pbx.password")


class SetupChecks:
    """Runs the checks of the set-up, and keeps the users and mailboxes that they find."""

    def __init__(self, check_factory: CheckFactory) -> None:
        self._check_factory = check_factory
        self._users: tuple[User, ...] = ()
        self._domain = ""
        self._mailboxes: Mapping[str, Mailbox] = {}

    @property
    def number_of_users(self) -> int:
        """Number of users of the PBX, as far as known."""
        return len(self._users)

    def forget(self) -> None:
        """Forget the findings made with other answers."""
        self._users, self._domain, self._mailboxes = (), "", {}

    async def run(
        self,
        check: Check,
        settings: SiteSettings,
        secrets: Mapping[str, Secret],
        user: str,
        report: Report,
        progressed: Progressed,
    ) -> bool:
        """Run a check, and first those it depends on; return whether all passed.

        `demand` must have passed. `user` is the address of the user whose calendar is read, "" for any user of the PBX.
        """
        match check:
            case Check.PBX:
                return await self._see_pbx(settings, secrets, report)
            case Check.USERS:
                if not self._users:
                    return await self._see_pbx(settings, secrets, report)
                return await self._count(settings, report)
            case Check.EXCHANGE:
                candidates = (user,) if user else (*self._some_addresses(settings), settings.exchange.user)
                chosen = chosen_secrets(secrets, settings.exchange)
                known = [each.address for each in self._mailboxes.values()]
                probe = self._check_factory.exchange(settings, chosen, candidates, known)
                return _well(await probe.run(report))
            case Check.RESOLUTION:
                return await self._resolve(settings, secrets, report, progressed)
            case Check.CALENDARS:
                if not self._mailboxes and not await self._resolve(settings, secrets, report, progressed):
                    return False
                chosen = chosen_secrets(secrets, settings.exchange)
                calendars = self._check_factory.calendars(settings, chosen, self._users, self._mailboxes, progressed)
                return _well(await calendars.run(report))

    def _some_addresses(self, settings: SiteSettings) -> tuple[str, ...]:
        """Return the addresses of some users; the first with a mailbox is enough."""
        order = settings.exchange.candidate_order
        some = [user for user in self._users if settings.pbx.users.takes_part(user)][:TRIED]
        return tuple(address for user in some for address in address_candidates(user, self._domain, order))

    async def _see_pbx(self, settings: SiteSettings, secrets: Mapping[str, Secret], report: Report) -> bool:
        probe = self._check_factory.pbx(settings, secrets["pbx.password"])
        steps = await probe.run(report)
        self._users, self._domain, self._mailboxes = probe.users, probe.domain, {}
        return _well(steps)

    async def _count(self, settings: SiteSettings, report: Report) -> bool:
        taking_part = sum(settings.pbx.users.takes_part(user) for user in self._users)

        async def count(step_log: StepLog) -> None:
            step_log.evidence.append(f"{taking_part} of {len(self._users)} users take part")
            if not taking_part:
                raise NobodyTakesPart(f"of {len(self._users)} users")

        check_run = CheckRun(("users",), report, self._check_factory.network_clock)
        await check_run.run("users", count)
        return check_run.holds

    async def _resolve(
        self, settings: SiteSettings, secrets: Mapping[str, Secret], report: Report, progressed: Progressed
    ) -> bool:
        chosen = chosen_secrets(secrets, settings.exchange)
        if not self._users and not await self._see_pbx(settings, secrets, report):
            return False
        probe = self._check_factory.resolution(settings, chosen, self._users, self._domain, progressed)
        steps = await probe.run(report)
        self._mailboxes = probe.mailboxes
        return _well(steps)


def _well(steps: tuple[CheckStep, ...]) -> bool:
    return all(step.outcome is not StepOutcome.FAILED for step in steps)
