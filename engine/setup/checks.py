"""Runs the checks of the set-up; each uses what the previous ones found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.checks.check import AnyCheck, CheckRun, CheckStep, StepLog, StepOutcome
from engine.checks.errors import NobodyToTry
from engine.checks.everybody import EverybodyCheck
from engine.checks.exchange_reach import TypedAccount
from engine.checks.factory import CheckFactory, Progressed
from engine.core.secret import Secret
from engine.core.users import User, address_candidates
from engine.exchange.errors import MailboxNotFound
from engine.exchange.source import Mailbox
from engine.settings.model import SiteSettings
from engine.setup.pages import USER, Check
from engine.store.secrets import SecretsMissing, chosen_secrets
from engine.sync.hold import NobodyTakesPart
from engine.sync.preview import UserCalendar

Report = Callable[[CheckStep], None]
Announce = Callable[[Sequence[str]], None]
TRIED = 20
TEST_USER_REMEDY = "Enter the e-mail address of a user who has a mailbox."


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told about a check: which steps it will have, each step that is done, and how many users are."""

    announce: Announce
    report: Report
    progressed: Progressed


def demand(check: Check, settings: SiteSettings, secrets: Mapping[str, Secret]) -> None:
    """Raise `SecretsMissing` if a check lacks a secret."""
    if check not in (Check.PBX, Check.USERS):
        chosen_secrets(secrets, settings.exchange)
    elif not secrets.get("pbx.password"):
        raise SecretsMissing("pbx.password")


class SetupChecks:
    """Runs the checks of the set-up, and keeps the users and mailboxes that they find.

    `proved` are the checks that went well within the last one, because it depends on what they find.
    """

    def __init__(self, check_factory: CheckFactory) -> None:
        self._check_factory = check_factory
        self.users: tuple[User, ...] = ()
        self._domain = ""
        self._mailboxes: Mapping[str, Mailbox] = {}
        self.access: EverybodyCheck | None = None
        self.calendars: Sequence[UserCalendar] = ()
        self.proved: set[Check] = set()

    def forget(self) -> None:
        """Forget all findings: the PBX is another."""
        self.users, self._domain = (), ""
        self.forget_mailboxes()

    def forget_mailboxes(self) -> None:
        """Forget what was found in Exchange: it, or who takes part, is another."""
        self._mailboxes, self.access, self.calendars = {}, None, ()

    async def run(
        self,
        check: Check,
        settings: SiteSettings,
        secrets: Mapping[str, Secret],
        user: str,
        audience: Audience,
        *,
        only_failed: bool = False,
    ) -> bool:
        """Run a check, and first those it depends on; return whether all passed. `only_failed`: of the users of the
        last check, only those who could not be read.

        `demand` must have passed. `user` is the address of the user whose calendar is read, "" for any user of the PBX.
        """
        self.proved.clear()
        needs_users = check not in (Check.PBX, Check.EXCHANGE)
        if check is Check.EXCHANGE and not user and "@" not in settings.exchange.user:
            needs_users = bool(secrets.get("pbx.password"))  # else there is no address at all to ask about
        if needs_users and not self.users and not await self._see_pbx(settings, secrets, audience):
            return False
        match check:
            case Check.PBX:
                return await self._see_pbx(settings, secrets, audience)
            case Check.USERS:
                return await self._count(settings, audience)
            case Check.EXCHANGE:
                others = () if user else self._some_addresses(settings)
                anybody = (*(each for addresses in others for each in addresses), settings.exchange.user)
                chosen = chosen_secrets(secrets, settings.exchange)
                known = [each.address for each in self._mailboxes.values()]
                candidates = (user,) if user else anybody
                probe = self._check_factory.exchange(settings, chosen, candidates, known, others)
                audience.announce(probe.names)
                return _well(await probe.run(lambda step: audience.report(_at_test_user(step))))
            case Check.ACCESS:
                return await self._try_everybody(settings, secrets, audience, only_failed=only_failed)
            case Check.CALENDARS:
                if not self._mailboxes and not await self._resolve(settings, secrets, audience):
                    return False
                chosen = chosen_secrets(secrets, settings.exchange)
                calendars = self._check_factory.calendars(
                    settings, chosen, self.users, self._mailboxes, audience.progressed
                )
                audience.announce(calendars.names)
                self.calendars = calendars.calendars
                return _well(await calendars.run(audience.report))

    async def reach(
        self, step: str, settings: SiteSettings, in_force: SiteSettings | None, typed: str, audience: Audience
    ) -> tuple[CheckStep, ...]:
        """Check what costs no log-in: the way to the PBX, or to Exchange, whose service account was `typed` as it is.
        Raises KeyError for another step."""
        match step:
            case "pbx":
                probe: AnyCheck = self._check_factory.pbx_reach(settings.pbx, in_force.pbx if in_force else None)
            case "exchange":
                domain = settings.pbx.domain or self._domain
                account = TypedAccount(typed, domain) if typed and "@" not in typed else None
                probe = self._check_factory.exchange_reach(settings, account)
            case _:
                raise KeyError(step)
        audience.announce(probe.names)
        return await probe.run(audience.report)

    async def machine(self, directories: Mapping[str, Path]) -> tuple[CheckStep, ...]:
        """Check that the engine may write where it has to, and that the clock is kept right."""
        return await self._check_factory.machine(directories).run(lambda _: None)

    def _some_addresses(self, settings: SiteSettings) -> tuple[tuple[str, ...], ...]:
        """Return the addresses of each of some users; the first with a mailbox that may be read is enough."""
        order = settings.exchange.candidate_order
        some = [user for user in self.users if settings.pbx.users.takes_part(user)][:TRIED]
        return tuple(address_candidates(user, self._domain, order) for user in some)

    async def _see_pbx(self, settings: SiteSettings, secrets: Mapping[str, Secret], audience: Audience) -> bool:
        probe = self._check_factory.pbx(settings, secrets["pbx.password"])
        audience.announce(probe.names)
        steps = await probe.run(audience.report)
        self.users, self._domain, self._mailboxes = probe.users, probe.domain, {}
        if _well(steps):
            self.proved |= {Check.PBX, Check.USERS}  # its step "users" counts those who take part
        return _well(steps)

    async def _count(self, settings: SiteSettings, audience: Audience) -> bool:
        taking_part = sum(settings.pbx.users.takes_part(user) for user in self.users)

        async def count(step_log: StepLog) -> None:
            step_log.evidence.append(f"{taking_part} of {len(self.users)} users take part")
            if not taking_part:
                raise NobodyTakesPart(f"of {len(self.users)} users")

        audience.announce(("users",))
        check_run = CheckRun(("users",), audience.report, self._check_factory.network_clock)
        await check_run.run("users", count)
        return check_run.holds

    async def _try_everybody(
        self, settings: SiteSettings, secrets: Mapping[str, Secret], audience: Audience, *, only_failed: bool
    ) -> bool:
        chosen = chosen_secrets(secrets, settings.exchange)
        before = self.access.results if only_failed and self.access is not None else None
        self.access = self._check_factory.everybody(
            settings, chosen, self.users, self._domain, audience.progressed, before
        )
        audience.announce(self.access.names)
        return _well(await self.access.run(audience.report))

    async def _resolve(self, settings: SiteSettings, secrets: Mapping[str, Secret], audience: Audience) -> bool:
        chosen = chosen_secrets(secrets, settings.exchange)
        probe = self._check_factory.resolution(settings, chosen, self.users, self._domain, audience.progressed)
        audience.announce(probe.names)
        steps = await probe.run(audience.report)
        self._mailboxes = probe.mailboxes
        return _well(steps)


def _at_test_user(step: CheckStep) -> CheckStep:
    """Return a step with its failure at the field of the test user, if that is what is wrong."""
    if step.field or not isinstance(step.failure, MailboxNotFound | NobodyToTry):
        return step
    return replace(step, field=USER, remedy=TEST_USER_REMEDY)


def _well(steps: tuple[CheckStep, ...]) -> bool:
    return all(step.outcome is not StepOutcome.FAILED for step in steps)
