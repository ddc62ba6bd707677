"""A probe as lines for people: a rung each, what was seen under it, and what to do where it broke."""

import textwrap
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from engine.api.schema.preview import Preview, PreviewRow
from engine.api.schema.probes import RungAccount
from engine.cli.columns import room
from engine.cli.palette import Palette
from engine.display import counted

INDENT = " " * 4


class Ladders:
    """Writes for a terminal of `width` columns; times are those of the notes."""

    def __init__(self, palette: Palette, width: int | None = None) -> None:
        self._palette = palette
        self._width = width or room()

    def rung(self, rung: RungAccount) -> Iterator[str]:
        """Yield the lines of one rung."""
        if rung.outcome == "skipped":
            yield from self._wrapped(f"- {rung.name:<22} skipped: {rung.skipped_because}", INDENT)
            return
        mark = self._palette.mark(good=rung.outcome == "ok")
        yield f"{mark} {rung.name:<22} {rung.outcome} ({rung.milliseconds:.0f} ms)"
        for line in rung.evidence:
            yield from self._wrapped(f"{INDENT}{line}", INDENT * 2)
        if rung.trouble is not None:
            detail = f": {rung.trouble.detail}" if rung.trouble.detail else ""
            yield from self._wrapped(f"{INDENT}{rung.trouble.title}{detail}", INDENT)
            yield from self._wrapped(f"{INDENT}{rung.remedy}", INDENT)

    def preview(self, preview: Preview) -> Iterator[str]:
        """Yield who would be affected, and when."""
        zone = ZoneInfo(preview.timezone)
        for row in preview.users:
            yield from self._row(row, zone)
        if preview.users:
            yield ""
        yield (
            f"{preview.affected} of {counted(preview.looked_at, 'user')} would show something else today, "
            f"{preview.affected_now} of them at once."
        )
        for remark in preview.remarks:
            yield from self._wrapped(remark, "")

    def _row(self, row: PreviewRow, zone: ZoneInfo) -> Iterator[str]:
        yield row.label
        for each in row.differences:
            start, end = each.at.astimezone(zone), each.until.astimezone(zone)
            before, after = self._palette.activity(each.before.activity), self._palette.activity(each.after.activity)
            yield f"{INDENT}{start:%H:%M}–{end:%H:%M} {before} {each.before.note}".rstrip()
            yield f"{INDENT}         -> {after} {each.after.note}".rstrip()
            yield from self._wrapped(f"{INDENT}            {each.why}", INDENT * 4)

    def _wrapped(self, text: str, indent: str) -> list[str]:
        """Nothing is broken that somebody may want to copy, as a fingerprint."""
        return textwrap.wrap(
            text, self._width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
