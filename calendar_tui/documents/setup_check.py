"""A check of the set-up: its steps as they come, what went well in one row, and what to do about the rest."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, tzinfo

from calendar_tui.documents.form_page import Page, marked, text
from engine.api.schema.checks import RungAccount
from engine.api.schema.setup import SetupCheck, SetupLogIns, SetupPage
from engine.documents.columns import columns
from engine.documents.lines import Line, Role, Span, beside, cut, fitted, line
from engine.documents.quantities import clock, duration

NAMES = 13
"""Columns of the names of steps, at least."""

RIGHT = 3
"""Columns that are left free at the right of the panel."""


def running(page: SetupPage) -> SetupCheck | None:
    """Return the check with log-ins that is running, None if there is none."""
    check = page.check
    return check if check is not None and check.operation.state == "running" else None


def failed(page: SetupPage) -> SetupCheck | None:
    """Return the check that has failed with the answers as they are, None if there is none."""
    check = page.check
    return check if check is not None and check.holds and not check.passed and running(page) is None else None


def running_check(check: SetupCheck, width: int) -> Page:
    """Return a check at work: the steps done, the one at work, and those to come."""
    lines: list[Line] = []
    names = names_of(check.names)
    done = {rung.name: rung for rung in check.rungs}
    for name in check.names:
        if name in done:
            lines.append(rung_line(done[name], names, width))
        elif name == check.running:
            waits = f"at work, at most {check.at_most:.0f} s"
            lines.append(line(Span("… ", Role.MUTED), fitted(_title(name), names), Span(waits, Role.MUTED)))
        else:
            lines.append(line(Span(f"· {_title(name)}", Role.MUTED)))
    lines.append(line(Span("Esc", Role.KEY), Span(" stops the check. It changes nothing over there.", Role.MUTED)))
    return text(*lines)


def names_of(names: Iterable[str]) -> int:
    """Return the columns for names of steps."""
    return max(NAMES, *(columns(name) + 1 for name in names), 0)


def rung_line(rung: RungAccount, names: int, width: int) -> Line:
    """Return one step with its finding and its time."""
    mark = {"ok": "✓", "failed": "✗", "skipped": "·"}[rung.outcome]
    role = {"ok": Role.GOOD, "failed": Role.PROBLEM, "skipped": Role.MUTED}[rung.outcome]
    took = duration(rung.milliseconds) if rung.outcome != "skipped" else ""
    room = width - RIGHT - 2 - names - columns(took) - 1
    return line(
        Span(f"{mark} ", role),
        fitted(_title(rung.name), names),
        fitted(finding(rung), room),
        Span(f" {took}", Role.MUTED),
    )


def finding(rung: RungAccount) -> str:
    """Return what a step found, in one sentence."""
    if rung.outcome == "skipped":
        return rung.skipped_because
    if rung.trouble is not None:
        return rung.trouble.detail or rung.trouble.title
    return "; ".join(rung.evidence) or "ok"


def ended_check(
    check: SetupCheck, shown: Collection[str], log_ins: SetupLogIns | None, now: datetime, zone: tzinfo, width: int
) -> Page:
    """Return a check that has failed: what went well in one row, each failure, and its remedy unless it belongs to a
    field. Of a failure in one of the fields `shown` only the title is given: the field itself says the rest."""
    lines = [*went_well(check.rungs, width)]
    for rung in check.rungs:
        lines += failure(rung, width, in_full=rung.field not in shown) if rung.outcome == "failed" else ()
    if log_ins is not None:
        lines += breaker(log_ins, now, zone, width)
    return text(*lines, line())


def went_well(rungs: Sequence[RungAccount], width: int) -> Iterator[Line]:
    """Yield the steps that went well as one row."""
    well = [rung for rung in rungs if rung.outcome == "ok"]
    if well:
        names = _title(well[0].name) + "".join(f", {_short(rung.name)}" for rung in well[1:])
        took = duration(sum(rung.milliseconds for rung in well))
        room = width - RIGHT - 2 - columns(took) - 1
        yield line(Span("✓ ", Role.GOOD), fitted(names, room), Span(f" {took}", Role.MUTED))


def failure(rung: RungAccount, width: int, *, in_full: bool) -> Iterator[Line]:
    """Yield a step that failed, and its remedy unless it belongs to a field; with all that was found if `in_full`."""
    names = names_of((rung.name,))
    said = finding(rung) if in_full or rung.trouble is None else rung.trouble.title
    begin = Span(f"✗ {fitted(_title(rung.name), names)}", Role.PROBLEM)
    yield from beside((begin,), said, width, most=2 if rung.field else None)
    if not rung.field and rung.remedy:
        yield from marked("→", rung.remedy, width)


def cheap_findings(page: SetupPage, width: int) -> Iterator[Line]:
    """Yield what a check without a log-in found, a line each, but for what stands at its field."""
    reach = page.reach
    at_fields = {each.key for each in page.fields if each.problem is not None and not each.is_advanced}
    leads_on = reach.page if reach is not None else ""
    for rung in reach.rungs if reach is not None else ():
        if rung.outcome == "ok" and rung.name != FILES:
            yield from (line(Span("✓ ", Role.GOOD), cut(each, width - 2)) for each in rung.evidence[:1] or (rung.name,))
        elif rung.outcome == "failed" and rung.field not in at_fields:
            title = rung.trouble.title if rung.trouble is not None else rung.name
            said = f"{title}. The next page shows it." if leads_on else finding(rung)
            yield from marked("✗", said, width, most=3)
            leads_on = ""  # it is the first failure that another page is for


FILES = "files"
"""The step that reads the files named in the settings: that they can be read goes without saying."""


def breaker(log_ins: SetupLogIns, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield how often the log-in may still be tried, or the way out of a pause."""
    if log_ins.paused_until is not None:
        until = clock(log_ins.paused_until, zone, now)
        yield from marked("✗", f"No log-in until {until}, so as not to lock {log_ins.account}.", width)
        yield from marked(" ", "Another password is tried at once. ^R twice tries this one again now.", width)
    elif log_ins.used:
        most = log_ins.used + log_ins.left
        pause = f"{round(log_ins.then_pause / 60)} min"
        told = f"log-in {log_ins.used} of {most}. After {most} I wait {pause}, so as not to lock the account."
        again = " ^R uses the next one." if log_ins.left else ""
        yield from marked("✗", told + again, width)


def _title(name: str) -> str:
    return name[:1].upper() + name[1:]


def _short(name: str) -> str:
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]
