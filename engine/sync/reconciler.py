"""The engine itself: connects PBX users, calendars and decisions with the presences written to the PBX."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import date, datetime
from random import Random
from zoneinfo import ZoneInfo

from engine.broadcast import Broadcast
from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.core.expiry import Expiries
from engine.core.internal_errors import InternalErrorLog
from engine.core.presence.model import CLEARED
from engine.exchange.hybrid import HybridSource
from engine.exchange.source import CalendarSource, Priority, SharingSource, SubscriptionStatus
from engine.pbx.errors import PbxLinkMistake
from engine.pbx.events import (
    LinkDown,
    LinkUp,
    Listening,
    PbxAccepted,
    PbxDeclined,
    PbxEvent,
    UserRemoved,
    UsersComplete,
    UserSeen,
)
from engine.settings.model import ApplicationProof, PbxLinkKind, SiteSettings
from engine.store.errors import StoreFailure
from engine.store.presence import PresenceStore
from engine.sync.clocks import ClockStepDetector, WatchedClock
from engine.sync.decider import Decider
from engine.sync.elsewhere import Elsewhere
from engine.sync.events import (
    EXCHANGES,
    CalendarRead,
    ConnectionLost,
    ConnectionRestored,
    Event,
    ListeningForPbx,
    Observer,
    PbxRejected,
    ServiceChanged,
    Side,
    SyncContext,
    UserChanged,
)
from engine.sync.expiry_watch import ExpiryWatch
from engine.sync.hold import Held, NobodyTakesPart
from engine.sync.holding import Holding
from engine.sync.hybrid_calendars import calendar_reader
from engine.sync.link import Link
from engine.sync.mailbox_claims import MailboxClaims
from engine.sync.participants import Membership, Participant, Participants
from engine.sync.pbx_access import PbxAccess
from engine.sync.preview import UserCalendar
from engine.sync.readback import ReadBack
from engine.sync.shards import ShardKeeper
from engine.sync.share import Share, Sharing
from engine.sync.status import ConnectionStatus, ConnectionStatuses, EngineStatus, concerns_by_side, users_counted
from engine.sync.task_supervisor import TaskSupervisor
from engine.sync.views import UserDay, UserDetails, UserSummary, day_of_user, details_of, summary_of
from engine.sync.writer import Writer

logger = logging.getLogger(__name__)

PBX_LINK = "the link to the PBX"


class Engine:
    """The running engine: events only mark users to be read, decided or compared; only `Writer` writes presences.

    `make_link` is given the function that takes the link's events. `clock` is calendar time, `network_clock` measures
    pauses and pacing. Source and link note in `expiries` when the certificates end that they see; `proof` returns what
    the application logs in with at present. With `sharing` it works for the shards alone that it is told of (`shards`).
    """

    def __init__(
        self,
        settings: SiteSettings,
        *,
        source: CalendarSource,
        make_link: Callable[[Callable[[PbxEvent], None]], Link],
        store: PresenceStore,
        clock: Clock,
        network_clock: Clock,
        random: Random,
        observe: Observer,
        expiries: Expiries | None = None,
        proof: Callable[[], ApplicationProof | None] = lambda: None,
        sharing: Sharing | None = None,
    ) -> None:
        clock = WatchedClock(clock)
        self._source = source
        self._expiries = expiries or Expiries(clock)
        self._proof = proof
        self._settings = settings
        self._observers = [observe]
        self._finished = Broadcast()
        self._internal_errors = InternalErrorLog(logger, network_clock)
        self._supervisor = TaskSupervisor(
            network_clock,
            random,
            self._internal_errors,
            passed_on=StoreFailure,
            noted=lambda: self._report(ServiceChanged()),
            started_again=self._take_up,
        )
        self._participants: Participants = {}
        self._links = ConnectionStatuses(
            clock,
            pbx_calls=settings.pbx.link is PbxLinkKind.LISTEN,
            exchanges=EXCHANGES if isinstance(source, HybridSource) else (Side.EXCHANGE,),
        )
        self._refused_pbxs: dict[str, Failure] = {}
        self._link = make_link(self._handle)
        self._share = Share(sharing)
        self._expiry_watch = ExpiryWatch(self._expiries, network_clock, self._report)
        self._setback = ClockStepDetector(clock, network_clock, self._on_clock_set_back)
        self._build_parts(
            settings,
            store,
            SyncContext(
                clock=clock,
                network_clock=network_clock,
                random=random,
                observe=self._report,
                finished=self._finished.notify,
            ),
        )

    def _build_parts(self, settings: SiteSettings, store: PresenceStore, context: SyncContext) -> None:
        """Build the parts that work on the participants; they notify each other by callbacks."""
        self._writer = Writer(
            self._participants,
            self._link,
            store,
            settings.pbx,
            context,
            engine=settings.engine,
            share=self._share,
        )
        self._read_back = ReadBack(self._participants, self._writer, context)
        self._decider = Decider(
            self._participants,
            settings.presence,
            context,
            written=self._writer.withheld.supposed,
            want=self._on_decision,
            meant=lambda: self._holding.note_soon(),
        )
        people, changed, shows = self._participants, self._on_calendar_read, self._shows_something
        self._calendars = calendar_reader(people, self._source, settings, context, changed=changed, shows=shows)
        self._claims = MailboxClaims(
            self._participants, self._source, context, may_ask=lambda: self._links.exchange_answers
        )
        self._directory = Membership(
            self._participants,
            settings.pbx.users,
            order=settings.exchange.candidate_order,
            remembered=self._writer.remembered,
            arrived=self._on_arrival,
            departing=self._on_departure,
            showing=self._is_shown,
            weigh_soon=lambda: self._holding.weigh_soon(),
            works_for=self._share.includes,
        )
        self._holding = Holding(
            self._directory,
            self._decider,
            store.meant,
            context.network_clock,
            report=self._report,
            finished=context.finished,
        )
        self._shards = ShardKeeper(
            self._participants,
            self._share,
            self._writer,
            self._directory,
            context.network_clock,
            prepare=self._holding.remember_who_left,
            begun=self._on_shards_taken,
            ended=self._on_shards_lost,
            shared_by=self._share_with,
            report=self._report,
            read_again=self._read_back.add,
        )

    async def run(self) -> None:
        """Run all parts until cancelled.

        A part that fails because of a bug ends none of the others: it is restarted, after a pause that grows.
        """
        try:
            await self._supervisor.keep("remembering earlier runs", self._remember)
            async with asyncio.TaskGroup() as group:
                for name, run in self._parts().items():
                    group.create_task(self._supervisor.keep(name, run))
        finally:
            try:
                await self._source.close()
            except Exception as internal_error:
                self._supervisor.note("closing the connections to Exchange", internal_error)

    async def _remember(self) -> None:
        """Load what earlier runs left; nothing else begins before that."""
        await self._writer.load()
        await self._holding.remember()

    def _parts(self) -> dict[str, Callable[[], Awaitable[None]]]:
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            PBX_LINK: self._run_link,
            "notifications from Exchange": lambda: self._source.run(self._on_notification),
            "reading calendars": self._calendars.run,
            "deciding presences": self._decider.run,
            "writing presences": self._writer.run,
            "keeping presences": self._writer.keep,
            "weighing changes": self._holding.weigh,
            "storing accepted settings": self._holding.note,
            "reading presences back": self._read_back.run,
            "comparing addresses": self._claims.run,
            "watching the clock": self._setback.run,
            "watching what expires": self._expiry_watch.run,
        }
        return parts if self._share.is_everybody else {**parts, **self._shards.parts()}

    async def _run_link(self) -> None:
        try:
            await self._link.run()
        except Exception as internal_error:
            self._handle(LinkDown(PbxLinkMistake(type(internal_error).__name__), None))
            raise

    def _take_up(self, part: str) -> None:
        """Mark everybody again when a part is restarted after a mistake, so that nobody is forgotten."""
        self._decider.mark_all(self._participants)
        self._writer.want_all(self._participants)
        for guid, participant in self._participants.items():
            if not participant.departing and self._calendars.next_visit(guid) is None:
                self._calendars.resync(guid)

    async def confirm_hold(self) -> Held | None:
        """Carry out the held change; return it, None if nothing is held. Raises a `StoreFailure`."""
        return await self._holding.confirm()

    @property
    def shards(self) -> ShardKeeper:
        """What is told which shards are this engine's own."""
        return self._shards

    @property
    def elsewhere(self) -> Elsewhere:
        """The users of other engines."""
        return self._shards.elsewhere

    def _nobody(self) -> NobodyTakesPart | None:
        takes_part = (not each.departing for each in self._participants.values())
        if not self._writer.knows_everybody or any(takes_part) or self._directory.elsewhere:
            return None
        return NobodyTakesPart.of(self._directory.not_selected)

    def _is_shown(self, guid: str) -> bool:
        return self._writer.withheld.shown(guid).acknowledged != CLEARED

    async def leave(self) -> None:
        """Clear presences that could not be stored; to be called before the program ends, while `run` still runs."""
        await self._writer.leave()

    def link(self, side: Side) -> ConnectionStatus:
        """Return the status of one side, without going through the users."""
        return self._links[side]

    def status(self) -> EngineStatus:
        """Return the status of the engine."""
        return replace(
            users_counted(
                self._participants.values(), self._source.is_watched, self._still_to_write, self._claims.noticed()
            ),
            pbx=self._links[Side.PBX],
            exchange=self._links[Side.EXCHANGE],
            exchange_online=self._links.exchange_online,
            refused_pbxs=dict(self._refused_pbxs),
            polling=self._calendars.poll_interval(),
            restriction=self._source.restriction,
            exchange_concerns=concerns_by_side(self._source),
            proof=self._proof(),
            expiries=self._expiries.first,
            expiring=self._expiries.warnings(),
            withheld=self._writer.withheld.counted(),
            store=self._writer.store_trouble,
            held=self._holding.held,
            nobody=self._nobody(),
            unstable=self._links.unstable(),
            failed_parts=self._supervisor.problems(),
            pbx_name=self._settings.pbx.master,
            elsewhere=self._shards.elsewhere.counted(),
        )

    def _still_to_write(self, participant: Participant) -> bool | None:
        guid = participant.user.guid
        if self._writer.withheld.presence(guid) is not None:
            return None
        return participant.desired != self._writer.withheld.shown(guid).acknowledged

    @property
    def timezone(self) -> ZoneInfo:
        """The time zone of times in notes."""
        return self._settings.presence.timezone

    @property
    def pbx_access(self) -> PbxAccess:
        """The access to the PBX beside the reconciler."""
        return PbxAccess(self._link, self._writer, self._directory)

    def observe(self, observer: Observer) -> None:
        """Call `observer` with every event from now on; it must neither take long nor fail."""
        self._observers.append(observer)

    def guids(self) -> tuple[str, ...]:
        """Return the guids of all participants."""
        return tuple(guid for guid, participant in self._participants.items() if not participant.departing)

    def summary(self, guid: str) -> UserSummary | None:
        """Return the summary of one user, None if the user does not take part."""
        participant = self._participants.get(guid)
        if participant is None or participant.departing:
            return None
        mailbox = participant.mailbox
        is_watched = mailbox is not None and self._source.is_watched(mailbox)
        withheld = self._writer.withheld.presence(guid)
        notices = self._claims.notices(guid)
        why = self._writer.withheld.why(guid)
        shown = self._writer.withheld.shown(guid)
        return summary_of(participant, shown, withheld, notices, is_watched=is_watched, not_written=why)

    def details(self, guid: str, now: datetime) -> UserDetails | None:
        """Return the details of one user, with the reasons for the presence at `now`; None if not taking part."""
        participant = self._participants.get(guid)
        if participant is None or participant.departing:
            return None
        mailbox = participant.mailbox
        return details_of(
            participant,
            self._writer.withheld.shown(guid),
            self._settings.presence,
            now,
            withheld=self._writer.withheld.presence(guid),
            not_written=self._writer.withheld.why(guid),
            following=self._source.following(mailbox) if mailbox else SubscriptionStatus(),
            next_visit=self._calendars.next_visit(guid),
            notices=self._claims.notices(guid),
        )

    def calendar(self, guid: str) -> UserCalendar | None:
        """Return a user with the appointments read last, None if the user does not take part."""
        participant = self._participants.get(guid)
        if participant is None or participant.departing:
            return None
        appointments = participant.reading.appointments if participant.reading else None
        return UserCalendar(participant.user, participant.candidates, appointments)

    def day(self, guid: str, day: date) -> UserDay | None:
        """Return a user's day as bars, None if the user does not take part."""
        participant = self._participants.get(guid)
        if participant is None or participant.departing:
            return None
        return day_of_user(participant, self._settings.presence, day)

    def adjust(self, settings: SiteSettings) -> None:
        """Apply other settings for presence, users and writing; those of the links and calendars stay as they are.

        Nothing is read again, and only presences that differ then are written.
        """
        self._settings = settings
        self._writer.adjust(settings.pbx, settings.engine)
        self._directory.adjust(settings.pbx.users)
        self._decider.adjust(settings.presence)
        self._report(ServiceChanged())

    def resync(self, guid: str) -> None:
        """Schedule a reading of a user's calendar; a `CalendarRead` event reports when that is done."""
        self._calendars.resync(guid)

    def reresolve(self, guid: str) -> None:
        """Schedule a new lookup of a user's mailbox and a reading of its calendar, reported as for `resync`."""
        self._calendars.reresolve(guid)

    async def settled(self) -> None:
        """Return as soon as everything due is read and decided, and the PBX shows it."""
        parts = (self._directory, self._calendars, self._decider, self._writer)
        while not all(part.is_idle() for part in parts):
            await self._finished.wait()

    def _on_clock_set_back(self) -> None:
        """Decide and read everything again: after a clock jump, all deadlines are too far in the future."""
        self._decider.mark_all(self._participants)
        for guid in self._participants:
            self._calendars.resync(guid)

    def _on_arrival(self, guid: str) -> None:
        self._links.users_are_known()
        self._decider.mark(guid)
        self._calendars.arrived(guid)

    def _on_departure(self, guid: str) -> None:
        self._decider.mark(guid)
        self._calendars.forget(guid)
        self._claims.forget(guid)

    def _on_shards_taken(self, guids: Collection[str]) -> None:
        self._decider.mark_all(guids)
        self._writer.want_all(guids)

    def _share_with(self, engines: int) -> None:
        if isinstance(self._source, SharingSource):
            self._source.share_with(engines)
        self._calendars.share_with(engines)
        self._writer.share_with(engines)
        self._read_back.share_with(engines)

    def _on_shards_lost(self, guids: Collection[str]) -> None:
        for guid in guids:
            self._decider.forget(guid)
            self._calendars.forget(guid)
            self._claims.forget(guid)
            self._report(UserChanged(guid))
        self._finished.notify()

    def _on_notification(self, address: str, urgency: Priority) -> None:
        for guid in self._calendars.on_notification(address, urgency):
            self._report(UserChanged(guid))

    def _on_calendar_read(self, guid: str) -> None:
        self._claims.visited(guid)
        self._decider.mark(guid)
        self._report(UserChanged(guid))
        participant = self._participants.get(guid)
        if participant is not None and not self._calendars.is_asked_for_again(guid):
            self._report(CalendarRead(guid, participant.problem))

    def _shows_something(self, guid: str) -> bool:
        return self._writer.withheld.shown(guid).acknowledged not in (None, CLEARED)

    def _on_decision(self, guid: str) -> None:
        self._writer.want(guid)
        self._report(UserChanged(guid))

    def _handle(self, event: PbxEvent) -> None:
        match event:
            case LinkUp(pbx, domain):
                self._links.pbx_is_connected()
                self._directory.copy_begins()
                self._directory.set_domain(domain)
                if pbx is not None:
                    self._writer.master_is_certain()
            case LinkDown(failure, retry_at):
                self._writer.link_is_down()
                self._read_back.stop()
                self._report(ConnectionLost(Side.PBX, failure, retry_at))
            case UsersComplete(guids):
                gone = self._directory.known() - guids
                for guid in gone:
                    self._writer.user_is_gone(guid)
                self._directory.handle(event)
                for guid in gone:
                    self._report(UserChanged(guid))
                self._writer.link_is_up()
                self._read_back.begin()
                self._report(ConnectionRestored(Side.PBX))
                self._calendars.everybody_is_known()
                self._decider.everybody_is_known()
            case UserSeen(user):
                self._directory.handle(event)
                if not self._directory.is_leaving(user.guid):
                    self._writer.user_is_certain(user.guid)
                self._report(UserChanged(user.guid))
            case UserRemoved(guid):
                self._writer.user_is_gone(guid)
                self._directory.handle(event)
                self._report(UserChanged(guid))
            case PbxDeclined(name, failure):
                self._refused_pbxs[name] = failure
                self._report(PbxRejected(name, failure))
            case PbxAccepted(name):
                self._refused_pbxs.pop(name, None)
            case Listening(url, fingerprint):
                self._report(ListeningForPbx(url, fingerprint))

    def _report(self, event: Event) -> None:
        if isinstance(event, ConnectionLost | ConnectionRestored):
            self._links.note(event)
        for observer in self._observers:
            try:
                observer(event)
            except Exception as internal_error:
                self._internal_errors.write("reporting an event", internal_error)
