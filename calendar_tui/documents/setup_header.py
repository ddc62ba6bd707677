"""The first two rows of the set-up: where one is, what is kept, and who is at it."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from types import MappingProxyType

from calendar_tui.documents.form_page import Page, paragraphs, text
from calendar_tui.documents.setup_check import failed, running
from calendar_tui.documents.setup_page import OWN_CHECKS
from calendar_tui.documents.setup_rail import WIDTH
from calendar_tui.documents.sheet import Row
from engine.api.schema.setup import Setup, SetupApplied, SetupPage
from engine.display import counted
from engine.documents.columns import columns
from engine.documents.lines import Line, Role, Span, cut, line
from engine.documents.quantities import age, clock


def header(setup: Setup, width: int, now: datetime, zone: tzinfo, *, is_kept: bool) -> Line:
    """Return the first row: the step, when the last answer was kept, and whose it is."""
    step = next((each for each in setup.steps if each.name == setup.page.step), setup.steps[0])
    where = f" {setup.title}"
    if len(setup.steps) > 1:
        where += f" · step {step.number} of {len(setup.steps)} · {step.title}"
    kept = f"kept {clock(setup.person.last, zone, now)} {'✓' if is_kept else '…'}"
    right = f"{kept} · by {setup.person.name}"
    right = cut(right, width - columns(where) - 3)
    gap = " " * (width - 1 - columns(where) - columns(right))
    return line(Span(where, Role.TITLE), gap, Span(right, Role.MUTED))


def second_row(setup: Setup, now: datetime, *, with_advanced: bool) -> Row:
    """Return the second row: the title of the page, beside the rail, and how its check stands."""
    page = setup.page
    beside = Span(" " * (WIDTH - 1))
    if page.watch is None and page.kind not in OWN_CHECKS and (check := running(page)) is not None:
        seconds = max(0, round((now - check.operation.begun).total_seconds()))
        return Row((beside, Span(f"Checking {_side(page)}", Role.TITLE)), f"{seconds} s")
    if page.kind == "fields" and not with_advanced and (ended := failed(page)) is not None:
        count = sum(rung.outcome == "failed" for rung in ended.rungs)
        return Row((beside, Span(f"Checking {_side(page)}", Role.TITLE)), f"✗ {count} of {len(ended.names)}")
    return Row((beside, Span(page.title, Role.TITLE)))


def _side(page: SetupPage) -> str:
    return {"pbx": "the PBX", "exchange": "Exchange"}.get(page.step, page.title)


def other_person(setup: Setup, now: datetime, width: int) -> Page:
    """Return who else is at the set-up, and what can be done about it."""
    step = next((each.number for each in setup.steps if each.name == setup.page.step), 1)
    seconds = (now - setup.person.last).total_seconds()
    said = f"{setup.person.name} is at step {step}, last key {age(seconds)} ago."
    kept = "Nothing of what was typed is lost if you take over."
    keys = line(Span("Enter", Role.KEY), " watch  ", Span("T", Role.KEY), " take over")
    return paragraphs(("", said, kept, ""), width) + text(keys)


WRITTEN: Mapping[str, str] = MappingProxyType(
    {
        "nobody": "Dry run: nothing is written to the PBX.",
        "pilots": "Only the presences of the pilots are written.",
        "everybody": "Everybody's presences are written.",
    }
)


def applied_in_words(applied: SetupApplied) -> str:
    """Return what was applied, and whose presences are written from now on."""
    changed = counted(len(applied.changes), "setting")
    secrets = f" and {counted(len(applied.new_secrets), 'secret')}" if applied.new_secrets else ""
    return f"✓ In force: {changed}{secrets}. {WRITTEN[applied.written]}"
