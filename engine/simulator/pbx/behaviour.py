"""How the simulated PBX behaves: what is not documented of the real one is a switch here, and so is every fault."""

from dataclasses import dataclass, field
from enum import StrEnum

from engine.simulator.pbx.presence import ClearSemantics

ALL_APIS = frozenset({"PbxApi", "PbxTableUsers"})


class PbxInfoSent(StrEnum):
    """When a client that dialled in is told PbxInfo; documented only for the other direction."""

    NEVER = "never"
    BEFORE_LOGIN = "before log-in"
    """A fault, in either direction; where the PBX logs in, it comes afterwards as well."""
    AFTER_LOGIN = "after log-in"
    NEVER_AT_ALL = "never, not even where the PBX logs in"


class MissingRight(StrEnum):
    """What becomes of a request to an API the App object may not use."""

    ERROR = "error"
    SILENCE = "silence"


class Refusal(StrEnum):
    """How a log-in is refused."""

    RESULT = "result"
    CLOSING = "closing"


class EndOfCopy(StrEnum):
    """The ReplicateNextResult after the last row."""

    NO_COLUMNS = "no columns"
    NULL_COLUMNS = "null columns"
    EMPTY_GUID = "empty guid"
    NULL_GUID = "null guid"


@dataclass(slots=True, kw_only=True)
class Behaviour:
    """May be changed at any time; holds from the next message on, `clears` from the start.

    `result_delay` (seconds by the injected clock) holds back every SetPresenceResult, `answers_presence` off holds
    them back for good. `refused_presence` maps a guid to the errorText its SetPresence gets. `garbage` takes the
    place of the next message if that is an answer, and comes before it otherwise: of a change, TCP loses nothing.
    `notes_cut_at` is the length from which notes are cut, `notes_refused_from` the one from which
    they are refused. `sends_pings` puts a ping before every message; whether pings are answered holds from the next
    connection on. `names_api` and `echoes_src` off leave `api` and `src` out of results, `guids_in_capitals` writes
    guids with large letters.
    """

    clears: ClearSemantics = ClearSemantics.REMOVES_ENTRY
    pbx_info: PbxInfoSent = PbxInfoSent.NEVER
    missing_right: MissingRight = MissingRight.ERROR
    apis: frozenset[str] = ALL_APIS
    needs_add_and_delete: bool = False
    duplicate_adds: bool = False
    ends_copy_with: EndOfCopy = EndOfCopy.NO_COLUMNS
    filters_pseudo: bool = True
    notifies_under_src: bool = True
    refuses_by: Refusal = Refusal.RESULT
    answers_keep_alive: bool = False
    asks_about_the_app: bool = False
    notes_cut_at: int | None = None
    notes_refused_from: int | None = None
    sends_pings: bool = False
    answers_pings: bool = True
    names_api: bool = True
    echoes_src: bool = True
    guids_in_capitals: bool = False
    accepts_logins: bool = True
    answers_challenges: bool = True
    answers_logins: bool = True
    answers_presence: bool = True
    answers_replication: bool = True
    result_delay: float = 0.0
    refused_presence: dict[str, str] = field(default_factory=dict)
    garbage: str | None = None
