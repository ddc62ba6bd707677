"""Exchanges as lines for people, from data that was cleaned for them; colours on a terminal alone."""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from engine.api.schema.log import (
    CaptureState,
    Diagnosis,
    LogBody,
    LogDiagnosis,
    LogExchange,
    LogHeader,
    LogRow,
    LogStatistics,
)
from engine.cli.terminal import AnsiPalette
from engine.display import counted, visible_lines

RED, YELLOW, CYAN, FAINT = "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[2m"
TAB = 4
_MARKUP = re.compile(r"(</?[\w.:-]+)|(\"[^\"<>]*\")|(/?>)")


class LogReports:
    """Writes reports with times of `zone`."""

    def __init__(self, palette: AnsiPalette, zone: ZoneInfo) -> None:
        self._palette = palette
        self._zone = zone

    def row(self, row: LogRow) -> str:
        """Return an exchange as one line."""
        outcome = " ".join(filter(None, (str(row.status or ""), *row.codes[:2], row.failure)))
        who = f"{row.user} <{row.mailbox}>" if row.user and row.mailbox else row.user or row.mailbox
        attempt = f" (attempt {row.attempt})" if row.attempt > 1 else ""
        decision = f" -> {row.decision}" if row.decision else ""
        line = (
            f"{row.id:>8}  {row.at.astimezone(self._zone):%m-%d %H:%M:%S.%f}"[:-3]
            + f"  {row.operation:<20} {row.ms:>8.0f} ms {_size(row.sent):>7} {_size(row.received):>7}  "
            + f"{outcome:<12}{attempt}{decision}  {who}"
        )
        return self._palette.painted(RED if row.error else "", line.rstrip())

    def exchange(self, this: LogExchange, request: bytes, response: bytes) -> Iterator[str]:
        """Yield all about one exchange."""
        yield self.row(this.row)
        yield f"{this.method} {this.url}"
        yield f"client-request-id {this.request_id}, lane {this.row.lane or '-'}"
        if this.phases:
            yield ", ".join(f"{phase.name} {phase.ms:.1f} ms" for phase in this.phases)
        for each in this.diagnosis:
            yield ""
            yield from self._diagnosis(each)
        yield from self._half("Request", this.request_headers, this.request, request)
        yield from self._half("Answer", this.response_headers, this.response, response)

    def statistics(self, these: LogStatistics) -> Iterator[str]:
        """Yield figures as a table."""
        yield f"{counted(these.count, 'exchange')}, {counted(these.errors, 'error')}"
        if these.figures:
            yield f"{'count':>8} {'p50 ms':>9} {'p95 ms':>9}  operation            code"
        for each in these.figures:
            line = f"{each.count:>8} {each.p50:>9.1f} {each.p95:>9.1f}  {each.operation:<20} {each.code}"
            yield self._palette.painted(RED if each.errors else "", line)

    def diagnosis(self, this: LogDiagnosis) -> Iterator[str]:
        """Yield what went wrong, each with what to do about it."""
        if not this.findings:
            yield "Nothing went wrong."
        for number, finding in enumerate(this.findings):
            if number:
                yield ""
            yield from self._diagnosis(finding.diagnosis)
            last = f"{finding.last.astimezone(self._zone):%Y-%m-%d %H:%M:%S}"
            yield f"  Once, at {last}" if finding.count == 1 else f"  {finding.count} times, last at {last}"
            if finding.mailboxes:
                more = f" and {finding.users - len(finding.mailboxes)} more"
                rest = more if finding.users > len(finding.mailboxes) else ""
                yield f"  Mailboxes {', '.join(finding.mailboxes)}{rest}"

    def capture(self, state: CaptureState) -> Iterator[str]:
        """Yield how capturing stands."""
        yield self.capture_line(state)
        kept = f"{counted(state.stored, 'exchange')} {'is' if state.stored == 1 else 'are'} kept"
        yield f"{kept}, {_size(state.bytes)} of {_size(state.max_bytes)}"
        if state.dropped:
            dropped = f"{state.dropped} {'was' if state.dropped == 1 else 'were'} dropped"
            yield self._palette.painted(RED, f"{dropped}: {state.trouble}" if state.trouble else f"{dropped}.")

    def capture_line(self, state: CaptureState) -> str:
        """Return whether it captures, in a line."""
        if not state.on:
            return "The debug log is off."
        whose = f" for {', '.join(state.mailboxes)}" if state.mailboxes else ""
        until = f" until {state.until.astimezone(self._zone):%Y-%m-%d %H:%M:%S}" if state.until else ""
        return f"The debug log is on{whose}{until}."

    def nothing(self, state: CaptureState) -> str:
        """Return why there is nothing to show."""
        if state.stored:
            return (
                f"None of {state.stored} exchanges matches."
                if state.stored > 1
                else "The one exchange kept does not match."
            )
        return f"Nothing has been captured yet. {self.capture_line(state)}"

    def waiting(self, state: CaptureState) -> str:
        """Return what is waited for, and whether it can come."""
        if state.on:
            return "Waiting for exchanges; Ctrl+C ends the command."
        return "The debug log is off, so nothing will appear: calendar-engine log on. Ctrl+C ends the command."

    def _diagnosis(self, this: Diagnosis) -> Iterator[str]:
        yield self._palette.painted(RED, f"{this.code}: {this.meaning}")
        lines = (("Cause", this.cause), ("Remedy", this.remedy), ("Type", this.command), ("Meanwhile", this.reaction))
        for name, text in lines:
            if text:
                yield f"  {name:<9} {text}"

    def _half(self, name: str, headers: tuple[LogHeader, ...], told: LogBody, body: bytes) -> Iterator[str]:
        yield ""
        cut = f", kept as far as byte {told.kept}" if told.kept < told.size and told.kept else ""
        yield self._palette.painted(YELLOW, f"{name}: {counted(told.size, 'byte')}{cut}")
        for header in headers:
            yield self._palette.painted(FAINT, f"{header.name}: {header.value}")
        if body:
            yield ""
            for line in visible_lines(body.decode(errors="replace")).rstrip("\n").split("\n"):
                yield self._markup(line.expandtabs(TAB))

    def _markup(self, line: str) -> str:
        if not self._palette.colour:
            return line
        return _MARKUP.sub(lambda match: self._palette.painted(YELLOW if match[2] else CYAN, match[0]), line)


def _size(number: int) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number = round(number / 1000)
    return f"{number} GB"
