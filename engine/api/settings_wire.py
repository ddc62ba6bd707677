"""From the settings as the service knows them to the API's words."""

from collections.abc import Iterable

from engine.api.schema import Actor, FieldProblem
from engine.api.schema.settings import (
    Setting,
    SettingChange,
    SettingProblem,
    Settings,
    SettingsChanged,
    SettingsCheck,
    SettingsVersion,
)
from engine.api.wire import trouble
from engine.core.settings import catalogue
from engine.core.settings.effects import RESTARTS
from engine.core.settings.problems import SettingsInvalid
from engine.service.plan import Plan
from engine.service.service import Service
from engine.store.settings_history import Version


def settings(service: Service, forms: Iterable[catalogue.Setting]) -> Settings:
    """Return every setting as the file has it; `forms` were made of its text."""
    failure = service.file_trouble
    return Settings(
        file=str(service.file.path),
        etag=service.tag,
        trouble=trouble(failure) if failure else None,
        problems=problems(failure) if isinstance(failure, SettingsInvalid) else (),
        settings=tuple(map(setting, forms)),
        version=version(service.versions[0]) if service.versions else None,
        offered=service.offered.id if service.offered else None,
    )


def setting(form: catalogue.Setting) -> Setting:
    """Return one key."""
    return Setting(
        key=form.key,
        help=form.help,
        kind=form.kind,
        many=form.many,
        words=form.words,
        low=form.low,
        high=form.high,
        default=form.default,
        value=form.value,
        origin=form.origin,
        effect=form.effect,
        restarts=form.effect in RESTARTS,
        available=form.is_available,
    )


def problems(failure: SettingsInvalid) -> tuple[SettingProblem, ...]:
    """Return what is wrong, key by key."""
    return tuple(
        SettingProblem(key=each.key, line=each.line, reason=each.reason, remedy=each.remedy)
        for each in failure.problems
    )


def fields(failure: SettingsInvalid) -> tuple[FieldProblem, ...]:
    """Return what is wrong as parts of a request that changes settings; keys need no escaping (RFC 6901)."""
    return tuple(
        FieldProblem(pointer=f"/changes/{each.key}", detail=f"{each.key} {each.reason}. {each.remedy}")
        for each in failure.problems
    )


def version(each: Version) -> SettingsVersion:
    """Return one version, without its text."""
    author = each.author
    return SettingsVersion(
        id=each.id,
        at=each.at,
        actor=Actor(uid=author.uid, pid=author.pid, user=author.user) if author else None,
        action=each.action,
        changes=_changes(each.differences),
        confirm_until=each.confirm_until,
    )


def check(service: Service, plan: Plan) -> SettingsCheck:
    """Return what a change would do."""
    return SettingsCheck(
        valid=True,
        trouble=trouble(plan.trouble) if plan.trouble else None,
        changes=_changes(plan.differences),
        live=plan.live,
        restarted=restarted(service, plan),
        at_next_start=plan.at_next_start,
    )


def changed(service: Service, plan: Plan) -> SettingsChanged:
    """Return what was done."""
    return SettingsChanged(
        etag=service.tag,
        version=version(service.versions[0]) if service.versions else None,
        changes=_changes(plan.differences),
        live=plan.live,
        restarted=restarted(service, plan),
        at_next_start=plan.at_next_start,
        trouble=trouble(plan.trouble) if plan.trouble else None,
    )


def restarted(service: Service, plan: Plan) -> tuple[str, ...]:
    """Return what begins anew; where no engine runs, nothing does."""
    return plan.restarted if service.seat.engine is not None else ()


def _changes(differences: tuple[catalogue.Difference, ...]) -> tuple[SettingChange, ...]:
    return tuple(SettingChange(key=each.key, before=each.before, after=each.after) for each in differences)
