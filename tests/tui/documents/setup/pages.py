"""Pages of a set-up, as the engine describes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from calendar_tui.documents.form_page import FormState, Page
from engine.api.schema.checks import RungAccount
from engine.api.schema.common import Actor, Trouble
from engine.api.schema.operations import Operation
from engine.api.schema.settings import SettingProblem
from engine.api.schema.setup import SetupCheck, SetupField, SetupFix, SetupPage

NOW = datetime(2026, 12, 1, 10, 31, 20, tzinfo=UTC)
ADMIN = Actor(uid=1000, pid=7, user="admin")


def a_state(**changes: Any) -> FormState:
    return FormState(now=NOW, **changes)


def a_field(key: str, label: str, text: str = "", **changes: Any) -> SetupField:
    return SetupField(
        **{"key": key, "label": label, "help": f"Help for {label}.", "kind": "text", "text": text} | changes
    )


def a_problem(key: str, reason: str) -> SettingProblem:
    return SettingProblem(key=key, line=None, reason=reason, remedy="")


def a_page(**changes: Any) -> SetupPage:
    return SetupPage(**{"step": "pbx", "name": "address", "title": "PBX", "kind": "fields"} | changes)


def a_rung(
    name: str, found: str = "", *, ms: float = 4, outcome: str = "ok", field: str = "", remedy: str = ""
) -> RungAccount:
    failed = outcome == "failed"
    trouble = Trouble(type="t", title="Trouble", detail=found, remedy=remedy, fault="settings", scope="service")
    return RungAccount(
        name=name,
        outcome="failed" if failed else "ok",
        evidence=() if failed else (found,),
        milliseconds=ms,
        trouble=trouble if failed else None,
        remedy=remedy,
        skipped_because="",
        field=field,
    )


def a_check(
    names: tuple[str, ...], *rungs: RungAccount, running: str = "", fixes: tuple[SetupFix, ...] = (), **changes: Any
) -> SetupCheck:
    operation = Operation(
        id="o",
        kind="setup check",
        state="running" if running else "done",
        actor=ADMIN,
        begun=NOW - timedelta(seconds=3),
        ended=None,
        total=0,
        done=0,
        failed=0,
    )
    given: dict[str, Any] = {
        "operation": operation,
        "log_in": True,
        "names": names,
        "rungs": rungs,
        "running": running,
        "running_since": None,
        "at_most": 10,
        "passed": not running and all(rung.outcome != "failed" for rung in rungs),
        "holds": True,
        "wrong": next((rung.field for rung in rungs if rung.field), ""),
        "page": "",
        "fixes": fixes,
    }
    return SetupCheck(**given | changes)


def shown(page: Page) -> str:
    return "\n".join(each.text.rstrip() for each in page.lines).rstrip() + "\n"
