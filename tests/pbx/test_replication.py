"""Tests of the copy of the user table: start, rows, and changes in any order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.core.users import User
from engine.pbx.errors import PbxFailure, PbxNotUnderstood, PbxRightsMissing, PbxUnreachable
from engine.pbx.events import UserRemoved, UsersComplete, UserSeen
from engine.pbx.protocol import Message, Send
from engine.pbx.replication import Replication, ReplicationOutput
from tests.pbx.strategies import messages, unhurried

pytestmark = pytest.mark.slow

STARTED: Message = {"columns": {"guid": {}, "h323": {}}}
NEXT = Send({"api": "PbxTableUsers", "mt": "ReplicateNext", "src": "users"})
ANNA: Message = {
    "guid": "b01",
    "h323": "anna",
    "cn": "Anna Berg",
    "loc": "master",
    "node": "root",
    "hide": True,
    "h323-email": True,
    "config": "Sales",
    "emails": [{"email": "anna.berg@example.net"}, {"email": "anna"}, {"email": ""}],
    "grps": [{"name": "sales", "mode": "active"}, {}],
}
ANNA_AS_USER = User(
    guid="b01",
    name="anna",
    display_name="Anna Berg",
    home="master",
    node="root",
    template="Sales",
    groups=("sales",),
    hidden=True,
    addresses=("anna.berg@example.net", "anna"),
    name_is_address=True,
)


def row(columns: Message) -> Message:
    return {"columns": columns}


def started() -> Replication:
    replication = Replication()
    replication.start()
    replication.receive("ReplicateStartResult", STARTED)
    return replication


def sent(outputs: tuple[ReplicationOutput, ...]) -> Message:
    (output,) = outputs
    assert isinstance(output, Send)
    return output.message


def test_only_what_is_needed_is_asked_for_and_only_to_read() -> None:
    request = sent(Replication().start())
    assert request["mt"] == "ReplicateStart"
    assert (request["add"], request["del"], request["pseudo"]) == (False, False, ["", "executive"])
    assert request["columns"] == {
        column: {}
        for column in "guid h323 cn loc node hide pseudo h323-email config emails grps".split()  # noqa: SIM905
    }


def test_a_refused_start_is_tried_once_more_as_a_replicator_that_can_add_and_delete() -> None:
    replication = Replication()
    replication.start()
    again = sent(replication.receive("ReplicateStartResult", {"error": 1}))
    assert (again["mt"], again["add"], again["del"]) == ("ReplicateStart", True, True)
    assert replication.receive("ReplicateStartResult", STARTED) == (NEXT,)


def test_a_start_refused_twice_is_a_missing_right() -> None:
    replication = Replication()
    replication.receive("ReplicateStartResult", {"error": 1})
    with pytest.raises(PbxRightsMissing, match="PbxTableUsers: no access"):
        replication.receive("ReplicateStartResult", {"error": 1, "errorText": "no access"})


def test_a_start_unanswered_is_tried_once_more_then_a_missing_right() -> None:
    replication = Replication()
    assert sent(replication.unanswered())["add"] is True
    with pytest.raises(PbxRightsMissing, match="was not answered"):
        replication.unanswered()


def test_a_missing_row_is_a_broken_connection() -> None:
    with pytest.raises(PbxUnreachable):
        started().unanswered()


def test_a_refused_row_is_not_understood() -> None:
    with pytest.raises(PbxNotUnderstood, match="table gone"):
        started().receive("ReplicateNextResult", {"error": 1, "errorText": "table gone"})


def test_a_row_becomes_a_user_and_the_next_is_asked_for() -> None:
    assert started().receive("ReplicateNextResult", row(ANNA)) == (UserSeen(ANNA_AS_USER), NEXT)


def test_missing_columns_are_empty() -> None:
    seen, _ = started().receive("ReplicateNextResult", row({"guid": "b01"}))
    assert seen == UserSeen(User(guid="b01", name=""))


def test_columns_of_a_wrong_type_are_empty() -> None:
    odd: Message = {"guid": "b01", "h323": 7, "cn": None, "hide": "yes", "emails": "anna", "grps": [7, {"name": []}]}
    seen, _ = started().receive("ReplicateNextResult", row(odd))
    assert seen == UserSeen(User(guid="b01", name=""))


@pytest.mark.parametrize(
    "end",
    [{}, {"columns": {}}, {"columns": None}, {"columns": {"guid": ""}}, {"columns": {"guid": None}}, {"error": 0}],
)
def test_a_result_without_a_row_ends_the_copy(end: Message) -> None:
    replication = started()
    replication.receive("ReplicateNextResult", row(ANNA))
    before = replication.complete
    assert replication.receive("ReplicateNextResult", end) == (UsersComplete(frozenset({"b01"})),)
    assert (before, replication.complete) == (False, True)
    assert replication.receive("ReplicateNextResult", end) == ()


@pytest.mark.parametrize("columns", [7, [], "guid", {"guid": 7}])
def test_a_row_that_is_none_is_not_understood(columns: object) -> None:
    with pytest.raises(PbxNotUnderstood):
        started().receive("ReplicateNextResult", {"columns": columns})


@pytest.mark.parametrize(
    ("pseudo", "is_user"),
    [
        ("", True),
        ("executive", True),
        ('<pseudo type="executive"/>', True),
        ("<pseudo type='executive' x='1'/>", True),
        ('<pseudo type="waiting"/>', False),
        ('<pseudo type="executive-lounge"/>', False),
        ("trunk", False),
        ('<?xml version="1.0"?> <pseudo type="executive"><x type="waiting"/></pseudo>', True),
        ('<pseudo a="b"  type = "executive"></pseudo>', True),
        ('<pseudo type="waiting"><queue type="executive"/></pseudo>', False),
        ('<pseudo><queue type="executive"/></pseudo>', False),
        ('<pseudo data-type="executive"/>', False),
        ("<pseudo type='gw' note=' type=\"executive\"'/>", False),
        ('<!-- type="executive" --><pseudo type="gw"/>', False),
        ("<" * 5000, False),
        ("<p " + 'a="" ' * 20000, False),
    ],
)
def test_objects_that_are_no_people_are_skipped(pseudo: str, is_user: bool) -> None:
    outputs = started().receive("ReplicateNextResult", row({**ANNA, "pseudo": pseudo}))
    assert outputs == ((UserSeen(ANNA_AS_USER), NEXT) if is_user else (NEXT,))


def test_a_user_that_becomes_another_kind_of_object_is_removed() -> None:
    replication = started()
    replication.receive("ReplicateAdd", row(ANNA))
    assert replication.receive("ReplicateUpdate", row({**ANNA, "pseudo": "trunk"})) == (UserRemoved("b01"),)


def test_a_row_held_already_is_not_told_again() -> None:
    replication = started()
    replication.receive("ReplicateNextResult", row(ANNA))
    assert replication.receive("ReplicateAdd", row(ANNA)) == ()


def test_an_update_replaces_the_whole_user() -> None:
    replication = started()
    replication.receive("ReplicateNextResult", row(ANNA))
    assert replication.receive("ReplicateUpdate", row({"guid": "b01", "h323": "anna2"})) == (
        UserSeen(User(guid="b01", name="anna2")),
    )


def test_deleting_an_unknown_user_says_nothing() -> None:
    assert started().receive("ReplicateDel", row({"guid": "b09"})) == ()


def test_guids_are_the_same_however_their_letters_are_written() -> None:
    replication = started()
    seen, _ = replication.receive("ReplicateNextResult", row({**ANNA, "guid": "B01"}))
    assert seen == UserSeen(ANNA_AS_USER)
    assert replication.guid_as_sent("b01") == "B01", "as the PBX writes it, it is told to the PBX"
    assert replication.receive("ReplicateUpdate", row(ANNA)) == ()
    assert replication.receive("ReplicateDel", row({"guid": "b01"})) == (UserRemoved("b01"),)


@pytest.mark.parametrize("columns", [7, [], "guid", {"guid": 7}, None, {"guid": None}])
@pytest.mark.parametrize("mt", ["ReplicateAdd", "ReplicateUpdate", "ReplicateDel"])
def test_a_change_that_is_none_is_passed_over(mt: str, columns: object) -> None:
    assert started().receive(mt, {"columns": columns}) == ()


@pytest.mark.slow
@unhurried
@given(st.lists(messages, max_size=6))
def test_whatever_comes_is_tolerated_or_a_named_failure(received: list[Message]) -> None:
    replication = Replication()
    replication.start()
    for message in received:
        try:
            replication.receive(str(message.get("mt")), message)
        except PbxFailure:
            return


GUIDS = st.sampled_from(["b01", "b02", "b03", "b04"])
ROWS = st.fixed_dictionaries(
    {"h323": st.sampled_from(["anna", "ben", "cleo"]), "pseudo": st.sampled_from(["", "", "executive", "trunk"])}
)


class TableFollowed(RuleBasedStateMachine):
    """A publisher's table changes in any order while it is copied and after; what was told must equal the table."""

    def __init__(self) -> None:
        super().__init__()
        self.replication = Replication()
        self.table: dict[str, Message] = {}
        self.to_copy: list[str] = []
        self.told: dict[str, User] = {}
        self.complete: frozenset[str] | None = None

    @initialize(table=st.dictionaries(GUIDS, ROWS))
    def begin(self, table: dict[str, Message]) -> None:
        self.table = table
        self.to_copy = list(table)
        self.replication.start()
        self.take(self.replication.receive("ReplicateStartResult", STARTED))

    @precondition(lambda self: self.complete is None)
    @rule()
    def copy_next(self) -> None:
        while self.to_copy:
            guid = self.to_copy.pop(0)
            if guid in self.table:
                self.take(self.replication.receive("ReplicateNextResult", self.row(guid)))
                return
        self.take(self.replication.receive("ReplicateNextResult", {}))

    @rule(guid=GUIDS, columns=ROWS)
    def put(self, guid: str, columns: Message) -> None:
        mt = "ReplicateUpdate" if guid in self.table else "ReplicateAdd"
        self.table[guid] = columns
        self.take(self.replication.receive(mt, self.row(guid)))

    @precondition(lambda self: self.table)
    @rule(data=st.data())
    def add_again(self, data: st.DataObject) -> None:
        guid = data.draw(st.sampled_from(sorted(self.table)))
        self.take(self.replication.receive("ReplicateAdd", self.row(guid)))

    @rule(guid=GUIDS)
    def delete(self, guid: str) -> None:
        self.table.pop(guid, None)
        self.take(self.replication.receive("ReplicateDel", row({"guid": guid})))

    def row(self, guid: str) -> Message:
        return row({"guid": guid, **self.table[guid]})

    def take(self, outputs: tuple[ReplicationOutput, ...]) -> None:
        for output in outputs:
            match output:
                case UserSeen(user):
                    self.told[user.guid] = user
                case UserRemoved(guid):
                    del self.told[guid]
                case UsersComplete(guids):
                    assert self.complete is None
                    assert guids == self.told.keys()
                    self.complete = guids

    @invariant()
    def what_was_told_is_in_the_table(self) -> None:
        people = {
            guid: columns["h323"] for guid, columns in self.table.items() if columns["pseudo"] in ("", "executive")
        }
        told = {guid: user.name for guid, user in self.told.items()}
        assert told.items() <= people.items()
        if self.complete is not None:
            assert told == people


TestTableFollowed = TableFollowed.TestCase
TestTableFollowed.settings = settings(unhurried, stateful_step_count=30)
