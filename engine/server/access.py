"""Whose calendars can be read, as the local API gives it."""

from engine.api.schema.access import AccessPageQuestion, AccessUser, AccessUsers
from engine.api.schema.setup_users import SetupAccess, SetupAccessCause, SetupAccessUser
from engine.checks.commands import commands
from engine.checks.everybody import Cause, EverybodyCheck, UserAccess
from engine.checks.mailboxes import USERS_NAMED
from engine.settings.model import ExchangeSettings


def by_cause(check: EverybodyCheck, settings: ExchangeSettings, group: str = "") -> SetupAccess:
    """Return whose calendars can be read, as far as the check has come; `group` has the mailboxes, if it is known."""
    return SetupAccess(
        total=len(check.users),
        tried=len(check.results),
        readable=sum(each.failure is None for each in check.results.values()),
        causes=tuple(_cause(each, settings, group) for each in check.causes),
        zones=dict(check.zones),
    )


def _cause(cause: Cause, settings: ExchangeSettings, group: str) -> SetupAccessCause:
    failure, those = cause.failure, cause.those
    return SetupAccessCause(
        type=failure.slug,
        title=failure.meaning,
        stage=cause.stage.value,
        remedy=failure.remedy,
        commands=commands(failure, [each.likely_address for each in those], settings, group),
        count=len(those),
        users=tuple(
            SetupAccessUser(
                guid=each.user.guid,
                label=each.user.label,
                address=each.address,
                looked_for=each.looked_for,
                detail=each.failure.detail if each.failure is not None else "",
            )
            for each in those[:USERS_NAMED]
        ),
    )


def tried(check: EverybodyCheck | None, question: AccessPageQuestion) -> AccessUsers:
    """Return a page of the users that were tried so far, by name."""
    found = sorted(check.results.values(), key=lambda each: each.user.label.casefold()) if check is not None else []
    first = (question.page - 1) * question.per_page
    return AccessUsers(
        total=len(found),
        page=question.page,
        per_page=question.per_page,
        users=tuple(map(_user, found[first : first + question.per_page])),
    )


def _user(access: UserAccess) -> AccessUser:
    failure = access.failure
    return AccessUser(
        guid=access.user.guid,
        name=access.user.name,
        label=access.user.label,
        address=access.address,
        stage=access.stage.value if access.stage is not None else None,
        problem=failure.meaning if failure is not None else "",
        detail=failure.detail if failure is not None else "",
        looked_for=access.looked_for,
        remedy=failure.remedy if failure is not None else "",
    )
