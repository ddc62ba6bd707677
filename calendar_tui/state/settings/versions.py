"""The versions of the settings there were: who changed what, when, and what is in force."""

from datetime import tzinfo

from calendar_tui.state.lines import Document, Line, Role, Span, cut, line
from calendar_tui.state.settings.review import differences
from engine.api.schema.settings import SettingsVersion, SettingsVersions


def versions_document(versions: SettingsVersions, current: int | None, width: int, zone: tzinfo) -> Document:
    """Return the versions, the newest first; the key of a line is the id of its version."""
    lines: list[Line] = []
    for version in versions.versions:
        lines.append(_version(version, version.id == current, width, zone))
        lines += [Line((Span("     "), *each.spans)) for each in differences(version.changes, width - 5)]
    return Document(lines or [line(Span(" Nothing was changed yet.", Role.MUTED))])


def _version(version: SettingsVersion, is_current: bool, width: int, zone: tzinfo) -> Line:
    actor = version.actor
    who = "by hand or by the engine" if actor is None else f"by {actor.user or f'uid {actor.uid}'}"
    state = Span("✓ in force  ", Role.GOOD) if is_current else Span("            ")
    when = f"{version.at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    what = f"version {version.id}  {when}  {version.action} "
    return line(" ", state, what, Span(cut(who, width - len(what) - 14), Role.MUTED), key=str(version.id))
