"""Entries of the PBX in the debug log: what is kept of a message, and how entries are found."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from engine.core.pbx_record import PbxRecord
from engine.core.secret import Secret
from engine.debuglog.entry import LARGEST_BODY, LogEntry, Peer
from engine.debuglog.export import har, without_persons
from engine.debuglog.pbx import LONGEST_UNPROVED, entry_of
from engine.debuglog.query import open_to_search, whole
from engine.debuglog.redaction.pseudonyms import Pseudonyms
from engine.debuglog.redaction.secrets import SecretRedactor
from engine.debuglog.store import FILE, VERSION
from engine.debuglog.switch import EVERY_PEER, CaptureSwitch
from engine.settings.model import DebugLogSettings
from tests.campaigns.planting import FORMS, PARTLY, is_left, password
from tests.debuglog.log import NOON, ON, PASSWORD, OpenLog, open_log
from tests.support.eventually import eventually
from tests.support.exchanges import WRITE, WRITTEN, said, traced

BOTH = DebugLogSettings(ews=True, pbx=True)


def whom(about: str) -> tuple[str, tuple[str, ...]]:
    return ("Anna Müller", ("anna@corp.example", "am@corp.example")) if about == "0f" else ("", ())


def entry(record: PbxRecord, *, subjects: bool = False, secrets: Iterable[str] = (PASSWORD,)) -> LogEntry:
    redactor = SecretRedactor()
    redactor.know(map(Secret, secrets))
    return entry_of(record, redactor, NOON, subjects=subjects, whom=whom)


async def take(log: OpenLog, *records: PbxRecord) -> None:
    before = log.capture.status().captured
    for each in records:
        log.capture.pbx.take(each)
    await eventually(lambda: log.capture.status().captured >= before + len(records))


def test_what_is_kept_of_a_request_and_its_answer() -> None:
    kept = entry(said())
    assert (kept.row.peer, kept.row.operation, kept.row.status) == (Peer.PBX, "SetPresence", None)
    assert (kept.row.user, kept.row.mailbox, kept.row.ms) == ("Anna Müller", "anna@corp.example", 12.0)
    assert (kept.row.error, kept.row.sent, kept.row.received) == (False, len(WRITE.encode()), len(WRITTEN))
    assert (kept.particulars.method, kept.particulars.url) == ("SEND", said().url)
    assert json.loads(kept.request)["note"] == "[blanked]"
    assert kept.response == WRITTEN.encode()


def test_a_note_stays_where_subjects_may_be_read() -> None:
    assert json.loads(entry(said(), subjects=True).request)["note"] == "Busy: Steuerprüfung"


def test_sizes_and_sides_of_what_the_pbx_asks() -> None:
    kept = entry(said(by_pbx=True))
    assert kept.particulars.method == "RECEIVE"
    assert (kept.row.sent, kept.row.received) == (len(WRITTEN), len(WRITE.encode()))


def test_a_failure_has_its_reason() -> None:
    kept = entry(said(failure="presence-refused", reason=f"no such user, {PASSWORD}"))
    assert kept.row.error
    assert kept.particulars.response_headers == (("reason", "no such user, [blanked]"),)


def test_of_a_log_in_neither_password_nor_digest_nor_challenge_is_kept() -> None:
    digest = hashlib.sha256(f"calendar::::1234:{PASSWORD}".encode()).hexdigest()
    login = json.dumps({"mt": "AppLogin", "app": "calendar", "info": {"x": PASSWORD}, "digest": digest})
    refused = json.dumps({"mt": "AppLoginResult", "ok": False, "errorText": f"{digest} for {PASSWORD}"})
    challenge = json.dumps({"mt": "AppChallengeResult", "challenge": "3094118827461505"})
    texts = [entry(said("AppLogin", asked=login, answered=refused)), entry(said("AppChallenge", answered=challenge))]
    for secret in (PASSWORD, digest, "3094118827461505"):
        assert all(secret.encode() not in each.request + each.response for each in texts)
    assert b'"app": "calendar"' in texts[0].request


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_planted_password_is_found_in_every_form(form: str) -> None:
    random = Random(form)
    for _ in range(10):
        secret = password(random)
        try:
            planted = FORMS[form](secret, random)
            record = said(asked=f"<a>{planted.decode()}</a>", answered="")
        except UnicodeError:
            continue
        kept = entry(record, secrets=(secret,))
        assert not is_left(form, planted, kept.request), (secret, planted)


@pytest.mark.parametrize("form", [form for form in FORMS if form not in PARTLY][:6])
@pytest.mark.parametrize(("proved", "longest"), [(True, LARGEST_BODY), (False, LONGEST_UNPROVED)])
def test_what_crosses_the_cut_is_found_too(form: str, proved: bool, longest: int) -> None:
    random = Random(form)
    secret = password(random)
    planted = FORMS[form](secret, random)
    for before in (len(planted) - 1, len(planted) // 2, 1):
        text = b"x" * (longest - before) + planted + b"y" * 300_000
        kept = entry(said(asked=text.decode("latin-1"), proved=proved), secrets=(secret,))
        assert len(kept.request) <= longest
        assert b"[blanked]".startswith(kept.request.strip(b"x")), (secret, planted)
        assert kept.particulars.request_size == len(text.decode("latin-1").encode())


async def test_both_sides_are_in_one_log(tmp_path: Path) -> None:
    async with open_log(tmp_path, BOTH) as log:
        log.capture.whom = whom
        await log.take(traced())
        quiet = said("KeepAlive", answered="", about="", quiet=True)
        failed = said("SetPresence", answered="", failure="presence-unanswered")
        await take(log, said(), quiet, failed)
        found = {words: [row.id for row in await log.rows(words)] for words in QUESTIONS}
    assert found == QUESTIONS


QUESTIONS = {
    "peer:pbx": [4, 3, 2],
    "peer:exchange": [1],
    "not peer:pbx": [1],
    "is:quiet": [3],
    "not is:quiet": [4, 2, 1],
    "is:error": [4],
    "is:unanswered": [4],
    "op:SetPresence user:anna": [4, 2],
    "code:presence-unanswered": [4],
    "lane:pbx-1": [4, 3, 2],
    "body:SetPresenceResult": [2],
    "body:Steuerprüfung": [],
}


async def test_each_side_is_switched_by_its_setting(tmp_path: Path) -> None:
    async with open_log(tmp_path, ON) as log:
        assert (log.capture.on, log.capture.pbx.on) == (True, False)
        log.capture.apply(replace(ON, pbx=True))
        assert (log.capture.on, log.capture.pbx.on) == (True, True)
        log.capture.switch(CaptureSwitch(peers=frozenset({Peer.PBX})))
        assert (log.capture.on, log.capture.pbx.on) == (False, True)


async def test_limited_to_a_mailbox_the_messages_about_others_are_left_out(tmp_path: Path) -> None:
    async with open_log(tmp_path, BOTH) as log:
        log.capture.whom = whom
        log.capture.switch(CaptureSwitch(peers=EVERY_PEER, mailboxes=frozenset({"am@corp.example"})))
        log.capture.pbx.take(said(about="1f"))
        await take(log, said(), said("KeepAlive", about=""))
        assert [row.operation for row in await log.rows()] == ["KeepAlive", "SetPresence"]


async def test_a_log_of_the_version_before_is_kept(tmp_path: Path) -> None:
    async with open_log(tmp_path, ON) as log:
        await log.take(traced())
    downgraded(tmp_path / FILE)
    async with open_log(tmp_path, BOTH) as log:
        await take(log, said())
        assert [(row.peer, row.quiet) for row in await log.rows()] == [(Peer.PBX, False), (Peer.EXCHANGE, False)]
        assert [row.id for row in await log.rows("is:quiet or peer:pbx")] == [2]
    assert not damaged(tmp_path)


def damaged(directory: Path) -> bool:
    return (directory / f"{FILE}.damaged").exists()


def downgraded(file: Path) -> None:
    """Turn a log into one as version 2 wrote it."""
    connection = sqlite3.connect(file, isolation_level=None)
    for statement in (
        "DROP INDEX exchange_peer",
        "DROP INDEX exchange_quiet",
        "ALTER TABLE exchange DROP COLUMN peer",
        "ALTER TABLE exchange DROP COLUMN quiet",
        f"PRAGMA user_version = {VERSION - 1}",
    ):
        connection.execute(statement)
    connection.close()


async def test_a_later_version_is_moved_aside(tmp_path: Path) -> None:
    async with open_log(tmp_path, ON) as log:
        await log.take(traced())
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path, copy, ignore=shutil.ignore_patterns("copy"))
    connection = sqlite3.connect(copy / FILE, isolation_level=None)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    async with open_log(copy, ON) as log:
        assert await log.rows() == ()
    assert damaged(copy)


async def test_in_an_archive_it_is_a_websocket_as_browsers_write_it(tmp_path: Path) -> None:
    async with open_log(tmp_path, BOTH) as log:
        log.capture.whom = whom
        await take(log, said(), said("ReplicateAdd", by_pbx=True, answered=""))
    connection = open_to_search(tmp_path / FILE)
    exchanges = [found for number in (1, 2) if (found := whole(connection, number))]
    connection.close()
    first, second = har(exchanges, "1")["log"]["entries"]
    assert (first["request"]["url"], first["response"]["status"]) == (said().url, 101)
    assert (first["_resourceType"], first["_peer"], first["time"]) == ("websocket", "pbx", 12.0)
    assert [(each["type"], each["opcode"]) for each in first["_webSocketMessages"]] == [("send", 1), ("receive", 1)]
    assert first["_webSocketMessages"][0]["time"] == round(NOON.timestamp() - 0.012, 3)
    assert [each["type"] for each in second["_webSocketMessages"]] == ["receive"]
    anonymous = json.dumps(har([without_persons(each, Pseudonyms()) for each in exchanges], "1"))
    assert "anna" not in anonymous.lower()
