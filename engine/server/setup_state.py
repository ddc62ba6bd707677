"""The whole state of the set-up as the local API gives it."""

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from engine.api.schema import Actor
from engine.api.schema.settings import SettingChange, SettingProblem
from engine.api.schema.setup import Setup, SetupCertificate, SetupLogIns, SetupPage, SetupSecret
from engine.api.schema.setup_users import SetupAccess
from engine.checks.check import CheckStep
from engine.core.secret import Secret
from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed
from engine.logins.breaker import LogIns
from engine.pbx.server import app_object_url
from engine.server.access import by_cause
from engine.server.convert import check_step, converted
from engine.server.setup_checks import SetupCheckRunner
from engine.server.setup_fields import FieldSources
from engine.server.setup_page import certificate, page, person, summaries
from engine.server.state import ApiState
from engine.settings.forms import differences, setting_forms
from engine.settings.model import PbxLinkKind
from engine.setup.flow import is_last
from engine.setup.guesses import guessed_zone
from engine.setup.introductions import introduction, remarks
from engine.setup.pages import FLOWS, GROUP, SECRETS, START, Page, Step
from engine.setup.selection import Choice, choice
from engine.setup.session import SetupSession
from engine.setup.tasks import task_of
from engine.store.own_certificates import NEXT_CERTIFICATE, OWN_CERTIFICATE, own_certificates, public_part
from engine.store.secret_sources import SecretSources
from engine.supervisor.settings_file import system_zone


def machine_zone() -> ZoneInfo | None:
    """Return the time zone of this machine, None if it does not tell where the site is."""
    return guessed_zone(system_zone())


class SetupAccount:
    """Gives the state of the set-up in `session`, with what `runner` has found. `results` are the operations of steps
    whose results have a place of their own in the API."""

    def __init__(
        self,
        api_state: ApiState,
        session: SetupSession,
        runner: SetupCheckRunner,
        sources: SecretSources,
        log_ins: LogIns,
    ) -> None:
        self._api_state = api_state
        self._session = session
        self._runner = runner
        self._sources = sources
        self._log_ins = log_ins
        self.results: dict[str, str] = {}

    async def state(self, actor: Actor, *, in_full: bool) -> Setup:
        """Return the state, for a caller who may see confidential details if `in_full`.

        Raises LookupError if there is no set-up any more, and the failures of the secret store.
        """
        session = self._session
        found, known = await session.problems(), await session.secrets()
        secrets, new_secrets = await self._secrets(known), await session.new_secrets()
        machine = await self._runner.machine()
        step, shown = session.place
        log_ins = await self._log_ins_of(shown)
        saved = session.saved  # only now: a check may have ended meanwhile, and its result belongs in here
        if saved is None:
            raise LookupError
        flow, values = saved.flow, {**session.values, **({START: session.start} if session.start else {})}
        sources = FieldSources(
            forms={form.key: form for form in setting_forms(flow.text, machine_zone())},
            values=values,
            written={each.key: each.after for each in differences("", flow.text)},
            secrets=secrets,
            problems=found,
            findings=self._runner.findings(step),
        )
        return Setup(
            revision=saved.revision,
            flow=flow.kind,
            title=FLOWS[flow.kind].title,
            person=person(saved.person, actor, self._api_state.now()),
            steps=summaries(flow, values, session.found, found, tuple(sources.written)),
            page=self._page(step, shown, sources, known, log_ins, in_full=in_full),
            machine=tuple(check_step(each, in_full=in_full) for each in machine),
            changes=tuple(converted(each, SettingChange) for each in session.changes()),
            new_secrets=new_secrets,
            problems=tuple(converted(each, SettingProblem) for each in found),
            ready=not found,
        )

    def choice(self) -> Choice | None:
        """Return what the choice of users means, None while the users of the PBX are not known."""
        users = self._runner.checks.users
        return choice(self._session.values, users, self._session.selection) if users else None

    def _page(
        self,
        step: Step,
        shown: Page,
        sources: FieldSources,
        known: dict[str, Secret],
        log_ins: SetupLogIns | None,
        *,
        in_full: bool,
    ) -> SetupPage:
        place = f"{step.name}/{shown.name}"
        own = own_certificates(known)
        newest = own.next or own.current
        pem = public_part(newest) if newest else ""
        return page(
            step,
            shown,
            sources,
            task=task_of(step.name, shown.name, sources.values, url=self._listen_url(), certificate=pem),
            users=self.choice() if shown.kind == "users" else None,
            everybody=self._access() if shown.kind == "access" else None,
            check=self._runner.account(step, shown.name, log_in=True, in_full=in_full),
            reach=self._runner.account(step, shown.name, log_in=False, in_full=in_full),
            watch=self._runner.watch(step.name),
            shown_certificate=self._certificate(step) if shown.kind == "certificate" else None,
            log_ins=log_ins,
            operation=self.results.get(step.name, ""),
            said=(
                introduction(place, sources.values),
                remarks(place, sources.values, system_zone(), self._api_state.now()),
            ),
            is_last=self._session.flow is not None
            and is_last(self._session.flow, self._session.values, self._session.found),
        )

    def _access(self) -> SetupAccess | None:
        check = self._runner.checks.access
        group = str(self._session.values.get(GROUP) or "")
        return None if check is None else by_cause(check, self._session.as_far_as_valid().exchange, group)

    def _certificate(self, step: Step) -> SetupCertificate | None:
        rungs = [each.shown for each in reversed(self._runner.found(step))]
        rung: CheckStep | None = next((each for each in rungs if each is not None), None)
        if rung is None:
            return None
        pbx = self._session.as_far_as_valid().pbx
        host, port = (pbx.host, pbx.port) if step.name == "pbx" else (_host_in(rung), 443)
        trusted = self._session.values.get(f"{step.name}.fingerprint")
        return certificate(rung, host, port, str(trusted or ""), self._api_state.now())

    def _listen_url(self) -> str:
        pbx = self._session.as_far_as_valid().pbx
        return app_object_url(pbx, pbx.listen_port) if pbx.link is PbxLinkKind.LISTEN else ""

    async def _secrets(self, known: dict[str, Secret]) -> dict[str, SetupSecret]:
        """Return where each secret comes from."""
        typed = await self._session.typed_secrets()
        has_certificate = OWN_CERTIFICATE in known or NEXT_CERTIFICATE in known
        found: dict[str, SetupSecret] = {}
        for each in await self._sources.origins():
            if each.name in typed:
                found[each.name] = SetupSecret(name=each.name, place="set-up")
            elif each.place is not None:
                found[each.name] = SetupSecret(name=each.name, place=each.place, since=each.stored_since)
            elif each.name == "exchange.client_secret" and has_certificate:
                found[each.name] = SetupSecret(name=each.name, place="certificate")
        return {name: found.get(name, SetupSecret(name=name, place=None)) for name in SECRETS}

    async def _log_ins_of(self, shown: Page) -> SetupLogIns | None:
        """Return how often the log-in of a page may still be tried, None before the first failed one."""
        secrets = [key for key in shown.keys(self._session.values) if key in SECRETS]
        for each in await self._log_ins.outlooks():
            if each.account.kind in secrets and (each.used or each.pause is not None):
                return SetupLogIns(
                    account=each.account.name,
                    used=each.used,
                    left=each.left,
                    then_pause=each.then_pause.total_seconds(),
                    paused_until=each.pause.until if each.pause is not None else None,
                    way_out=WAY_OUT if each.pause is not None else "",
                )
        return None


WAY_OUT = (
    "Another password is tried at once; the same one again with POST /v1/log-ins/retry, or when the pause is over."
)


def _host_in(rung: CheckStep) -> str:
    """Return the host whose certificate a step does not trust, as its failure names it."""
    if isinstance(rung.failure, AutodiscoverFailed) and rung.failure.untrusted:
        return urlsplit(rung.failure.untrusted).hostname or ""
    return rung.failure.detail.partition(":")[0] if rung.failure is not None else ""
