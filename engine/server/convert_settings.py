"""Converts settings, versions and plans into the API schema."""

from collections.abc import Iterable

from engine.api.schema import FieldProblem
from engine.api.schema.settings import (
    Setting,
    SettingProblem,
    Settings,
    SettingsChanged,
    SettingsCheck,
    SettingsVersion,
)
from engine.server.convert import converted, trouble
from engine.settings import forms
from engine.settings.keys import RESTARTS
from engine.settings.problems import SettingsInvalid
from engine.store.settings_history import Version
from engine.supervisor.plan import ApplyPlan
from engine.supervisor.supervisor import Supervisor


def settings(service: Supervisor, forms: Iterable[forms.SettingForm]) -> Settings:
    """Return every setting of the file; `forms` were made from its text."""
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


def setting(form: forms.SettingForm) -> Setting:
    """Return one key."""
    return converted(form, Setting, restarts=form.effect in RESTARTS)


def problems(failure: SettingsInvalid) -> tuple[SettingProblem, ...]:
    """Return the problems, one per key."""
    return tuple(converted(each, SettingProblem) for each in failure.problems)


def fields(failure: SettingsInvalid) -> tuple[FieldProblem, ...]:
    """Return the problems as fields of a request that changes settings; keys need no escaping (RFC 6901)."""
    return tuple(
        FieldProblem(pointer=f"/changes/{each.key}", detail=f"{each.key} {each.reason}. {each.remedy}")
        for each in failure.problems
    )


def version(each: Version) -> SettingsVersion:
    """Return one version, without its text."""
    return converted(each, SettingsVersion, actor=each.author, changes=each.differences)


def check(service: Supervisor, plan: ApplyPlan) -> SettingsCheck:
    """Return the effects of a planned change."""
    return converted(
        plan,
        SettingsCheck,
        valid=True,
        problems=(),
        trouble=trouble(plan.trouble) if plan.trouble else None,
        changes=plan.differences,
        restarted=restarted(service, plan),
    )


def changed(service: Supervisor, plan: ApplyPlan) -> SettingsChanged:
    """Return the effects of a change that was made."""
    return converted(
        plan,
        SettingsChanged,
        etag=service.tag,
        version=version(service.versions[0]) if service.versions else None,
        changes=plan.differences,
        restarted=restarted(service, plan),
        trouble=trouble(plan.trouble) if plan.trouble else None,
    )


def restarted(service: Supervisor, plan: ApplyPlan) -> tuple[str, ...]:
    """Return the parts that restart; none if no engine runs."""
    return plan.restarted if service.current.engine is not None else ()
