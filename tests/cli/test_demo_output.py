"""Tests of the output of the demo, line by line."""

import codecs
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pytest_snapshot.plugin import Snapshot

from engine.cli.demo_output import DemoJson, DemoLines, DemoOutput, DemoStats
from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.display import NEAREST, ascii_errors
from engine.exchange.errors import ExchangeUnreachable, MailboxNotFound
from engine.pbx.errors import PresenceRefused
from engine.sync.events import ConnectionLost, ConnectionRestored, Event, PresenceConfirmed, Side, UserTrouble
from engine.sync.status import ConnectionStatus, EngineStatus, UserProblem

BERLIN = ZoneInfo("Europe/Berlin")
NINE = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ANNA = User(guid="a1", name="anna", display_name="Anna Müller")
BEN = User(guid="b2", name="ben", display_name="Ben Åkesson-von der Lindenstraße")
NO_MAILBOX = MailboxNotFound("ben@corp.example is not in the directory")
DOWN = ExchangeUnreachable("mail.corp.example: connection refused")
REFUSED = PresenceRefused("object locked")

STORY: tuple[Event, ...] = (
    ConnectionRestored(Side.EXCHANGE),
    UserTrouble(BEN, NO_MAILBOX),
    PresenceConfirmed(ANNA, Presence("busy", "Busy: Rücksprache until 10am"), NINE),
    PresenceConfirmed(BEN, Presence("", "Homeoffice until 5pm"), NINE),
    PresenceConfirmed(ANNA, Presence("dnd", "Do not disturb until 11am"), NINE),
    PresenceConfirmed(ANNA, Presence("away", "Away, all day"), NINE),
    PresenceConfirmed(ANNA, CLEARED, NINE),
    ConnectionLost(Side.EXCHANGE, DOWN, NINE),
    UserTrouble(ANNA, REFUSED),
)
STATUS = EngineStatus(
    users=2,
    resolved=1,
    watched=1,
    waiting=0,
    unresolved=(UserProblem(BEN, NO_MAILBOX),),
    refused=(UserProblem(ANNA, REFUSED),),
    oldest_reading=NINE,
    pbx=ConnectionStatus(works=True),
    exchange=ConnectionStatus(failure=DOWN),
    refused_pbxs={},
    restriction=None,
)


@pytest.mark.parametrize(
    ("view", "name"),
    [
        (DemoJson(BERLIN), "demo.jsonl"),
        (DemoLines(BERLIN, colour=False), "demo.txt"),
        (DemoLines(BERLIN, colour=False), "demo-ascii.txt"),
        (DemoLines(BERLIN, colour=True), "demo-colour.txt"),
    ],
)
def test_a_story_as_it_is_shown(
    view: DemoOutput, name: str, snapshot: Snapshot, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stats = DemoStats()
    view.begin(300, NINE, Path("/tmp/demo/engine.sock"))
    for event in STORY:
        stats.note(event)
        view.show(event)
    view.end(STATUS, stats)
    snapshot.snapshot_dir = Path(__file__).parent / "snapshots"
    shown = capsys.readouterr().out
    if name == "demo-ascii.txt":  # as the commands write to what has no other letters
        codecs.register_error(NEAREST, ascii_errors)
        shown = shown.encode("ascii", NEAREST).decode()
    snapshot.assert_match(shown, name)
