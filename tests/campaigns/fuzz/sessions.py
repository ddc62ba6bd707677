"""Fuzzing of sessions with a PBX: its messages are mutated in their structure."""

import copy
import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from engine.core.secret import Secret
from engine.pbx.login import DialLogin, ListenLogin, login_digest
from engine.pbx.protocol import USERS_API, ApiMessage, AppSession, Message, encode, entries_in, objects_of
from engine.pbx.replication import Replication

PASSWORD = Secret("simulated-Passw0rd")
CHALLENGE = "0123456789abcdef"

_DIALLED: tuple[Message, ...] = (
    {"mt": "AppChallengeResult", "challenge": CHALLENGE},
    {"mt": "AppLoginResult", "app": "calendar", "ok": True, "domain": "corp.example"},
)
_ACCEPTED: tuple[Message, ...] = (
    {"mt": "AppChallenge", "src": 1},
    {
        "mt": "AppLogin",
        "app": "calendar",
        "domain": "corp.example",
        "sip": "calendar",
        "guid": "aabb",
        "dn": "Calendar",
        "info": {"appobj": "calendar"},
        "pbxObj": "",
        "digest": login_digest(
            PASSWORD,
            CHALLENGE,
            app="calendar",
            domain="corp.example",
            sip="calendar",
            guid="aabb",
            dn="Calendar",
            info='{"appobj":"calendar"}',
        ),
    },
)
_AFTER: tuple[Message, ...] = (
    {"mt": "PbxInfo", "pbx": "m", "domain": "corp.example", "apis": ["PbxApi", "PbxTableUsers"]},
    {"mt": "ReplicateStartResult", "api": "PbxTableUsers", "src": "1", "columns": {}},
)
_STRANGE: tuple[object, ...] = (
    *(None, True, False, 0, -1, 2**31, 2**53 + 1, 10**400, 1e308, "", "\0", "\x1b[2J", "\u202e", "\ud83d", "x" * 5000),
    *([], {}, [[]], [{}], {"": ""}, [None] * 50, "master", "PbxApi", "ReplicateAdd", 'type="executive"', "calendar:"),
)


def conversation(recorded: Sequence[bytes], random: Random) -> tuple[bool, list[str]]:
    """Return who logs in (whether it is the PBX), and what the PBX says, some of it wrong."""
    accepts = random.random() < 0.4
    said = [encode(each) for each in (_ACCEPTED if accepts else _DIALLED)]
    after = [encode(each) for each in _AFTER] + [
        random.choice(recorded).decode("utf-8", "replace") for _ in range(random.randint(1, 6))
    ]
    # Mostly what comes after the log-in: before it, the first thing that is wrong is the last.
    wrong = said if random.random() < 0.3 else after
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(wrong))
        wrong[place] = _altered(wrong[place], random)
    both = said + after
    if random.random() < 0.2:
        random.shuffle(both)
    return accepts, both


def converse(accepts: bool, said: Sequence[str]) -> None:
    """Hold a conversation as a connection does; a named failure ends it."""
    session = AppSession(ListenLogin(PASSWORD, lambda: CHALLENGE) if accepts else DialLogin("calendar", PASSWORD))
    users = Replication()
    session.start()
    users.start()
    for text in said:
        for output in session.receive(text):
            if isinstance(output, ApiMessage) and output.api == USERS_API:
                users.receive(output.mt, output.body)
            elif isinstance(output, ApiMessage):
                entries_in(output.body)
                objects_of(output.body, "presence")
    session.closed()


def _altered(text: str, random: Random) -> str:
    """Return a message with one value, name or type other than it was."""
    try:
        message = json.loads(text)
    except ValueError:
        return text
    places = list(_places(message))
    if not places:
        return text
    holder, key = random.choice(places)
    match random.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice(("mt", "api", "src", "columns", "guid", "error", "x" * 300))] = holder.pop(key)
        case 2:
            holder[key] = [holder[key]] * random.randint(1, 30)
        case 3:
            holder[key] = copy.deepcopy(random.choice(places)[0])
        case _:
            holder[key] = random.choice(_STRANGE)
    return json.dumps(message, ensure_ascii=random.random() < 0.5)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Tell where something stands in a message: an object or a list, and the key in it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
