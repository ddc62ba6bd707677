"""The page of the presence test, which learns how this PBX treats presences."""

from collections.abc import Iterator
from datetime import tzinfo

from calendar_tui.documents.form_page import FormState, InputPlace, Page, fields, marked, paragraphs, text
from calendar_tui.documents.setup_check import finding
from engine.api.schema.checks import RungAccount
from engine.api.schema.learning import Learning
from engine.api.schema.settings import Value
from engine.api.schema.setup import SetupPage
from engine.documents.columns import columns
from engine.documents.lines import Line, Role, Span, fitted, line

USER = "setup.learn_user"
TAKE, LEAVE = "take", "leave"
"""The cells for taking what the test proposes, and for leaving the settings as they are."""

WITHOUT = "Enter starts the test, or goes on without it while the field is empty."

_NAME = 20
"""Columns of the names of steps."""


def learn_page(page: SetupPage, learning: Learning | None, state: FormState) -> Page:
    """Return whom it is tried with, the steps of the test, and what it proposes."""
    user = [each for each in page.fields if each.key == USER]
    body = paragraphs(page.intro, state.width) + text(line()) + fields(user, state) + text(line())
    if learning is None:
        return body + paragraphs((WITHOUT,), state.width, Role.MUTED)
    body += text(*_steps(learning, state))
    if learning.operation.state == "running":
        return body
    return body + text(line()) + _proposal(learning, state)


def _steps(learning: Learning, state: FormState) -> Iterator[Line]:
    done = {each.name: each for each in learning.rungs}
    at_work = learning.operation.state == "running"
    for name in learning.names:
        if name in done:
            yield from _step(done[name], learning, state.zone, state.width)
        elif at_work:
            yield line(Span(f"… {name}", Role.MUTED))
            at_work = False
        else:
            yield line(Span(f"· {name}", Role.MUTED))


def _step(rung: RungAccount, learning: Learning, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield a step with its finding; the last one with its time."""
    mark = {"ok": "✓", "failed": "✗", "skipped": "·"}[rung.outcome]
    role = {"ok": Role.GOOD, "failed": Role.PROBLEM, "skipped": Role.MUTED}[rung.outcome]
    found = finding(rung)
    if rung.name == learning.names[-1] and learning.put_back is not None:
        found = f"{learning.put_back.astimezone(zone):%H:%M:%S}"
    yield line(Span(f"{mark} ", role), fitted(rung.name, _NAME), fitted(found, width - 2 - _NAME))
    if rung.outcome == "failed" and rung.remedy:
        yield from marked("→", rung.remedy, width)


def _proposal(learning: Learning, state: FormState) -> Page:
    """Return the settings that suit this PBX, and the choice of taking them."""
    page = Page()
    if learning.remains is not None:
        page += text(*marked("✗", f"{learning.remains.title}. {learning.remains.remedy}", state.width))
    if not learning.proposed:
        return page + text(line(Span("No setting is proposed: those of now suit it. Enter goes on.", Role.MUTED)))
    settings = " · ".join(f"{key} {value}" for key, value in learning.proposed.items())
    page += text(line(Span("Proposed  ", Role.MUTED), Span(settings, Role.TITLE)))
    return page + _choice("Take both" if len(learning.proposed) == 2 else "Take it", state.cursor)


def _choice(takes: str, cursor: str) -> Page:
    spans: list[Span] = []
    places: list[InputPlace] = []
    for name, label in ((TAKE, takes), (LEAVE, "Take none")):
        column = sum(columns(each.text) for each in spans)
        places.append(InputPlace(name, 0, column, columns(label) + 2, typed=False))
        spans += [Span("▸ ", Role.KEY) if name == cursor else Span("  "), Span(fitted(label, 13))]
    return Page((line(*spans),), tuple(places))


def typed(value: Value) -> str:
    """Return a proposed value as it is typed into a field."""
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value)
