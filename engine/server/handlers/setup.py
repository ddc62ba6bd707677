"""Routes of the guided set-up."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec
from aiohttp import web

from engine.api.schema import Actor, FieldProblem, Operation
from engine.api.schema import Problem as ProblemDetails
from engine.api.schema.access import AccessPageQuestion, AccessUsers
from engine.api.schema.live import TodaysNotes, Written
from engine.api.schema.setup import (
    Setup,
    SetupAnswers,
    SetupAnswersFile,
    SetupApplied,
    SetupBeginning,
    SetupCheckQuestion,
    SetupEvent,
    SetupMachine,
    SetupNotesQuestion,
    SetupOption,
    SetupOptions,
    SetupOptionsQuestion,
)
from engine.api.schema.setup_users import SetupUser, SetupUsersPage, SetupUsersQuestion
from engine.core.errors import Failure
from engine.core.secret import Secret
from engine.server.acceptor import actor_of
from engine.server.access import tried
from engine.server.convert import check_step, converted
from engine.server.handlers.live_preview import LivePreviewRoutes
from engine.server.handlers.notes import notes_of
from engine.server.handlers.presence_test import PresenceTestRoutes
from engine.server.http import MAY_CHANGE, ApiError, Route, answer, body_of, named, not_found, problem_from, query_of
from engine.server.setup_checks import CheckRequest, SetupCheckRunner
from engine.server.setup_fields import INSTEAD, SEARCHED
from engine.server.setup_state import SetupAccount, machine_zone
from engine.server.state import ApiState, author_of
from engine.settings.editor import SettingValue
from engine.settings.forms import setting_forms
from engine.settings.keys import KEYS
from engine.settings.model import SiteSettings
from engine.setup import options
from engine.setup.authorities import save_authority
from engine.setup.checks import demand
from engine.setup.flow import answers_file, needed_secrets
from engine.setup.pages import FLOWS, LEARN_USER, OWN_KEYS, WITH_REACH, Check, Step, step_named
from engine.setup.people import Person, SetupInUse
from engine.setup.selection import TickLists, settings_of
from engine.setup.session import SetupSession, SetupUnderWay, new_person
from engine.setup.typed import value_typed
from engine.store.secrets import ENVIRONMENT, chosen_secrets
from engine.store.setup_state import SetupContinuedElsewhere
from engine.supervisor.supervisor import Supervisor
from engine.sync.preview import UserCalendar

PATH = "/v1/setup"

_NEEDED_BY: Mapping[str, Check] = MappingProxyType({"learn": Check.PBX, "preview": Check.CALENDARS})
"""What the tests of steps without a check of their own need as much as a check does."""


@dataclass(frozen=True, slots=True)
class SetupTests:
    """What learns how the PBX treats presences, and what compares them with those that would be written."""

    presence_test: PresenceTestRoutes
    comparison: LivePreviewRoutes


class SetupRoutes:
    """A single set-up shared by all clients: `session` has its answers, `runner` the findings about them, `account`
    tells both. `tests` are those with a place of their own in the API."""

    capabilities = ("setup", "setup-pages")

    def __init__(
        self,
        api_state: ApiState,
        session: SetupSession,
        runner: SetupCheckRunner,
        account: SetupAccount,
        service: Supervisor,
        tests: SetupTests,
    ) -> None:
        self._api_state = api_state
        self._session = session
        self._runner = runner
        self._account = account
        self._service = service
        self._tests = tests
        runner.changed = self._tell

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        return (*self._routes_of_answers(), *self._routes_of_checks())

    def _routes_of_answers(self) -> tuple[Route, ...]:
        return (
            Route("GET", PATH, "setup", "State of the guided set-up", self._setup, Setup),
            Route("POST", PATH, "begin_setup", "Start one", self._begin, Setup, body=SetupBeginning, changes=True),
            Route(
                "PATCH",
                PATH,
                "answer_setup",
                "Store answers, and go to a page",
                self._answer,
                Setup,
                body=SetupAnswers,
                changes=True,
            ),
            Route("DELETE", PATH, "discard_setup", "Give it up", self._discard, SetupEvent, changes=True),
            Route("POST", f"{PATH}/person", "take_over_setup", "Take over", self._take_over, Setup, changes=True),
            Route(
                "GET", f"{PATH}/machine", "setup_machine", "What it needs of this machine", self._machine, SetupMachine
            ),
            Route(
                "GET",
                f"{PATH}/options",
                "setup_options",
                "Search the options of a field",
                self._options,
                SetupOptions,
                query=SetupOptionsQuestion,
            ),
            Route(
                "GET",
                f"{PATH}/users",
                "setup_users",
                "Users that take part, or are left out",
                self._users,
                SetupUsersPage,
                query=SetupUsersQuestion,
            ),
            Route(
                "GET",
                f"{PATH}/access",
                "setup_access",
                "Whose calendars can be read, user by user",
                self._access,
                AccessUsers,
                query=AccessPageQuestion,
            ),
            Route(
                "GET",
                f"{PATH}/notes",
                "setup_notes",
                "Today's notes with the answers",
                self._notes,
                TodaysNotes,
                query=SetupNotesQuestion,
            ),
            Route("GET", f"{PATH}/answers", "setup_answers", "Answers as a file", self._answers, SetupAnswersFile),
        )

    def _routes_of_checks(self) -> tuple[Route, ...]:
        return (
            Route(
                "POST",
                f"{PATH}/check",
                "check_setup",
                "Check the current page",
                self._check,
                Operation,
                status=202,
                body=SetupCheckQuestion,
                changes=True,
            ),
            Route("DELETE", f"{PATH}/check", "stop_setup_check", "Stop the check", self._stop, Setup, changes=True),
            Route("POST", f"{PATH}/apply", "apply_setup", "Apply it", self._apply, SetupApplied, changes=True),
        )

    async def _setup(self, request: web.Request) -> web.Response:
        self._runner.attended()
        return await self._answer_state(request)

    async def _machine(self, request: web.Request) -> web.Response:
        found = await self._runner.machine()
        return answer(SetupMachine(rungs=tuple(check_step(each, in_full=request.app[MAY_CHANGE]) for each in found)))

    async def _begin(self, request: web.Request) -> web.Response:
        question = await body_of(request, SetupBeginning)
        actor = await actor_of(request)
        try:
            await self._session.begin(question.flow, self._person(actor, question.where), over=question.over)
        except Failure as failure:
            raise refused(failure) from failure
        self._forget()
        await self._api_state.audit_change(actor, "begin_setup", FLOWS[question.flow].title)
        return await self._answer_state(request, tell=True)

    async def _take_over(self, request: web.Request) -> web.Response:
        self._demand_one()
        actor = await actor_of(request)
        question = await body_of(request, SetupBeginning)
        try:
            await self._session.take_over(self._person(actor, question.where))
        except Failure as failure:
            raise refused(failure) from failure
        await self._api_state.audit_change(actor, "take_over_setup", "set-up")
        return await self._answer_state(request, tell=True)

    async def _discard(self, request: web.Request) -> web.Response:
        if self._session.flow is None:
            return answer(self._event(0))
        actor = await actor_of(request)
        try:
            self._session.demand_alone(self._person(actor, ""))
            await self._session.end()
        except Failure as failure:
            raise refused(failure) from failure
        self._forget()
        await self._api_state.audit_change(actor, "discard_setup", "set-up")
        self._tell()
        return answer(self._event(0))

    async def _answer(self, request: web.Request) -> web.Response:
        answers = await body_of(request, SetupAnswers)
        self._demand_one()
        self._demand_known(answers)
        before = self._session.digest(step_named("pbx")), self._session.digest(step_named("exchange"))
        try:
            changes, own = await self._changes(answers)
            await self._session.answer(
                self._person(await actor_of(request), answers.where), changes, answers.secrets, own, answers.go
            )
        except KeyError:
            fields = (FieldProblem(pointer="/go", detail="is no page of this set-up"),)
            raise unknown_answers(fields) from None
        except Failure as failure:
            raise refused(failure) from failure
        if self._session.digest(step_named("pbx")) != before[0]:
            self._runner.checks.forget()
        elif self._session.digest(step_named("exchange")) != before[1]:
            self._runner.checks.forget_mailboxes()
        return await self._answer_state(request, tell=True)

    async def _changes(self, answers: SetupAnswers) -> tuple[dict[str, SettingValue | None], dict[str, str]]:
        """Return the settings, and the answers of the set-up alone, that were sent in any way."""
        forms = {each.key: each for each in setting_forms("", None)}
        changes: dict[str, SettingValue | None] = await self._fix(answers.fix) if answers.fix else {}
        changes |= answers.settings
        changes |= {key: value_typed(forms[key], text) for key, text in answers.texts.items() if key in KEYS}
        if answers.selection is not None and answers.selection.mode != "mixed":
            changes |= settings_of(TickLists(**msgspec.structs.asdict(answers.selection)))
        return changes, {key: text.strip() for key, text in answers.texts.items() if key in OWN_KEYS}

    async def _fix(self, wanted: str) -> dict[str, SettingValue | None]:
        """Return the settings of a change that a check offers, with its certificates saved."""
        if wanted.startswith(INSTEAD):
            key = wanted.removeprefix(INSTEAD)
            meant = [each.instead for each in await self._session.problems() if each.key == key]
            return {} if not meant else dict(meant[0])
        step, _ = self._session.place
        fix = self._runner.fixes(step).get(wanted)
        if fix is None:
            raise not_found("fix", "It is offered no more; check again.")
        saved = {
            key: await asyncio.to_thread(save_authority, self._session.directory, key, pem)
            for key, pem in fix.certificates.items()
        }
        return {**fix.settings, **saved}

    def _demand_known(self, answers: SetupAnswers) -> None:
        unknown = [("settings", key) for key in answers.settings if key not in KEYS]
        unknown += [("secrets", name) for name in answers.secrets if name not in ENVIRONMENT]
        unknown += [("texts", key) for key in answers.texts if key not in KEYS and key not in OWN_KEYS]
        if unknown:
            raise unknown_answers(
                tuple(
                    FieldProblem(pointer=f"/{part}/{name}", detail="there is none of this name")
                    for part, name in unknown
                )
            )

    async def _check(self, request: web.Request) -> web.Response:
        question = await body_of(request, SetupCheckQuestion)
        self._demand_one()
        self._runner.attended()
        actor = await actor_of(request)
        step, _ = self._session.place
        try:
            self._session.demand_alone(self._person(actor, ""))
            operation = await self._started(step, question, actor)
        except Failure as failure:
            raise refused(failure) from failure
        self._tell()
        return answer(operation, status=202, headers={"Location": PATH})

    async def _started(self, step: Step, question: SetupCheckQuestion, actor: Actor) -> Operation:
        if not question.log_in:
            if step.name not in WITH_REACH:
                raise not_found("check", f"The step {step.name} has no check without a log-in.")
            return self._runner.start_reach(step, actor)
        check = _NEEDED_BY.get(step.name, step.check)
        if check is None:
            raise not_found("check", f"The step {step.name} has no check.")
        settings, secrets = await asyncio.to_thread(self._session.tried, step), await self._session.secrets()
        demand(check, settings, secrets)
        await self._api_state.audit_change(actor, "check_setup", step.name)
        if step.check is None:
            operation = self._begun_test(step, settings, secrets, actor)
            self._account.results[step.name] = operation.id
            return operation
        request = CheckRequest(step, check, settings, secrets, question.only_failed)
        return self._runner.start(request, actor, watch=question.watch)

    def _begun_test(self, step: Step, settings: SiteSettings, secrets: Mapping[str, Secret], actor: Actor) -> Operation:
        if step.name == "learn":
            user = str(self._session.values.get(LEARN_USER) or "")
            return self._tests.presence_test.begin(settings, secrets["pbx.password"], user, actor)
        return self._tests.comparison.begin(settings, chosen_secrets(secrets, settings.exchange), actor)

    async def _stop(self, request: web.Request) -> web.Response:
        self._demand_one()
        step, _ = self._session.place
        for log_in in (False, True):
            self._runner.stop(step.name, log_in=log_in)
        return await self._answer_state(request, tell=True)

    async def _apply(self, request: web.Request) -> web.Response:
        self._demand_one()
        actor = await actor_of(request)
        state = await self._state(request)
        if found := state.problems:
            fields = tuple(
                FieldProblem(pointer=f"/settings/{each.key}", detail=f"{each.key} {each.reason}. {each.remedy}")
                for each in found
            )
            title, hint = "Some answers are missing or invalid", "Nothing was changed."
            raise ApiError(ProblemDetails(type="setup-incomplete", title=title, status=422, hint=hint, fields=fields))
        keys = ", ".join([*(each.key for each in state.changes), *state.new_secrets]) or "nothing else"
        await self._api_state.audit_change(actor, "apply_setup", keys)
        try:
            self._session.demand_alone(self._person(actor, ""))
            await self._session.apply(author_of(actor))
        except Failure as failure:
            await self._api_state.audit_change(actor, "apply_setup", f"{keys}: failed ({failure.slug})")
            raise refused(failure) from failure
        self._forget()
        self._tell()
        settings, waiting = self._service.settings, self._service.unconfirmed
        return answer(
            SetupApplied(
                written=_written(settings),
                changes=state.changes,
                new_secrets=state.new_secrets,
                confirm_until=waiting.confirm_until if waiting is not None else None,
            )
        )

    async def _options(self, request: web.Request) -> web.Response:
        question = query_of(request, SetupOptionsQuestion)
        match question.key:
            case "presence.language":
                found = options.found(options.languages(), question.search)
            case "presence.timezone":
                zones = await asyncio.to_thread(options.zones, self._api_state.now())
                found = options.found(zones, question.search)
            case "setup.learn_user":
                found = options.found(self._users_to_choose(question.search), question.search)
            case _:
                raise not_found("list of options", f"Only {', '.join(SEARCHED)} have one.")
        shown = tuple(SetupOption(value=each.value, label=each.label, remark=each.remark) for each in found)
        return answer(SetupOptions(options=shown[: question.limit], total=len(found)))

    def _users_to_choose(self, typed: str) -> tuple[options.Option, ...]:
        """Return the users of the PBX; while they are not known, what was typed."""
        known = [(each.name, each.label) for each in self._runner.checks.users]
        known = known or [(row.name, row.display_name or row.name) for row in self._api_state.rows.all()]
        return tuple(options.Option(name, label, name) for name, label in known or [(typed, typed)])

    async def _users(self, request: web.Request) -> web.Response:
        question = query_of(request, SetupUsersQuestion)
        self._demand_one()
        chosen = self._account.choice()
        users = () if chosen is None else chosen.selected.taken if question.taken else chosen.selected.left_out
        first = (question.page - 1) * question.per_page
        return answer(
            SetupUsersPage(
                total=len(users),
                page=question.page,
                per_page=question.per_page,
                users=tuple(
                    converted(each, SetupUser, location=each.home) for each in users[first : first + question.per_page]
                ),
            )
        )

    async def _access(self, request: web.Request) -> web.Response:
        question = query_of(request, AccessPageQuestion)
        self._demand_one()
        return answer(tried(self._runner.checks.access, question))

    async def _notes(self, request: web.Request) -> web.Response:
        question = query_of(request, SetupNotesQuestion)
        self._demand_one()
        settings, in_force = self._session.as_far_as_valid(), self._session.in_force
        calendars = self._runner.checks.calendars or self._calendars_of_engine()
        before = in_force.presence if in_force is not None else None
        now, clock = self._api_state.now(), self._runner.network_clock
        return answer(await notes_of(calendars, before, settings.presence, now, question.most, clock))

    def _calendars_of_engine(self) -> tuple[UserCalendar, ...]:
        """Return the calendars that the running engine has read, while the set-up has read none itself."""
        engine = self._service.current
        return tuple(found for guid in engine.guids() if (found := engine.calendar(guid)) is not None)

    async def _answers(self, request: web.Request) -> web.Response:
        flow = self._session.flow
        text = self._service.text if flow is None else self._session.text
        own: Mapping[str, str] = {} if flow is None else flow.own
        values = {each.key: each.value for each in setting_forms(text, machine_zone())}
        return answer(SetupAnswersFile(text=answers_file(text, own), needed=needed_secrets(values)))

    def _person(self, actor: Actor, where: str) -> Person:
        there = self._session.saved.person if self._session.saved is not None else None
        who = new_person(actor.uid, actor.pid, actor.user, where, self._api_state.now())
        if there is not None and not where and there.is_same(who):
            return msgspec.structs.replace(who, where=there.where)
        return who

    def _forget(self) -> None:
        self._runner.forget()
        self._account.results.clear()

    def _demand_one(self) -> None:
        if self._session.flow is None:
            raise not_found("set-up under way", f"POST {PATH} starts one.")

    async def _answer_state(self, request: web.Request, *, tell: bool = False) -> web.Response:
        state = await self._state(request)
        if tell:
            self._tell()
        return answer(state)

    def _tell(self) -> None:
        """Tell all listeners that the set-up has changed."""
        self._api_state.events.append("setup", self._event)

    def _event(self, number: int) -> SetupEvent:
        saved = self._session.saved
        return SetupEvent(
            number=number,
            revision=saved.revision if saved else 0,
            person=saved.person.name if saved else "",
            step=saved.flow.step if saved else "",
            page=self._session.place[1].name if saved else "",
            ended=saved is None,
        )

    async def _state(self, request: web.Request) -> Setup:
        self._demand_one()
        try:
            return await self._account.state(await actor_of(request), in_full=request.app[MAY_CHANGE])
        except LookupError:
            raise not_found("set-up under way", f"POST {PATH} starts one.") from None
        except Failure as failure:
            raise refused(failure) from failure


def _written(settings: SiteSettings | None) -> Written:
    if settings is None or settings.engine.dry_run:
        return "nobody"
    return "pilots" if settings.engine.pilots else "everybody"


def refused(failure: Failure) -> ApiError:
    """Return the error for a request that a failure ends: a conflict if somebody or something else is there."""
    is_conflict = isinstance(failure, SetupInUse | SetupUnderWay | SetupContinuedElsewhere)
    return problem_from(failure, 409) if is_conflict else named(failure)


def unknown_answers(fields: tuple[FieldProblem, ...]) -> ApiError:
    """Return the error for answers or pages that do not exist."""
    return ApiError(
        ProblemDetails(
            type="unknown-answers",
            title="The set-up has no such answer or page",
            status=422,
            hint="GET /v1/settings lists every key, GET /v1/setup every page. Nothing was stored.",
            fields=fields,
        )
    )
