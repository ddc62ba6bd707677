"""The steps of the fault campaign: one function each, with its frequency."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from msgspec.structs import replace

from engine.core.appointments import Sensitivity, ShowAs
from engine.simulator.company import pbx_user
from engine.simulator.exchange.topology import Home
from engine.simulator.faults import (
    Cut,
    Delay,
    Effect,
    ErrorCode,
    garbage,
    html_page,
    redirect,
    server_busy,
    service_unavailable,
)
from engine.simulator.world import CalendarItem
from tests.campaigns.faults.stage import BERLIN, SETTLING_SPEED, SPEED, Stage, disk_has_room, disk_is_full

HOMES = (
    Home("Default-First-Site-Name", "mail.corp.example", "exchange01.corp.example"),
    Home("Branch-Site", "mail.branch.corp.example", "exchange02.corp.example"),
)
OPERATIONS = ("", "FindItem", "GetItem", "ResolveNames", "Subscribe", "GetStreamingEvents", "GetUserSettings")
CODES = (
    *("ErrorInternalServerTransientError", "ErrorMailboxStoreUnavailable", "ErrorTimeoutExpired", "ErrorItemNotFound"),
    *("ErrorADUnavailable", "ErrorConnectionFailed", "ErrorStaleObject", "ErrorMailboxMoveInProgress"),
    *("ErrorExceededConnectionCount", "ErrorExceededSubscriptionCount", "ErrorInvalidSubscription"),
    *("ErrorExpiredSubscription", "ErrorReadEventsFailed", "ErrorProxyRequestNotAllowed", "ErrorAccessDenied"),
    *("ErrorImpersonateUserDenied", "ErrorNonExistentMailbox", "ErrorNameResolutionNoResults", "ErrorQuotaExceeded"),
    *("ErrorCannotFindUser", "ErrorImpersonationDenied", "ErrorInvalidRequest", "ErrorFolderNotFound"),
)
LIES = (
    service_unavailable(),
    service_unavailable(retry_after=20),
    html_page(),
    garbage(),
    redirect("https://sts.corp.example/adfs/ls/"),
    server_busy(5_000),
    Cut(),
    Cut(after=40),
    Delay(0.02),
)

Step = Callable[[Stage], Awaitable[None]]


async def add_meeting(stage: Stage) -> None:
    """Somebody enters an appointment around now."""
    dice, world = stage.dice, stage.world
    minutes = dice.choice((dice.randrange(-60, 30, 5), dice.randrange(-60, 600, 5)))
    start = stage.wall.now().replace(second=0, microsecond=0) + timedelta(minutes=minutes)
    item = world.appointment(
        stage.key(),
        "00:00-01:00",
        subject=dice.choice(("Meeting", "", "Lunch 🥪", "Kunde\nX", "x" * 200)),
        show_as=dice.choice((ShowAs.BUSY, ShowAs.BUSY, ShowAs.OOF, ShowAs.TENTATIVE, ShowAs.FREE)),
        sensitivity=dice.choice((Sensitivity.NORMAL, Sensitivity.NORMAL, Sensitivity.PRIVATE)),
    )
    end = start + timedelta(minutes=dice.randrange(5, 240, 5))
    world.put(stage.person().mailbox or "", replace(item, start=start, end=end))


async def add_whole_days(stage: Stage) -> None:
    """Somebody is away for days."""
    dice = stage.dice
    today = (stage.wall.now().astimezone(BERLIN).date() - stage.world.day).days
    item = stage.world.whole_days(
        stage.key(), dice.randrange(1, 4), day=today + dice.randrange(-1, 2), show_as=ShowAs.OOF, subject="Holiday"
    )
    stage.world.put(stage.person().mailbox or "", item)


async def alter_meeting(stage: Stage) -> None:
    """Somebody moves the end of an appointment."""
    mailbox = stage.person().mailbox or ""
    for entry in stage.world.entries(mailbox)[-1:]:
        if isinstance(entry, CalendarItem) and not entry.all_day:
            stage.world.put(mailbox, replace(entry, end=entry.end + timedelta(minutes=stage.dice.randrange(5, 60))))


async def clear_calendar(stage: Stage) -> None:
    """Somebody empties a calendar."""
    stage.world.clear(stage.person().mailbox or "")


async def let_time_pass(stage: Stage) -> None:
    """A moment or some minutes pass."""
    minutes = stage.dice.choice((0.1, 1, 3, 10))
    stage.steady.speed = SPEED if minutes <= 1 else SETTLING_SPEED
    await stage.steady.sleep_until(stage.steady.now() + timedelta(minutes=stage.dice.expovariate(1 / minutes)))
    stage.steady.speed = SPEED


async def let_events_happen(stage: Stage) -> None:
    """The loop turns a few times: what is under way gets somewhere, and no further."""
    for _ in range(stage.dice.randrange(40)):
        await asyncio.sleep(0)


async def read_now(stage: Stage) -> None:
    """An administrator has somebody read, or looked for."""
    if stage.engine is not None:
        guid = stage.person().guid
        (stage.engine.reresolve if stage.dice.random() < 0.4 else stage.engine.resync)(guid)


async def ews_answers_an_error(stage: Stage) -> None:
    """Some requests are answered with a response code."""
    code = ErrorCode(stage.dice.choice(CODES), in_fault=stage.dice.random() < 0.5)
    _affect(stage, code, anonymous=False)


async def ews_answers_nonsense(stage: Stage) -> None:
    """Some requests are answered by something that is not EWS, late, or not at all."""
    _affect(stage, stage.dice.choice(LIES), anonymous=stage.dice.random() < 0.2)


def _affect(stage: Stage, effect: Effect, *, anonymous: bool) -> None:
    stage.company.exchange.faults.add(
        effect,
        operation=stage.dice.choice(OPERATIONS),
        mailbox=(stage.person().mailbox or "") if stage.dice.random() < 0.6 else "",
        times=stage.dice.randrange(1, 6),
        anonymous=anonymous,
    )


async def lift_faults(stage: Stage) -> None:
    """Exchange is well again."""
    stage.company.exchange.faults.clear()


async def exchange_goes_or_comes(stage: Stage) -> None:
    """Exchange refuses connections, or listens again."""
    await (stage.exchange_comes if stage.exchange_is_away else stage.exchange_goes)()


async def lose_subscriptions(stage: Stage) -> None:
    """Exchange forgets subscriptions."""
    stage.company.exchange.subscriptions.lose(*([stage.person().mailbox or ""] if stage.dice.random() < 0.7 else []))


async def lose_cookies(stage: Stage) -> None:
    """The load balancer forgets where it sent us."""
    stage.company.exchange.homes.lose_cookies()


async def break_streams(stage: Stage) -> None:
    """Notification connections end in any of several ways."""
    for stream in list(stage.company.exchange.subscriptions.streams):
        match stage.dice.randrange(6):
            case 0:
                stream.close()
            case 1:
                stream.cut()
            case 2:
                stream.silence()
            case 3:
                stream.say(b"</x:Envelope>")
            case 4:
                stream.fail(stage.dice.choice(("ErrorInvalidSubscription", "ErrorNewEventStreamConnectionOpened")))
            case _:
                stream.chunk_bytes = stage.dice.randrange(1, 200)


async def move_mailbox(stage: Stage) -> None:
    """A mailbox moves to the other server."""
    stage.company.exchange.move(stage.person().mailbox or "", stage.dice.choice(HOMES))


async def names_fail_or_work(stage: Stage) -> None:
    """Names cannot be looked up, slowly, or again."""
    stage.names.fails = not stage.names.fails and stage.dice.random() < 0.7
    stage.names.seconds = stage.dice.choice((0.0, 0.0, 0.02))


async def drop_link(stage: Stage) -> None:
    """The connection to the PBX is lost."""
    stage.company.pbx.drop()


async def pbx_goes_or_comes(stage: Stage) -> None:
    """The PBX refuses connections, or listens again."""
    await (stage.pbx_goes if stage.company.pbx.is_listening else stage.pbx_comes)()


async def pbx_is_restored(stage: Stage) -> None:
    """The PBX starts again from a backup without presences."""
    pbx = stage.company.pbx
    was_listening = pbx.is_listening
    await stage.pbx_goes()
    pbx.forget_presences()
    stage.lose_shown()
    if was_listening:
        await stage.pbx_comes()


async def pbx_answers_or_not(stage: Stage) -> None:
    """The PBX leaves requests unanswered, answers late, or well."""
    behaviour = stage.company.pbx.behaviour
    behaviour.answers_presence = stage.dice.random() < 0.5
    behaviour.answers_replication = stage.dice.random() < 0.8
    behaviour.result_delay = stage.dice.choice((0.0, 0.0, 2.0))


async def pbx_refuses_somebody(stage: Stage) -> None:
    """The PBX refuses one user's presence, or no longer."""
    refused = stage.company.pbx.behaviour.refused_presence
    if refused:
        refused.clear()
    else:
        refused[stage.person().guid] = "no such user"


async def pbx_says_garbage(stage: Stage) -> None:
    """The next message of the PBX is none."""
    stage.company.pbx.behaviour.garbage = stage.dice.choice(("", "{", "[]", '{"mt":7}', '{"mt":"PresenceUpdate"}'))


async def edit_user(stage: Stage) -> None:
    """A user is deleted, added, renamed, or leaves or joins the selection."""
    pbx, person = stage.company.pbx, stage.person()
    user = pbx_user(person)
    exists = any(each.guid == user.guid for each in pbx.users)
    # More than that at once is held until somebody confirms it.
    may_leave = sum(not each.groups for each in pbx.users) > len(stage.world.people) - 2
    match stage.dice.randrange(3):
        case 0 if exists and may_leave:
            pbx.delete_user(user.guid)
            stage.forget_shown(user.guid)
        case _ if not exists:
            pbx.add_user(user)
        case 1 if may_leave:
            stage.is_unheard(user.guid)
            pbx.update_user(replace(user, groups=("no calendar",)))
        case _:
            pbx.update_user(replace(user, cn=stage.dice.choice(("P", "Renamed", "\x1b[31mRed\n"))))


async def set_by_hand(stage: Stage) -> None:
    """A user chooses a presence."""
    guid = stage.person().guid
    if any(user.guid == guid for user in stage.company.pbx.users):
        stage.company.pbx.set_manual(guid, stage.dice.choice(("", "dnd", "away")))


async def restart_engine(stage: Stage) -> None:
    """The engine is stopped where it stands; another one starts now or later."""
    if stage.engine is None:
        await stage.start_engine()
        return
    await stage.stop_engine()
    if stage.dice.random() < 0.7:
        await stage.start_engine()


async def set_wall_clock(stage: Stage) -> None:
    """Somebody sets the wall clock forth or back, or right."""
    minutes = stage.dice.choice((0, 0, -90, -10, -1, 1, 10, 90))
    stage.wall.ahead = timedelta(minutes=minutes)


async def fill_disk_or_not(stage: Stage) -> None:
    """Nothing can be written to files any more, or again."""
    if stage.dice.random() < 0.5:
        disk_is_full()
    else:
        disk_has_room()


STEPS: tuple[tuple[int, Step], ...] = (
    (14, add_meeting),
    (3, add_whole_days),
    (6, alter_meeting),
    (4, clear_calendar),
    (10, let_time_pass),
    (12, let_events_happen),
    (4, read_now),
    (8, ews_answers_an_error),
    (6, ews_answers_nonsense),
    (3, lift_faults),
    (3, exchange_goes_or_comes),
    (3, lose_subscriptions),
    (2, lose_cookies),
    (4, break_streams),
    (2, move_mailbox),
    (3, names_fail_or_work),
    (4, drop_link),
    (3, pbx_goes_or_comes),
    (1, pbx_is_restored),
    (3, pbx_answers_or_not),
    (2, pbx_refuses_somebody),
    (1, pbx_says_garbage),
    (5, edit_user),
    (3, set_by_hand),
    (3, restart_engine),
    (2, set_wall_clock),
    (2, fill_disk_or_not),
)
"""How often each is taken, in relation to the others."""
