"""What the dialogue of the set-up prints of a page."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence

from engine.api.schema.settings import Value
from engine.api.schema.setup import Setup, SetupCertificate, SetupField, SetupFix, SetupOption, SetupPage
from engine.api.schema.setup_users import SetupUsers
from engine.cli.output import say
from engine.display import visible

MARKS = {"done": "✓", "failed": "✗", "changed": "·", "open": "·"}


def heading(state: Setup) -> str:
    """Return the line above a page: where it is among the steps."""
    here = next(each for each in state.steps if each.name == state.page.step)
    return f"{here.number} of {len(state.steps)}  {here.title}: {state.page.title}"


def task_lines(page: SetupPage) -> Iterator[str]:
    """Yield what to do over there, and the texts to copy."""
    yield from page.intro
    if page.certificate is not None:
        yield from certificate_lines(page.certificate)
    yield from page.remarks
    if page.task is None:
        return
    for line in page.task.lines:
        number = f"{line.number} " if line.number else "  "
        mark = {True: "[x] ", False: "[ ] ", None: ""}[line.tick]
        value = " (as typed here)" if line.secret else f" {line.value}" if line.value else ""
        yield f"{number}{mark}{line.text}{value}"
    for text in page.task.texts:
        if text.name not in ("colleague", "script"):
            yield f"{text.label}:"
            yield from text.text.splitlines()


def certificate_lines(shown: SetupCertificate) -> Iterator[str]:
    """Yield what to compare of a certificate that is not trusted yet."""
    yield f"Issued to {shown.issued_to}, by {shown.issued_by}; for {', '.join(shown.names) or 'no name'}"
    yield f"Valid from {shown.begins:%Y-%m-%d} until {shown.ends:%Y-%m-%d}"
    if shown.trusted_before:
        yield f"SHA-256 before {shown.trusted_before}"
    yield f"SHA-256 {shown.fingerprint}"


def field_lines(page: SetupPage) -> Iterator[str]:
    """Yield the fields with their numbers and values, and what is wrong with each."""
    for number, field in enumerate(page.fields, start=1):
        is_unused = not field.text and field.problem is None
        if is_unused and (field.is_advanced or page.kind == "users"):
            continue
        yield f"{number:2} {field.label} ({field.key}): {_shown(field)}"
        if field.problem is not None:
            yield f"   ✗ {field.problem.reason}. {field.problem.remedy}"


def fix_lines(fixes: Sequence[SetupFix]) -> Iterator[str]:
    """Yield the fixes with their keys."""
    yield from (f"f{number}  {fix.label}" for number, fix in enumerate(fixes, start=1))


def missing_lines(page: SetupPage) -> tuple[str, ...]:
    """Return the labels of the fields that need an answer."""
    return tuple(field.label for field in page.fields if field.is_needed)


def option_lines(options: Sequence[SetupOption]) -> Iterator[str]:
    """Yield options with their numbers."""
    for number, option in enumerate(options, start=1):
        remark = f" ({option.remark})" if option.remark not in ("", option.value) else ""
        value = f" [{option.value}]" if option.value != option.label else ""
        yield f"{number} {option.label}{value}{remark}"
        yield from (f"    {each}" for each in option.lines)


def users_lines(users: SetupUsers) -> Iterator[str]:
    """Yield what the choice of users means."""
    yield f"{users.taken} of {users.total} users take part"
    if users.sample_left_out:
        yield f"Left out: {', '.join(users.sample_left_out)}"
    yield from (f"✗ {each}" for each in (users.refusal, users.doubt) if each)


def review_lines(state: Setup) -> Iterator[str]:
    """Yield what applying would change."""
    for change in state.changes:
        before = _text(change.before) or "not set"
        yield f"{change.key}: {before} -> {_text(change.after) or 'not set (the default applies)'}"
    for name in state.new_secrets:
        yield f"secret {name}: new"


def say_wrapped(text: str, indent: str = "") -> None:
    """Print a text, wrapped between words to the width of the terminal."""
    width = shutil.get_terminal_size().columns
    for line in textwrap.wrap(
        visible(text),
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    ):
        say(line)


def _shown(field: SetupField) -> str:
    if field.secret is not None:
        return f"stored ({field.secret.place})" if field.secret.is_known else "missing"
    return field.text or field.placeholder or "not set"


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
