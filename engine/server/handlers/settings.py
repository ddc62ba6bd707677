"""Routes for reading, checking and changing the settings, and for their history."""

import asyncio

from aiohttp import web

from engine.api.schema import Actor, Problem
from engine.api.schema.settings import (
    ChangeQuestion,
    RollbackQuestion,
    Settings,
    SettingsChanged,
    SettingsCheck,
    SettingsQuestion,
    SettingsText,
    SettingsVersion,
    SettingsVersions,
)
from engine.core.errors import Failure
from engine.server import convert_settings as wire
from engine.server.acceptor import actor_of
from engine.server.convert import trouble
from engine.server.http import ApiError, Route, answer, body_of, problem_from
from engine.server.state import ApiState, author_of
from engine.settings.forms import SettingForm as Form
from engine.settings.forms import setting_forms
from engine.settings.problems import SettingsInvalid
from engine.store.errors import DiskUnusable
from engine.store.settings_history import Version
from engine.supervisor.errors import (
    ChangeNotConfirmed,
    NothingToConfirm,
    NothingToGoBackTo,
    SettingsStale,
    SettingsUnwritable,
    VersionUnknown,
)
from engine.supervisor.plan import ApplyPlan
from engine.supervisor.settings_file import system_zone
from engine.supervisor.source import AuditedAs
from engine.supervisor.supervisor import Supervisor

_STATUSES: dict[type[Failure], int] = {
    SettingsStale: 412,
    ChangeNotConfirmed: 409,
    NothingToConfirm: 409,
    NothingToGoBackTo: 409,
    VersionUnknown: 404,
    SettingsUnwritable: 500,
    DiskUnusable: 507,
}


class SettingsRoutes:
    """Answers from `service`; changes are audited at `api_state`."""

    capabilities = ("settings",)

    def __init__(self, service: Supervisor, api_state: ApiState) -> None:
        self._service = service
        self._api_state = api_state

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        path = "/v1/settings"
        return (
            Route("GET", path, "settings", "Every setting, with its form and value", self._settings, Settings),
            Route(
                "PATCH",
                path,
                "change_settings",
                "Change settings",
                self._change,
                SettingsChanged,
                body=ChangeQuestion,
                changes=True,
                headers=("If-Match",),
            ),
            Route(
                "POST",
                f"{path}/check",
                "check_settings",
                "Check a change and its effects without making it",
                self._check,
                SettingsCheck,
                body=SettingsQuestion,
                changes=True,
            ),
            Route(
                "POST",
                f"{path}/rollback",
                "roll_back_settings",
                "Roll back to an earlier version",
                self._roll_back,
                SettingsChanged,
                body=RollbackQuestion,
                changes=True,
            ),
            Route(
                "POST",
                f"{path}/confirm",
                "confirm_settings",
                "Confirm the last change",
                self._confirm,
                SettingsVersion,
                changes=True,
            ),
            Route("GET", f"{path}/history", "settings_history", "The last versions", self._history, SettingsVersions),
            Route("GET", f"{path}/history/{{id}}", "settings_version", "One of them", self._version, SettingsText),
        )

    async def _settings(self, request: web.Request) -> web.Response:
        text: str | None = None
        forms: tuple[Form, ...] = ()
        while text != self._service.text:  # which may have changed by the time it is read
            text = self._service.text
            forms = await asyncio.to_thread(setting_forms, text, system_zone())
        return answer(wire.settings(self._service, forms), headers={"ETag": self._service.tag})

    async def _check(self, request: web.Request) -> web.Response:
        question = await body_of(request, SettingsQuestion)
        try:
            return answer(wire.check(self._service, await self._service.check(question.changes)))
        except SettingsInvalid as failure:
            return answer(SettingsCheck(valid=False, problems=wire.problems(failure)))
        except Failure as failure:
            return answer(SettingsCheck(valid=False, trouble=trouble(failure)))

    async def _change(self, request: web.Request) -> web.Response:
        question = await body_of(request, ChangeQuestion)
        tag = request.headers.get("If-Match", "")
        if not tag:
            raise ApiError(
                Problem(
                    type="etag-missing",
                    title="The request does not state which version of the settings it changes",
                    status=428,
                    hint="Send the ETag of GET /v1/settings in the header If-Match, or * to change any version.",
                )
            )
        actor = await actor_of(request)
        audited_as = AuditedAs("change_settings", ", ".join(question.changes))
        try:
            plan = await self._service.change(
                question.changes, tag, author_of(actor), question.confirm_within, audited_as
            )
        except Failure as failure:
            raise refused(failure) from failure
        return await self._changed(plan, actor, audited_as)

    async def _roll_back(self, request: web.Request) -> web.Response:
        question = await body_of(request, RollbackQuestion)
        actor, audited_as = await actor_of(request), AuditedAs("roll_back_settings")
        try:
            plan = await self._service.roll_back(question.version, author_of(actor), audited_as)
        except Failure as failure:
            raise refused(failure) from failure
        return await self._changed(plan, actor, audited_as)

    async def _confirm(self, request: web.Request) -> web.Response:
        actor = await actor_of(request)
        try:
            version = await self._service.confirm(author_of(actor), _confirmation)
        except Failure as failure:
            raise refused(failure) from failure
        audited_as = _confirmation(version)
        await self._api_state.audit_change(actor, audited_as.action, audited_as.subject, is_saved=self._service.audits)
        return answer(wire.version(version))

    async def _history(self, request: web.Request) -> web.Response:
        return answer(SettingsVersions(versions=tuple(map(wire.version, self._service.versions))))

    async def _version(self, request: web.Request) -> web.Response:
        for version in self._service.versions:
            if str(version.id) == request.match_info["id"]:
                return answer(SettingsText(id=version.id, text=version.text))
        raise refused(VersionUnknown("not among those kept"))

    async def _changed(self, plan: ApplyPlan, actor: Actor, audited_as: AuditedAs) -> web.Response:
        subject = audited_as.subject_of(plan)
        await self._api_state.audit_change(actor, audited_as.action, subject, is_saved=plan.is_audited)
        return answer(wire.changed(self._service, plan), headers={"ETag": self._service.tag})


def _confirmation(version: Version) -> AuditedAs:
    return AuditedAs("confirm_settings", f"version {version.id}")


def refused(failure: Failure) -> ApiError:
    """Return the error for a change of the settings that was not made."""
    fields = wire.fields(failure) if isinstance(failure, SettingsInvalid) else ()
    return problem_from(failure, _STATUSES.get(type(failure)), fields)
