"""Text output of status, users, explanations, events and checks."""

import textwrap
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.api.schema import (
    AppointmentAccount,
    AuditEvent,
    ChangeEvent,
    Concern,
    HeldChange,
    LinkState,
    OperationEvent,
    PastChange,
    Status,
    Subscription,
    Trouble,
    UserDetail,
    UserRow,
    UsersPage,
)
from engine.api.schema.checks import RungAccount
from engine.api.schema.preview import Preview, PreviewRow
from engine.cli.terminal import AnsiPalette, cut, fitted, room
from engine.display import counted

INDENT = " " * 4
NAME_WIDTH = 21
STATES = {"current": "", "pending": "(being written)", "withheld": "", "unread": "(not read yet)", "problem": ""}
AWAITED = {
    "first try": "not tried yet",
    "next try": "waiting for the next try",
    "call": "waiting for it to connect",
    "users": "waiting for the users of the PBX",
}


class StatusReports:
    """Writes reports for a terminal of `width` columns, with times in `zone`, as notes have them."""

    def __init__(self, palette: AnsiPalette, zone: ZoneInfo, width: int | None = None) -> None:
        self._palette = palette
        self._zone = zone
        self._width = width or room()

    def status(self, status: Status) -> Iterator[str]:
        """Yield the status."""
        running = timedelta(seconds=int((status.now - status.started).total_seconds()))
        state = "" if status.state == "running" else f"; {status.state}"
        yield f"calendar-engine {status.version}, running for {running}{state}"
        yield from self.mode(status)
        for link in status.links:
            yield from self._link(link)
        yield (
            f"  Users     {status.users}: {status.resolved} with a calendar, "
            f"{status.unread} not read yet, {status.unresolved} without"
        )
        yield from self._wrapped(f"  Calendars {_freshness(status)}", " " * 12)
        told = [link.trouble for link in status.links if link.trouble is not None]
        for concern in status.concerns:
            yield ""
            yield from self._concern(concern, is_told=concern.link is not None and concern.trouble in told)

    def mode(self, status: Status) -> Iterator[str]:
        """Yield the modes that affect everything else: dry run and a held change."""
        yield from self.dry_run(status)
        if status.held is not None:
            yield from map(self._palette.notice, self._wrapped(held_in_words(status.held), ""))

    def dry_run(self, status: Status) -> Iterator[str]:
        """Yield that nothing is written, where that is so."""
        if status.dry_run:
            yield from map(self._palette.notice, self._wrapped(f"DRY RUN: {dry_run_in_words(status)}", ""))

    def reason(self, trouble: Trouble, until: datetime | None) -> Iterator[str]:
        """Yield why something cannot go on, and when it is tried again."""
        yield from self._trouble(f"{self._palette.mark(good=False)} ", trouble)
        if until is not None:
            yield f"{INDENT}Next try at {self._local(until):%H:%M:%S}; nothing is read until then."

    def users(self, page: UsersPage) -> Iterator[str]:
        """Yield a line for each user."""
        for user in page.users:
            yield self._row(user)

    def explanation(self, user: UserDetail) -> Iterator[str]:
        """Yield everything about one user, and why the presence is what it is."""
        yield self._cut(f"{user.display_name or user.name or user.guid} ({user.name}, {user.guid})")
        place = f"{user.mailbox.address} at {user.mailbox.url}" if user.mailbox else "none known"
        yield from self._wrapped(f"  Mailbox   {place}", " " * 12)
        read = f"{self._local(user.last_read):%Y-%m-%d %H:%M:%S} ({self._zone.key})" if user.last_read else "never"
        yield f"  Read      {read}"
        if user.next_read:
            yield f"            again by {self._local(user.next_read):%Y-%m-%d %H:%M:%S}"
        if user.mailbox is not None:
            yield from self._wrapped(f"  Changes   {self._followed(user.subscription)}", " " * 12)
        shown = user.acknowledged.presence
        activity = self._palette.activity(shown.activity if shown else None)
        yield self._cut(f"  Shown     {activity} {shown.note if shown else ''}")
        if user.withheld is not None:
            activity = self._palette.activity(user.withheld.activity)
            yield self._cut(f"  Would be  {activity} {user.withheld.note}")
            yield "            dry run: nothing is written to the PBX"
        if user.decision is not None:
            ought = user.decision.presence
            activity = self._palette.activity(ought.activity)
            yield self._cut(f"  Decided   {activity} {ought.note}")
            if user.decision.valid_until is not None:
                yield f"            valid until {self._local(user.decision.valid_until):%Y-%m-%d %H:%M}"
        for trouble in user.problems:
            yield from self._trouble(f"  {self._palette.mark(good=False)} ", trouble)
        if user.decision is not None and user.decision.appointments:
            yield ""
            yield "Appointments"
            for appointment in user.decision.appointments:
                yield from self._appointment(appointment)
        if user.history:
            yield ""
            yield "Last changes"
            for change in user.history:
                yield self._change(change)

    def _followed(self, subscription: Subscription) -> str:
        if not subscription.watched:
            why = f": {subscription.why_not}" if subscription.why_not else ""
            return f"polled, because the calendar is not watched{why}"
        since = f" since {self._local(subscription.since):%Y-%m-%d %H:%M:%S}" if subscription.since else ""
        connection = f", on the connection of {subscription.connection}" if subscription.connection else ""
        return f"notified by Exchange{since}{connection}"

    def _link(self, link: LinkState) -> Iterator[str]:
        mark = self._palette.mark(good=link.works)
        since = f" since {self._local(link.since):%Y-%m-%d %H:%M:%S}" if link.since else ""
        if link.trouble is None:
            state = "working" if link.works else AWAITED.get(link.waits_for or "", "not working")
            yield f"{mark} {link.name:<9} {state}{since}"
            return
        yield from self._trouble(f"{mark} {link.name:<9} ", link.trouble)
        tried = f"next try at {self._local(link.retry_at):%H:%M:%S}" if link.retry_at else AWAITED["call"]
        yield f"{INDENT}Not working{since}; {tried}."

    def _concern(self, concern: Concern, *, is_told: bool) -> Iterator[str]:
        if is_told:
            yield f"{concern.link} affects {f'all {concern.count} users' if concern.count != 1 else 'the one user'}"
            return
        if concern.link is not None or not concern.count:
            yield from self._trouble(f"{self._palette.mark(good=False)} ", concern.trouble)
            return
        names = ", ".join(user.label for user in concern.users)
        more = f" and {concern.count - len(concern.users)} more" if concern.count > len(concern.users) else ""
        yield from self._trouble(f"{self._palette.mark(good=False)} ", concern.trouble, with_detail=False)
        yield from self._wrapped(f"{INDENT}{concern.count}: {names}{more}", INDENT)

    def _trouble(self, start: str, trouble: Trouble, *, with_detail: bool = True) -> Iterator[str]:
        detail = f": {trouble.detail}" if trouble.detail and with_detail else ""
        yield from self._wrapped(f"{start}{trouble.title}{detail}", INDENT)
        yield from self._wrapped(f"{INDENT}{trouble.remedy}", INDENT)

    def _row(self, user: UserRow) -> str:
        activity = self._palette.activity(user.activity)
        name = fitted(user.display_name or user.name, NAME_WIDTH)
        remark = user.problem_title if user.state == "problem" else STATES[user.state]
        if user.withheld is not None:
            would = f"{self._palette.activity(user.withheld.activity).rstrip()} {user.withheld.note}".rstrip()
            remark = f"(dry run: would show {would})"
        text = " ".join(part for part in (user.note, remark) if part)
        return self._cut(f"{activity} {name} {text}".rstrip())

    def _appointment(self, appointment: AppointmentAccount) -> Iterator[str]:
        start, end = self._local(appointment.start), self._local(appointment.end)
        when = f"{start:%a %d} all day    " if appointment.all_day else f"{start:%a %d %H:%M}–{_end(start, end):<7}"
        if appointment.outcome == "left out":
            when = f"{'time unknown':<20}"
        kind = appointment.kind or "free"
        yield self._cut(f"  {when} {kind.replace('_', ' '):<12} {_subject(appointment)}")
        yield from self._wrapped(f"{' ' * 8}{appointment.words}", " " * 8)

    def _change(self, change: PastChange) -> str:
        activity = self._palette.activity(change.presence.activity)
        return self._cut(f"  {self._local(change.at):%H:%M:%S} {activity} {change.presence.note}")

    def _local(self, instant: datetime) -> datetime:
        return instant.astimezone(self._zone)

    def _wrapped(self, text: str, indent: str) -> list[str]:
        """Wrap without breaking anything worth copying, such as a path."""
        return textwrap.wrap(
            text, self._width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )

    def _cut(self, line: str) -> str:
        return cut(line, self._width, "..." if self._palette.ascii_only else "…")


def held_in_words(held: HeldChange, *, confirmed: bool = False, dry_run: bool = False) -> str:
    """Say what a change would clear, or clears now; in a dry run it would even then."""
    numbers = f"{held.users} of {held.of_users} users, {held.presences} of {held.of_presences} presences shown now"
    if confirmed:
        return f"Confirmed: the presences of {numbers} {'would be' if dry_run else 'are'} cleared."
    return f"HELD: a change would clear the presences of {numbers}. calendar-engine hold confirm allows it."


def dry_run_in_words(status: Status) -> str:
    """Say what a dry run does not do, and what would be otherwise."""
    if not status.withheld:
        return "nothing is written to the PBX; the presences would be the same"
    who = "1 user" if status.withheld == 1 else f"{status.withheld} users"
    cleared = f", {status.withheld_cleared} of them no presence" if status.withheld_cleared else ""
    return f"nothing is written to the PBX; {who} would show something different{cleared}"


def _freshness(status: Status) -> str:
    """Say how calendars are followed: an old reading of one that is watched is as good as a new one."""
    parts = [f"{status.watched} watched for changes"] if status.watched else []
    if status.staleness is not None:
        parts.append(f"{'the others ' if parts else ''}polled, the oldest {_age(status.staleness)} ago")
    return "; ".join(parts) or "none known yet"


def _age(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{int(seconds)} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _subject(appointment: AppointmentAccount) -> str:
    return f"({appointment.hidden})" if appointment.hidden else appointment.subject


def _end(start: datetime, end: datetime) -> str:
    days = (end.date() - start.date()).days
    return f"{end:%H:%M}" + (f"+{days}" if days else "")


GOOD_NEWS = {
    "listening": "the PBX is accepted again",
    "reading unrestricted": "calendars are read in full again",
    "concern over": "presences are on time again",
}


class EventReports:
    """Writes events as lines, with times in `zone`, no wider than the terminal."""

    def __init__(self, palette: AnsiPalette, zone: ZoneInfo) -> None:
        self._palette = palette
        self._zone = zone

    def line(self, event: ChangeEvent | AuditEvent | OperationEvent) -> str:
        """Return the line for one event."""
        match event:
            case ChangeEvent():
                return self._change(event)
            case AuditEvent(entry=entry):
                who = entry.actor.user or f"uid {entry.actor.uid}"
                return _cut(
                    f"{entry.at.astimezone(self._zone):%H:%M:%S}  audit: {entry.action} by {who}: {entry.subject}"
                )
            case OperationEvent(operation=operation):
                progress = f"{operation.done} of {operation.total}"
                return _cut(f"{'':8}  operation {operation.id}: {operation.kind} {operation.state}, {progress}")

    def _change(self, event: ChangeEvent) -> str:
        time = f"{event.at.astimezone(self._zone):%H:%M:%S}"
        if event.presence is not None:
            activity = self._palette.activity(event.presence.activity)
            would = self._palette.notice("dry run, not written: ") if event.kind == "withheld" else ""
            return _cut(f"{time}  {would}{activity} {fitted(event.label, 20)}  {event.presence.note}")
        if event.trouble is not None:
            detail = f": {event.trouble.detail}" if event.trouble.detail else ""
            return f"{time}  {self._palette.mark(good=False)} {event.label}: {event.trouble.title}{detail}"
        words = GOOD_NEWS.get(event.kind, "working")
        return f"{time}  {self._palette.mark(good=True)} {event.label}: {words}"


def _cut(line: str) -> str:
    return cut(line, room(), "…")


class CheckReports:
    """Writes for a terminal of `width` columns; times are those of the notes."""

    def __init__(self, palette: AnsiPalette, width: int | None = None) -> None:
        self._palette = palette
        self._width = width or room()

    def rung(self, rung: RungAccount) -> Iterator[str]:
        """Yield the lines of one step."""
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
            f"{preview.affected} of {counted(preview.looked_at, 'user')} would show something different today, "
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
        """Wrap without breaking anything worth copying, such as a fingerprint."""
        return textwrap.wrap(
            text, self._width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
