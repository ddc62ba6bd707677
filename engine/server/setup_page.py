"""The state of the set-up as the local API gives it: the page to show, the rail of steps, and the whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from engine.api.schema import Operation
from engine.api.schema.common import Actor
from engine.api.schema.settings import SettingProblem
from engine.api.schema.setup import (
    SetupCertificate,
    SetupCheck,
    SetupFix,
    SetupLogIns,
    SetupPage,
    SetupPageName,
    SetupPerson,
    SetupSummary,
    SetupTask,
    SetupWatch,
)
from engine.api.schema.setup_users import (
    SetupAccess,
    SetupSelection,
    SetupUsers,
    SetupUsersGroup,
)
from engine.checks.check import CheckStep, StepOutcome
from engine.checks.fixes import Fix
from engine.core.errors import Failure
from engine.exchange.errors import CertificateNotTrusted, ImpersonationDenied, ImpersonationRightMissing, OnlyFreeBusy
from engine.exchange.graph.errors import AccessPolicyExcludes, GraphAccessDenied, GraphPermissionMissing
from engine.exchange.oauth.errors import ConsentMissing
from engine.pbx.errors import PbxCertificateNotTrusted, PbxRightsMissing
from engine.server.convert import check_step, converted
from engine.server.setup_fields import FieldSources, Finding, cursor_in, fields_of
from engine.settings.problems import InvalidSetting
from engine.setup.flow import Flow, problems_of, state_of
from engine.setup.pages import STEPS, WITH_REACH, Page, Step, Values, places
from engine.setup.people import Person
from engine.setup.selection import SAMPLE, Choice
from engine.setup.tasks import Task

_MENDED_AT: Mapping[str, tuple[type[Failure], ...]] = MappingProxyType(
    {
        "pbx/app": (PbxRightsMissing,),
        "pbx/certificate": (PbxCertificateNotTrusted,),
        "exchange/certificate": (CertificateNotTrusted,),
        "exchange/right": (ImpersonationDenied, ImpersonationRightMissing, OnlyFreeBusy),
        "exchange/application": (ConsentMissing, GraphAccessDenied, GraphPermissionMissing, AccessPolicyExcludes),
    }
)
"""The pages on which failures are mended that no field can mend."""

_SHOWN_AT: Mapping[str, str] = MappingProxyType(
    {"pbx.fingerprint": "pbx/certificate", "exchange.fingerprint": "exchange/certificate"}
)
"""The pages on which a certificate is compared before it is trusted, whatever failed because of it."""

AT_MOST: Mapping[str, float] = MappingProxyType(
    {"name lookup": 3.0, "connection": 5.0, "TLS": 5.0, "connection from the PBX": 90.0}
)
"""Seconds that a step of a check takes at most, where that is not ten."""


@dataclass(slots=True)
class StepCheck:
    """The last check of a step, or the running one, made with the answers of `made_with`."""

    operation: str
    log_in: bool
    made_with: str
    names: list[str]
    rungs: list[CheckStep]
    running_since: datetime
    passed: bool = False

    @property
    def failed(self) -> CheckStep | None:
        """The step that failed, if one did."""
        return next((each for each in self.rungs if each.outcome is StepOutcome.FAILED), None)

    @property
    def finding(self) -> str:
        """What was found, in one sentence."""
        failed = self.failed
        if failed is None:
            return "It works." if self.passed else ""
        return str(failed.failure) if failed.failure is not None else failed.name

    @property
    def shown(self) -> CheckStep | None:
        """The step that found a certificate which is not trusted, if one did."""
        return next((each for each in self.rungs if each.shown is not None), None)

    def another_look(self) -> "StepCheck":
        """Return the same check without any results."""
        return StepCheck(self.operation, self.log_in, self.made_with, [], [], self.running_since)

    def take(self, look: "StepCheck") -> None:
        """Replace what was found by what another look has found."""
        self.names, self.rungs, self.passed = look.names, look.rungs, look.passed

    def fixes(self) -> dict[str, Fix]:
        """Return all fixes on offer, by id."""
        return {f"{each.name}/{number}": fix for each in self.rungs for number, fix in enumerate(each.fixes)}

    def findings(self) -> Mapping[str, Finding]:
        """Return what was found about each field."""
        found: dict[str, Finding] = {}
        for rung in self.rungs:
            if not rung.field:
                continue
            problem = None
            if rung.failure is not None:
                reason = str(rung.failure)
                problem = SettingProblem(key=rung.field, line=None, reason=reason, remedy=rung.remedy)
            found[rung.field] = Finding(problem, self._offered(rung), is_well=rung.failure is None)
        return found

    def _offered(self, rung: CheckStep) -> tuple[SetupFix, ...]:
        return tuple(_fix(f"{rung.name}/{number}", fix) for number, fix in enumerate(rung.fixes))

    def account(self, operation: Operation, *, holds: bool, page: str, in_full: bool) -> SetupCheck:
        """Return this check as the API gives it; `holds`: the answers are still the same."""
        failed, is_running = self.failed, operation.state == "running"
        running = self.names[len(self.rungs)] if is_running and len(self.rungs) < len(self.names) else ""
        failure = failed.failure if failed is not None else None
        by_kind = next((place for place, kinds in _MENDED_AT.items() if isinstance(failure, kinds)), "")
        mended_at = _SHOWN_AT.get(failed.field, by_kind) if failed is not None else ""
        return SetupCheck(
            operation=operation,
            log_in=self.log_in,
            names=tuple(self.names),
            rungs=tuple(check_step(each, in_full=in_full) for each in self.rungs),
            running=running,
            running_since=self.running_since if running else None,
            at_most=AT_MOST.get(running, 10.0),
            passed=self.passed,
            holds=holds,
            wrong=failed.field if failed is not None else "",
            page="" if mended_at == page else mended_at,
            fixes=tuple(_fix(key, fix) for key, fix in self.fixes().items()),
        )


def _fix(key: str, fix: Fix) -> SetupFix:
    return SetupFix(id=key, label=fix.label, keys=tuple(dict.fromkeys((*fix.settings, *fix.certificates))))


def certificate(rung: CheckStep, host: str, port: int, trusted_before: str, now: datetime) -> SetupCertificate | None:
    """Return the certificate that a step of a check does not trust, None if it saw none."""
    shown = rung.shown
    if shown is None:
        return None
    return SetupCertificate(
        key=rung.field,
        host=host,
        port=port,
        issued_to=shown.common_name or shown.subject,
        issued_by="itself" if shown.issued_by_itself else shown.issuer,
        names=shown.names,
        fits=any(fits(host, name) for name in shown.names),
        begins=shown.begins,
        ends=shown.ends,
        is_valid_now=shown.begins <= now <= shown.ends,
        fingerprint=shown.fingerprint,
        trusted_before=trusted_before,
        fixes=tuple(_fix(f"{rung.name}/{number}", fix) for number, fix in enumerate(rung.fixes)),
    )


def fits(host: str, name: str) -> bool:
    """Return whether a name in a certificate is valid for a host (RFC 9525, section 6.3)."""
    first, _, rest = name.casefold().partition(".")
    return name.casefold() == host.casefold() or (first == "*" and host.casefold().partition(".")[2] == rest)


def person(who: Person, caller: Actor, now: datetime) -> SetupPerson:
    """Return who is at the set-up, as the API gives it."""
    return SetupPerson(
        name=who.name,
        actor=Actor(uid=who.uid, pid=who.pid, user=who.user),
        where=who.where,
        last=who.last,
        is_present=who.is_present(now),
        is_you=(who.uid, who.pid) == (caller.uid, caller.pid),
    )


def summaries(
    flow: Flow, values: Values, found: frozenset[str], problems: Sequence[InvalidSetting], written: Sequence[str]
) -> tuple[SetupSummary, ...]:
    """Return the steps that the flow visits, each with its state and pages."""
    visited = places(flow.kind, values, found)
    steps = [step for step in STEPS if any(each.name == step.name for each, _ in visited)]
    return tuple(
        SetupSummary(
            number=number,
            name=step.name,
            title=step.title,
            state=state_of(flow, values, step, problems, written),
            is_optional=step.is_optional,
            problems=len(problems_of(step, values, problems)),
            can_check=step.check is not None,
            pages=tuple(
                SetupPageName(name=page.name, title=page.title(values)) for each, page in visited if each is step
            ),
        )
        for number, step in enumerate(steps, start=1)
    )


def page(
    step: Step,
    shown: Page,
    sources: FieldSources,
    *,
    task: Task | None,
    users: Choice | None,
    everybody: SetupAccess | None,
    check: SetupCheck | None,
    reach: SetupCheck | None,
    watch: SetupWatch | None,
    shown_certificate: SetupCertificate | None,
    log_ins: SetupLogIns | None,
    operation: str,
    said: tuple[tuple[str, ...], tuple[str, ...]],
    is_last: bool,
) -> SetupPage:
    """Return the page to show; `said` is what stands above and below its fields."""
    fields = fields_of(shown, sources)
    return SetupPage(
        step=step.name,
        name=shown.name,
        title=shown.title(sources.values),
        kind=shown.kind,
        fields=fields,
        cursor=cursor_in(fields),
        task=None if task is None else converted(task, SetupTask),
        users=None if users is None else _users(users),
        access=everybody,
        can_check=shown.can_check,
        can_reach=step.name in WITH_REACH,
        can_watch=shown.can_watch,
        check=check,
        reach=reach,
        watch=watch,
        certificate=shown_certificate,
        log_ins=log_ins,
        operation=operation,
        intro=said[0],
        remarks=said[1],
        is_last=is_last,
    )


def _users(choice: Choice) -> SetupUsers:
    taken, left_out = choice.selected.taken, choice.selected.left_out
    rows = {
        names: tuple(converted(row, SetupUsersGroup) for row in choice.rows[names])
        for names in ("groups", "nodes", "locations", "templates")
    }
    return SetupUsers(
        selection=converted(choice.ticked, SetupSelection),
        total=len(taken) + len(left_out),
        taken=len(taken),
        sample_taken=tuple(user.label for user in taken[:SAMPLE]),
        sample_left_out=tuple(user.label for user in left_out[:SAMPLE]),
        refusal=choice.refusal,
        doubt=choice.doubt,
        **rows,
    )
