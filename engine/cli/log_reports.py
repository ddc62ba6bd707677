"""Exchanges as lines for people; colours on a terminal alone, and nothing that could do something to a terminal."""

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
from engine.cli.palette import Palette

RED, YELLOW, CYAN, FAINT = "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[2m"
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_MARKUP = re.compile(r"(</?[\w.:-]+)|(\"[^\"<>]*\")|(/?>)")


class LogReports:
    """Writes reports with times of `zone`."""

    def __init__(self, palette: Palette, zone: ZoneInfo) -> None:
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
        return self._palette.painted(RED if row.error else "", legible(line.rstrip()))

    def exchange(self, this: LogExchange, request: bytes, response: bytes) -> Iterator[str]:
        """Yield all about one exchange."""
        yield self.row(this.row)
        yield legible(f"{this.method} {this.url}")
        yield f"client-request-id {legible(this.request_id)}, lane {legible(this.row.lane) or '-'}"
        if this.phases:
            yield ", ".join(f"{phase.name} {phase.ms:.1f} ms" for phase in this.phases)
        for each in this.diagnosis:
            yield ""
            yield from self._diagnosis(each)
        yield from self._half("Request", this.request_headers, this.request, request)
        yield from self._half("Answer", this.response_headers, this.response, response)

    def statistics(self, these: LogStatistics) -> Iterator[str]:
        """Yield figures as a table."""
        yield f"{these.count} exchanges, {these.errors} errors"
        if these.figures:
            yield f"{'count':>8} {'p50 ms':>9} {'p95 ms':>9}  operation            code"
        for each in these.figures:
            line = f"{each.count:>8} {each.p50:>9.1f} {each.p95:>9.1f}  {each.operation:<20} {each.code}"
            yield self._palette.painted(RED if each.errors else "", legible(line))

    def diagnosis(self, this: LogDiagnosis) -> Iterator[str]:
        """Yield what went wrong, each with what to do about it."""
        if not this.findings:
            yield "Nothing went wrong."
        for number, finding in enumerate(this.findings):
            if number:
                yield ""
            yield from self._diagnosis(finding.diagnosis)
            yield f"  {finding.count} times, last at {finding.last.astimezone(self._zone):%Y-%m-%d %H:%M:%S}"
            if finding.mailboxes:
                more = f" and {finding.users - len(finding.mailboxes)} more"
                rest = more if finding.users > len(finding.mailboxes) else ""
                yield legible(f"  Mailboxes {', '.join(finding.mailboxes)}{rest}")

    def capture(self, state: CaptureState) -> Iterator[str]:
        """Yield how capturing stands."""
        yield self.capture_line(state)
        yield f"{state.stored} exchanges are kept, {_size(state.bytes)} of {_size(state.max_bytes)}"
        if state.dropped:
            yield self._palette.painted(RED, legible(f"{state.dropped} were dropped: {state.trouble}"))

    def capture_line(self, state: CaptureState) -> str:
        """Return whether it captures, in a line."""
        if not state.on:
            return "The debug log is off."
        whose = f" for {', '.join(state.mailboxes)}" if state.mailboxes else ""
        until = f" until {state.until.astimezone(self._zone):%Y-%m-%d %H:%M:%S}" if state.until else ""
        return legible(f"The debug log is on{whose}{until}.")

    def nothing(self, state: CaptureState) -> str:
        """Return why there is nothing to show."""
        if state.stored:
            return f"None of {state.stored} exchanges fits."
        return f"Nothing was captured yet. {self.capture_line(state)}"

    def waiting(self, state: CaptureState) -> str:
        """Return what is waited for, and whether it can come."""
        if state.on:
            return "Waiting for exchanges; Ctrl+C ends the command."
        return "Nothing will come as long as the debug log is off: calendar-engine log on. Ctrl+C ends the command."

    def _diagnosis(self, this: Diagnosis) -> Iterator[str]:
        yield self._palette.painted(RED, legible(f"{this.code}: {this.meaning}"))
        lines = (("Cause", this.cause), ("Remedy", this.remedy), ("Type", this.command), ("Meanwhile", this.reaction))
        for name, text in lines:
            if text:
                yield legible(f"  {name:<9} {text}")

    def _half(self, name: str, headers: tuple[LogHeader, ...], told: LogBody, body: bytes) -> Iterator[str]:
        yield ""
        cut = f", the first {told.kept} are kept" if told.kept < told.size and told.kept else ""
        yield self._palette.painted(YELLOW, f"{name}: {told.size} bytes{cut}")
        for header in headers:
            yield self._palette.painted(FAINT, legible(f"{header.name}: {header.value}"))
        if body:
            yield ""
            for line in body.decode(errors="replace").rstrip("\n").split("\n"):
                yield self._markup(legible(line))

    def _markup(self, line: str) -> str:
        if not self._palette.colour:
            return line
        return _MARKUP.sub(lambda match: self._palette.painted(YELLOW if match[2] else CYAN, match[0]), line)


def legible(text: str) -> str:
    """Return a text in which nothing moves the cursor, changes colours or turns the direction: that is spelt out."""
    return _CONTROLS.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def _size(number: int) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number = round(number / 1000)
    return f"{number} GB"
