"""Generate the pages of all settings and failures from the code: `make reference`."""

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import engine
from engine.core.errors import Failure, slug_of
from engine.documents.problems import FAULTS
from engine.documents.vendor import VENDOR_SETTINGS
from engine.settings.forms import SettingForm, setting_forms

HERE = Path(__file__).parent
NO_PRODUCT = "engine.simulator"


def settings_page() -> str:
    """Return the page of all settings, one table for each table of the settings file."""
    lines = [
        "# Settings",
        "",
        "Generated from the code by `make reference`. [calendar-engine.toml(5)](manual/calendar-engine.toml.5.md) says",
        "more of each; `/usr/share/doc/calendar-tui/examples/calendar-engine.toml` is a file to start from.",
        "*Affects* names what a changed value has an effect on: `PBX link` and `calendars` connect again for it, and",
        "`next start` waits for a restart.",
    ]
    table = ""
    for setting in setting_forms("", None):
        if (head := setting.key.partition(".")[0]) != table:
            table = head
            lines += _table(f"[{table}]", "Key", "What it is", "Values", "Default", "Affects")
        name = f"`{setting.key}`"
        lines += _row(name, setting.help, _values(setting), _default(setting), setting.effect.value)
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Return the page of all failures, by name."""
    lines = [
        "# Failures",
        "",
        "Generated from the code by `make reference`. The name stands in the log, in the API, and in what",
        "`calendar-engine status --json` prints.",
    ]
    for failure in sorted(_failures(), key=slug_of):
        lines += ["", f"## `{slug_of(failure)}`", "", f"**{_text(failure.meaning)}.** {_text(failure.remedy)}"]
        lines += ["", f"Affects {failure.scope.value}; to be solved in: {FAULTS[failure.fault]}."]
    return "\n".join(lines) + "\n"


def vendor_page() -> str:
    """Return the page of the vendor's settings, each with ours."""
    lines = [
        "# Settings of innovaphone's Calendar App",
        "",
        "Generated from the code by `make reference`; `calendar-engine config vendor` prints the same.",
        "[From innovaphone's Calendar App](moving.md) tells how to move, and [Settings](settings.md) has all settings.",
        "",
        *_row("There", "Here", "What differs"),
        "|---|---|---|",
    ]
    for each in VENDOR_SETTINGS:
        lines += _row(each.name, ", ".join(f"`{key}`" for key in each.keys), each.remark)
    return "\n".join(lines) + "\n"


PAGES = {"settings.md": settings_page, "errors.md": errors_page, "vendor-settings.md": vendor_page}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page())


def _failures() -> Iterator[type[Failure]]:
    """Yield every failure that says whose fault it is and what to do; the others are bases of them."""
    for module in _modules():
        for each in vars(module).values():
            is_here = isinstance(each, type) and issubclass(each, Failure) and each.__module__ == module.__name__
            if is_here and all(hasattr(each, name) for name in ("fault", "scope", "meaning", "remedy")):
                yield each


def _modules() -> Iterable[ModuleType]:
    for found in pkgutil.walk_packages(engine.__path__, "engine."):
        if not found.name.startswith(NO_PRODUCT) and not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _text(words: str) -> str:
    """Return plain text as Markdown."""
    return re.sub(r"([\\`*<\[])", r"\\\1", words)


def _values(setting: SettingForm) -> str:
    kind = " or ".join(f"`{word}`" for word in setting.words) or setting.kind
    if setting.low is not None and setting.high is not None:
        kind += f", {setting.low:g} to {setting.high:g}"
    return f"list: {kind}" if setting.many else kind


def _default(setting: SettingForm) -> str:
    match setting.default:
        case None:
            return ""
        case bool():
            return f"`{str(setting.default).lower()}`"
        case tuple():
            return f"`[{', '.join(setting.default)}]`"
        case _:
            return f"`{setting.default}`"


def _table(title: str, *heads: str) -> tuple[str, ...]:
    return ("", f"## {title}", "", *_row(*heads), "|---" * len(heads) + "|")


def _row(*cells: str) -> tuple[str]:
    return ("| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |",)


if __name__ == "__main__":
    main()
