"""A page of the set-up, put together of its parts."""

from collections.abc import Iterator, Sequence

from calendar_tui.documents.form_page import FormState, Page, fields, is_wrong, marked, paragraphs, radio, text
from calendar_tui.documents.setup_check import cheap_findings, ended_check, failed, running, running_check, went_well
from calendar_tui.documents.setup_task import task_lines, watching, ways_to_take
from engine.api.schema.checks import RungAccount
from engine.api.schema.setup import SetupCheck, SetupField, SetupFix, SetupPage
from engine.documents.lines import Line, Role, Span, cut, fitted, heading, line, wrapped
from engine.documents.setup_fixes import fixes_offered

_OPTION = 42
"""Columns of an option before its remark."""


OWN_CHECKS = ("users", "access", "presence", "learn", "preview")
"""The kinds of pages that show themselves how far their check has come."""


def setup_page(page: SetupPage, body: Page, state: FormState, machine: Sequence[RungAccount] = ()) -> Page:
    """Return the rows below the title: the body of a page, and in the last rows the help of the field with the cursor.

    While a check runs, and after it has failed, this is what the body is about. Above it stands what is wrong with the
    `machine`, if anything.
    """
    if page.watch is None and page.kind not in OWN_CHECKS and (check := running(page)) is not None:
        body = running_check(check, state.width)
    elif page.kind == "fields" and not state.with_advanced and (ended := failed(page)) is not None:
        body = _after_failure(page, ended, state)
    shown = text(line(), *_machine_problems(machine, state.width)) + body
    below = _help(page, state)
    room = state.height - len(below)
    if len(shown.lines) > room:
        shown = shown.without_blanks()
    if len(shown.lines) > room:  # help goes first
        return shown
    return shown + text(*[line()] * (room - len(shown.lines)), *below)


def _machine_problems(machine: Sequence[RungAccount], width: int) -> Iterator[Line]:
    """Yield where the engine may not write, each with its remedy."""
    for rung in machine:
        if rung.trouble is not None:
            yield from marked("✗", f"{rung.trouble.title}: {rung.trouble.detail}. Nothing can be saved there.", width)
            yield from marked("→", rung.remedy, width)
            yield line()


def _after_failure(page: SetupPage, check: SetupCheck, state: FormState) -> Page:
    here = not is_mended_elsewhere(page)
    wrong = [each for each in page.fields if here and (is_wrong(each) or each.key == check.wrong)]
    shown = wrong or [each for each in page.fields if not each.is_advanced and not state.following]
    keys = {each.key for each in shown}
    ended = ended_check(check, keys, page.log_ins, state.now, state.zone, state.width)
    following = "" if is_mended_here(page) else state.following
    leads_on = line(Span("Enter", Role.KEY), " ", cut(following, state.width - 6)) if following else line()
    return ended + fields(shown, state) + text(*_fix_keys(page, state.width), leads_on)


def fixes_of(page: SetupPage) -> Sequence[SetupFix]:
    """Return what the key for fixes can mend on a page, the best first: a certificate is trusted on a line of its page,
    and what another page is for is mended there."""
    if page.kind == "certificate":
        return ()
    if is_mended_elsewhere(page):
        return [fix for field in page.fields if not field.is_advanced for fix in field.fixes]
    return fixes_offered(page)


def is_mended_elsewhere(page: SetupPage) -> bool:
    """Return whether another page is there for what a check found, such as a certificate to be compared."""
    plain = {each.key for each in page.fields if not each.is_advanced}
    found = [each for each in (page.check, page.reach) if each is not None and each.holds]
    return any(each.page and each.wrong not in plain for each in found)


def is_mended_here(page: SetupPage) -> bool:
    """Return whether what a check found is wrong in a field of this page alone: nothing over there mends it."""
    check, plain = failed(page), {each.key for each in page.fields if not each.is_advanced}
    return check is not None and check.wrong in plain and check.wrong not in _MENDED_THERE


def _fix_keys(page: SetupPage, width: int) -> Iterator[Line]:
    fixes = fixes_of(page)
    if fixes:
        label = cut(fixes[0].label, width - 20)
        yield line(Span("^F ", Role.KEY), fitted(f"{label}  ", 27, whole=True), Span("^R", Role.KEY), " check again")
    else:
        yield line(Span("^R", Role.KEY), " check again")


def is_passed(page: SetupPage) -> bool:
    """Return whether the check has passed with the answers as they are."""
    return page.check is not None and page.check.passed and page.check.holds


def is_missing(page: SetupPage) -> bool:
    """Return whether an answer is missing without which nothing can be checked."""
    return any(each.is_needed for each in page.fields)


def fields_body(page: SetupPage, state: FormState) -> Page:
    """Return a form: its fields, and what was found about them without a log-in."""
    found = [line(), *cheap_findings(page, state.width)] if page.reach is not None else []
    if page.check is not None and is_passed(page):
        found = [line(), *went_well(page.check.rungs, state.width)]
    shown = fields(shown_fields(page, state), state)
    shown += text(*_fix_keys(page, state.width)) if fixes_of(page) else Page()
    return paragraphs(page.intro, state.width) + shown + text(*found) + _remarks(page, state)


def shown_fields(page: SetupPage, state: FormState) -> list[SetupField]:
    """Return the fields of a page that are shown now."""
    here = not is_mended_elsewhere(page)
    return [each for each in page.fields if state.with_advanced or not each.is_advanced or (here and is_wrong(each))]


def _remarks(page: SetupPage, state: FormState) -> Page:
    if not page.remarks:
        return Page()
    return text(line()) + paragraphs(page.remarks, state.width)


def choice_body(page: SetupPage, state: FormState) -> Page:
    """Return the options of a choice, each on a line of its own with what it means below it."""
    body = paragraphs(page.intro, state.width)
    for number, each in enumerate(page.fields):
        if number:
            body += text(line(), heading(each.label))
        body += text(*_options(each, state))
    return body + _remarks(page, state)


def _options(each: SetupField, state: FormState) -> Iterator[Line]:
    chosen = chosen_option(each, state)
    for option in each.options:
        label = fitted(option.label, _OPTION) if option.remark else option.label
        remark = Span(option.remark, Role.MUTED)
        yield line(f"  {radio(option.value == chosen)} ", label, remark, key=f"{each.key}={option.value}")
        for below in option.lines:
            yield line(Span(cut("        " + below, state.width), Role.MUTED))


def chosen_option(each: SetupField, state: FormState) -> str:
    """Return the value that is chosen, or what holds without a choice."""
    return state.text(each) or each.suggestion or each.placeholder


MADE_HERE, MAKES_ONE = "pbx.password", ". Enter makes one."
"""The secret that is made where it is needed if nobody types one, and how that is said."""

_LAST = 2
"""Lines at the end of a task that are shown also where there is no room for the whole."""

TASK = "task"
"""The key of the line with which a task begins."""


def task_body(page: SetupPage, state: FormState) -> Page:
    """Return what to do over there, the fields to fill in from it, and what the engine sees meanwhile."""
    rest = text(line()) + fields(shown_fields(page, state), state) if page.fields else Page()
    if page.task is not None:
        rest += text(line(), ways_to_take(page.task, is_at_field=state.cursor in {each.key for each in page.fields}))
    rest += _remarks(page, state)
    if page.watch is not None:
        is_at_field = any(is_wrong(each) for each in page.fields)
        rest += text(line()) + watching(page.watch, state.now, state.zone, state.width, is_at_field=is_at_field)
        rest += text(*_in_another_field(page, state.width))
    return paragraphs(page.intro, state.width) + _task(page, rest, state) + rest


def _task(page: SetupPage, rest: Page, state: FormState) -> Page:
    """Return what to do over there, as much of it as there is room for beside the rest of the page."""
    if page.task is None:
        return Page()
    first, *others = task_lines(page.task, state.own_password, state.width).lines or (line(),)
    room = state.height - len(page.intro) - len(rest.without_blanks().lines) - len(_help(page, state))
    more = len(others) + 1 - room
    if more > 0:
        cut_from = max(len(others) - _LAST - more - 1, 0)
        cut_to = max(len(others) - _LAST, cut_from)
        told = line("  ", Span(f"… {cut_to - cut_from} more lines; t copies everything as text", Role.MUTED))
        others[cut_from:cut_to] = [told]
    return text(first._replace(key=TASK), *others)


def _in_another_field(page: SetupPage, width: int) -> Iterator[Line]:
    """Yield what to do about a wrong answer that is typed on another page: nothing over there mends it."""
    check = failed(page)
    if check is None or not check.wrong or check.wrong in _MENDED_THERE:
        return
    if fixes_of(page):
        yield from _fix_keys(page, width)
    elif all(each.key != check.wrong for each in page.fields):
        yield line(Span("Esc", Role.KEY), " leads back to the fields.")


_MENDED_THERE = ("pbx.password", "exchange.client_secret")
"""The secrets that a task is about: they are entered, or made, over there."""


def _help(page: SetupPage, state: FormState) -> list[Line]:
    """Return the help of the field with the cursor, unless it is below it, and what ^O shows."""
    lines: list[Line] = []
    focused = next((each for each in page.fields if each.key == state.cursor), None)
    if focused is not None and not state.is_wide:
        made = MAKES_ONE if focused.key == MADE_HERE and focused.secret and not focused.secret.is_known else ""
        lines += wrapped(focused.help + made, state.width, "", Role.MUTED, most=2)
    hidden = [each.label for each in page.fields if each.is_advanced]
    if hidden and not state.with_advanced:
        named = f" more fields: {', '.join(hidden)}"
        lines.append(line(Span("^O", Role.KEY), Span(cut(named, state.width - 2), Role.MUTED)))
    return lines
