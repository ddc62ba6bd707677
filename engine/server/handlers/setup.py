"""Routes of the guided set-up."""

import os
from collections.abc import Collection, Mapping, Sequence
from zoneinfo import ZoneInfo

from aiohttp import web

from engine.api.schema import FieldProblem, Operation
from engine.api.schema import Problem as ProblemDetails
from engine.api.schema.checks import RungAccount
from engine.api.schema.settings import SettingChange, SettingProblem, Value
from engine.api.schema.setup import Setup, SetupAnswers, SetupSecret, SetupStep, SetupSummary
from engine.checks.check import CheckStep, StepOutcome
from engine.core.errors import Failure
from engine.server import convert_settings
from engine.server.acceptor import actor_of
from engine.server.convert import check_step, converted
from engine.server.http import MAY_CHANGE, ApiError, Route, answer, body_of, named, not_found
from engine.server.operations import Progress
from engine.server.state import ApiState, author_of
from engine.settings.forms import SettingDifference, setting_forms
from engine.settings.keys import KEYS
from engine.settings.problems import InvalidSetting
from engine.setup.checks import SetupChecks, demand
from engine.setup.flow import Flow, is_known, problems_of
from engine.setup.guesses import guessed_language, guessed_zone
from engine.setup.session import SetupSession
from engine.setup.steps import STEPS, Check, SetupStepForm, Values, step_named
from engine.store.secrets import ENVIRONMENT
from engine.supervisor.settings_file import system_zone


def setup(
    flow: Flow,
    *,
    values: Values,
    zone: ZoneInfo | None,
    found: Sequence[InvalidSetting],
    changes: Sequence[SettingDifference],
    known_secrets: Collection[str],
    new_secrets: Collection[str],
    check: Operation | None,
    rungs: Sequence[RungAccount],
) -> Setup:
    """Return the state of the set-up."""
    step = step_named(flow.step)
    forms = {form.key: convert_settings.setting(form) for form in setting_forms(flow.text, zone)}
    keys = list(step.keys(values))
    return Setup(
        step=SetupStep(
            name=step.name,
            title=step.title,
            guidance=step.guidance(values),
            fields=tuple(forms[key] for key in keys),
            suggestions=_suggestions(keys, os.environ),
            secrets=tuple(SetupSecret(name=name, known=is_known(name, known_secrets)) for name in step.secrets(values)),
            problems=tuple(converted(each, SettingProblem) for each in problems_of(step, values, found)),
            asks_for_user=step.asks_for_user,
            can_check=step.check is not None,
            check=check,
            rungs=tuple(rungs),
            passed=step.name in flow.passed,
        ),
        steps=tuple(_summary(each, flow, values, found) for each in STEPS),
        user=flow.user,
        changes=tuple(converted(each, SettingChange) for each in changes),
        new_secrets=tuple(new_secrets),
        problems=tuple(converted(each, SettingProblem) for each in found),
        ready=not found,
    )


def _summary(step: SetupStepForm, flow: Flow, values: Values, found: Sequence[InvalidSetting]) -> SetupSummary:
    return SetupSummary(
        name=step.name,
        title=step.title,
        problems=len(problems_of(step, values, found)),
        can_check=step.check is not None,
        passed=step.name in flow.passed,
    )


def _suggestions(keys: Collection[str], environment: Mapping[str, str]) -> dict[str, Value]:
    """Suggest values: the language of the site is probably that of this machine."""
    language = guessed_language(environment) if "presence.language" in keys else None
    return {} if language is None else {"presence.language": language}


PATH = "/v1/setup"
_OF_USERS = (Check.RESOLUTION, Check.CALENDARS)


class SetupRoutes:
    """A single set-up shared by all clients: `session` has its answers, `checks` the findings about them."""

    capabilities = ("setup",)

    def __init__(self, api_state: ApiState, session: SetupSession, checks: SetupChecks) -> None:
        self._api_state = api_state
        self._session = session
        self._checks = checks
        self._results: dict[str, list[CheckStep]] = {}
        self._operations: dict[str, str] = {}

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        return (
            Route("GET", PATH, "setup", "State of the guided set-up", self._setup, Setup),
            Route("POST", PATH, "begin_setup", "Start it over", self._begin, Setup, changes=True),
            Route(
                "PATCH",
                PATH,
                "answer_setup",
                "Store answers, and go to a step",
                self._answer,
                Setup,
                body=SetupAnswers,
                changes=True,
            ),
            Route(
                "POST",
                f"{PATH}/check",
                "check_setup",
                "Check the current step",
                self._check,
                Operation,
                status=202,
                changes=True,
            ),
            Route("POST", f"{PATH}/apply", "apply_setup", "Apply it", self._apply, Setup, changes=True),
        )

    async def _setup(self, request: web.Request) -> web.Response:
        return answer(await self._state(request))

    async def _begin(self, request: web.Request) -> web.Response:
        self._forget()
        await self._api_state.audit_change(await actor_of(request), "begin_setup", "set-up")
        try:
            await self._session.begin()
        except Failure as failure:
            raise named(failure) from failure
        return answer(await self._state(request))

    async def _answer(self, request: web.Request) -> web.Response:
        answers = await body_of(request, SetupAnswers)
        flow = self._flow()
        unknown = [("settings", key) for key in answers.settings if key not in KEYS]
        unknown += [("secrets", name) for name in answers.secrets if name not in ENVIRONMENT]
        steps = ("next", "back", *(step.name for step in STEPS))
        fields = [
            FieldProblem(pointer=f"/{part}/{name}", detail="there is none of this name") for part, name in unknown
        ]
        if answers.step is not None and answers.step not in steps:
            fields.append(FieldProblem(pointer="/step", detail=f"is none of {', '.join(steps)}"))
        if fields:
            raise ApiError(
                ProblemDetails(
                    type="unknown-answers",
                    title="The set-up has no such answer or step",
                    status=422,
                    hint="GET /v1/settings lists every key. Nothing was stored.",
                    fields=tuple(fields),
                )
            )
        before = flow.passed
        try:
            flow = await self._session.answer(answers.settings, answers.secrets, answers.user, answers.step)
        except Failure as failure:
            raise named(failure) from failure
        if "pbx" in before and "pbx" not in flow.passed:
            self._checks.forget()
        return answer(await self._state(request))

    async def _check(self, request: web.Request) -> web.Response:
        step = step_named(self._flow().step)
        check = step.check
        if check is None:
            raise not_found("check", f"The step {step.name} has no check.")
        try:
            settings, secrets = self._session.tried(step), await self._session.secrets()
            demand(check, settings, secrets)
        except Failure as failure:
            raise named(failure) from failure
        rungs: list[CheckStep] = []
        user = self._flow().user

        async def work(progress: Progress) -> None:
            def report(result: CheckStep) -> None:
                rungs.append(result)
                if check not in _OF_USERS:
                    progress(len(rungs), sum(each.outcome is StepOutcome.FAILED for each in rungs))

            well = await self._checks.run(check, settings, secrets, user, report, progress)
            await self._session.note_check(step.name, well=well)

        actor = await actor_of(request)
        await self._api_state.audit_change(actor, "check_setup", step.name)
        total = self._checks.number_of_users if check in _OF_USERS else 0
        operation = self._api_state.operations.start_job("setup check", total, work, actor)
        self._results[step.name], self._operations[step.name] = rungs, operation.id
        return answer(operation, status=202, headers={"Location": PATH})

    async def _apply(self, request: web.Request) -> web.Response:
        state = await self._state(request)
        if found := state.problems:
            fields = tuple(
                FieldProblem(pointer=f"/settings/{each.key}", detail=f"{each.key} {each.reason}. {each.remedy}")
                for each in found
            )
            title, hint = "Some answers are missing or invalid", "Nothing was changed."
            raise ApiError(ProblemDetails(type="setup-incomplete", title=title, status=422, hint=hint, fields=fields))
        actor = await actor_of(request)
        keys = ", ".join([*(each.key for each in state.changes), *self._session.new_secrets]) or "nothing else"
        await self._api_state.audit_change(actor, "apply_setup", keys)
        try:
            await self._session.apply(author_of(actor))
        except Failure as failure:
            await self._api_state.audit_change(actor, "apply_setup", f"{keys}: failed ({failure.slug})")
            raise named(failure) from failure
        self._forget()
        return answer(state)

    def _forget(self) -> None:
        self._checks.forget()
        self._results.clear()
        self._operations.clear()

    def _flow(self) -> Flow:
        flow = self._session.flow
        if flow is None:
            raise not_found("set-up under way", f"POST {PATH} starts one.")
        return flow

    async def _state(self, request: web.Request) -> Setup:
        self._flow()
        try:
            found, known = await self._session.problems(), await self._session.secrets()
            changes = self._session.changes()
        except Failure as failure:
            raise named(failure) from failure
        in_full = request.app[MAY_CHANGE]
        flow = self._flow()  # only now: a check may have ended meanwhile, and its result belongs in the response
        return setup(
            flow,
            values=self._session.values,
            zone=guessed_zone(system_zone()),
            found=found,
            changes=changes,
            known_secrets=known,
            new_secrets=self._session.new_secrets,
            check=self._api_state.operations.get(self._operations.get(flow.step, "")),
            rungs=tuple(check_step(result, in_full=in_full) for result in self._results.get(flow.step, ())),
        )
