from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.core.appointments import Appointment, Oddity
from engine.core.presence.model import CLEARED, PresenceSettings
from engine.core.time_zones import ClockChange, Era, TimeZoneDefinition
from engine.core.users import User, UserFilter, UserSelection
from engine.exchange.source import Window
from engine.pbx.events import UserRemoved, UsersComplete, UserSeen
from engine.sync.participants import Membership, Participant, Participants, Reading
from tests.core.presence.strategies import questions

HOUR = timedelta(hours=1)
ANNA = User(guid="a1", name="anna", groups=("sales",))
BEN = User(guid="b2", name="ben", groups=("service",))


class Site:
    """A `Membership` whose callbacks are recorded."""

    def __init__(self, selection: UserSelection | None = None, remembered: frozenset[str] = frozenset()) -> None:
        self.participants: Participants = {}
        self.arrived: list[str] = []
        self.departing: list[str] = []
        self.directory = Membership(
            self.participants,
            selection or UserSelection(),
            remembered=lambda: remembered,
            arrived=self.arrived.append,
            departing=self.departing.append,
        )

    def see(self, *users: User) -> None:
        for user in users:
            self.directory.handle(UserSeen(user))

    def candidates(self, guid: str) -> tuple[str, ...]:
        return self.participants[guid].candidates

    def staying(self) -> set[str]:
        return {guid for guid, participant in self.participants.items() if not participant.departing}


def test_users_arrive_once_however_often_they_are_seen() -> None:
    site = Site()
    site.see(ANNA, BEN, ANNA)
    site.directory.handle(UsersComplete(frozenset({"a1", "b2"})))
    assert site.staying() == {"a1", "b2"}
    assert site.arrived == ["a1", "b2"]
    assert site.departing == []


def test_candidates_follow_the_system_domain_and_the_addresses() -> None:
    site = Site()
    site.see(ANNA)
    assert site.candidates("a1") == ()
    site.directory.set_domain("corp.example")
    assert site.candidates("a1") == ("anna@corp.example",)
    site.see(User(guid="a1", name="anna", addresses=("berg@corp.example",)))
    assert site.candidates("a1") == ("anna@corp.example", "berg@corp.example")
    assert site.arrived == ["a1", "a1", "a1"]


def test_a_change_that_is_no_address_does_not_look_for_the_mailbox_again() -> None:
    site = Site()
    site.see(ANNA, User(guid="a1", name="anna", display_name="Anna Berg"))
    assert site.participants["a1"].user.display_name == "Anna Berg"
    assert site.arrived == ["a1"]


def test_a_refusal_is_forgotten_when_the_user_changes() -> None:
    site = Site()
    site.see(ANNA)
    site.participants["a1"].refused = CLEARED
    site.see(ANNA)
    assert site.participants["a1"].refused == CLEARED
    site.see(User(guid="a1", name="anna", display_name="Anna"))
    assert site.participants["a1"].refused is None


def test_deleted_users_depart_if_they_have_a_presence_of_ours() -> None:
    site = Site(remembered=frozenset({"a1"}))
    site.see(ANNA, BEN)
    site.directory.handle(UserRemoved("a1"))
    site.directory.handle(UserRemoved("b2"))
    assert site.participants == {"a1": Participant(ANNA, departing=True, deleted=True)}
    assert site.departing == ["a1", "b2"]


def test_users_missing_from_a_complete_copy_depart_and_so_do_those_of_earlier_runs() -> None:
    site = Site(remembered=frozenset({"old", "a1"}))
    site.see(ANNA, BEN)
    site.directory.handle(UsersComplete(frozenset({"b2"})))
    assert site.staying() == {"b2"}
    assert set(site.departing) == {"a1", "old"}


def test_a_user_no_longer_selected_departs_and_one_never_selected_is_nothing() -> None:
    site = Site(UserSelection(include=UserFilter(groups=("sales",))), remembered=frozenset({"c3", "a1"}))
    site.see(ANNA, BEN, User(guid="c3", name="carl"))
    assert site.staying() == {"a1"}
    assert site.departing == ["c3"]
    site.see(User(guid="a1", name="anna"))
    assert site.staying() == set()
    assert site.departing == ["c3", "a1"]


def test_a_user_who_comes_back_while_departing_stays() -> None:
    site = Site(remembered=frozenset({"a1"}))
    site.see(ANNA)
    site.directory.handle(UserRemoved("a1"))
    site.see(ANNA)
    assert site.staying() == {"a1"}
    assert site.arrived == ["a1", "a1"]


@given(
    questions(), st.sampled_from([(), (Oddity.ORGANIZER_UNKNOWN,), (Oddity.NOT_UNDERSTOOD, Oddity.OVERLONG_SUBJECT)])
)
def test_packed_appointments_are_the_same_when_unpacked(
    question: tuple[list[Appointment], PresenceSettings, datetime], oddities: tuple[Oddity, ...]
) -> None:
    found, _, now = question
    rules = TimeZoneDefinition((Era(now.replace(tzinfo=None), timedelta(hours=-3.5), (ClockChange(HOUR, HOUR, 3),)),))
    sent = tuple(
        msgspec.structs.replace(each, zone_definition=rules if each.all_day else None, oddities=oddities)
        for each in found
    )
    reading = Reading.of(Window(now, now), sent, now)
    assert reading.appointments == sent
    assert all(each.start.tzinfo is UTC for each in reading.appointments)
