"""Survey of a tenant of Microsoft 365: finds out by a few requests what the documentation of Graph leaves open."""

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from engine.core.tenant import LONGEST, MissingMailbox, TenantFacts
from engine.display import visible
from engine.exchange.addresses import domain_of
from engine.exchange.errors import ExchangeBusy, ExchangeFailure, MailboxNotFound
from engine.exchange.graph.batch import PARTS, GraphAnswer
from engine.exchange.graph.client import THROTTLED, GraphClient
from engine.exchange.graph.directory import DirectoryUser, users
from engine.exchange.graph.error_codes import error_in, failure_of
from engine.exchange.graph.errors import GraphAccessDenied, GraphPermissionMissing
from engine.exchange.graph.readers import A_MINUTE, content
from engine.exchange.graph.requests import (
    ADDRESSES_OF_A_FILTER,
    GraphRequest,
    calendar_view,
    find_users,
    get_schedule,
    user_in,
)
from engine.exchange.source import Mailbox

READ_BASIC, READ, LOOK_UP = "Calendars.ReadBasic.All", "Calendars.Read", "User.Read.All"
OF_CALENDARS = "calendars."
"""Begins every permission for calendars, in lower case."""

SECONDS = 60.0
"""Limit on the whole survey; what is not known by then stays unknown."""

LEVELS = (2, 4, 8, 16)
"""Batches at once, one number after the other; never more, and none after the first that is throttled."""

OF_A_BATCH, OF_A_MAILBOX = 4, 2
"""The most requests in a batch of these, and at a mailbox at once: Graph allows 4, and the engine may be reading it."""

TRIED = 3
"""Users whose primary address is tried."""

_OK = 200
_SAYS_NOTHING = (401, THROTTLED)
_FAULT_OF_SERVER = 500
_UNKNOWN = "UnknownError"

DENIED = (GraphAccessDenied, GraphPermissionMissing)
"""Failures of an application that lacks a permission."""


class TenantSurvey:
    """Asks about one tenant by `client`, and adds to what was known `before`.

    `roles` are the permissions in the token, None if it cannot be read; `known` are addresses of mailboxes, of which
    the first 20 are used; `batches` is the most that may be under way at once; `at` is the calendar time.
    """

    def __init__(
        self,
        client: GraphClient,
        roles: Sequence[str] | None,
        known: Sequence[str],
        before: TenantFacts,
        *,
        batches: int,
        at: datetime,
    ) -> None:
        self._client = client
        self._roles = roles
        self._known = tuple({each.casefold(): each for each in known}.values())[:PARTS]
        self._facts = before
        self._batches = batches
        self._at = at

    async def after_denial(self, address: str) -> TenantFacts | None:
        """Return what is known after calendarView of a mailbox was denied; None if its permission is not the reason.

        Calendars.ReadBasic.All is not enough where free/busy times, for which it is, are answered.
        """
        if self._of_calendars() != {READ_BASIC}:
            return None
        answer = await self._one(get_schedule(address, [address], A_MINUTE))
        if answer.status != _OK:
            return None
        self._learn("read_basic_suffices", False)
        return self._facts

    async def run(self, mailbox: Mailbox) -> TenantFacts:
        """Find out everything, with a `mailbox` whose calendar can be read, and return it."""
        questions: Mapping[str, Callable[[], Awaitable[None]]] = {
            "read_basic_suffices": lambda: self._ask_permission(user_in(mailbox.url)),
            "missing_mailbox": lambda: self._ask_missing(domain_of(mailbox.address)),
            "primary_address_works": self._ask_primary_address,
            "batches_at_once": self._ask_batches,
        }
        left = dict.fromkeys(questions, f"it took more than {SECONDS:.0f} seconds")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                for name, question in questions.items():
                    try:
                        await question()
                    except ExchangeFailure as failure:
                        self._is_unknown(name, f"{failure.meaning}: {failure.detail}")
                    del left[name]
        for name, why in left.items():
            self._is_unknown(name, why)
        return self._facts

    async def _ask_permission(self, user: str) -> None:
        answer = await self._one(_view(user))
        self._learn("answers_zipped", _is_zipped(answer.headers))
        of_calendars = self._of_calendars()
        if self._roles is None:
            self._is_unknown("read_basic_suffices", "the token cannot be read")
        elif not of_calendars:
            self._is_unknown(
                "read_basic_suffices", "a role in Exchange Online lets the application read, not the token"
            )
        elif of_calendars == {READ_BASIC}:
            failure = None if answer.status == _OK else failure_of(answer, user)
            if failure is not None and not isinstance(failure, DENIED):
                raise failure
            self._learn("read_basic_suffices", failure is None)
        else:
            more = ", ".join(sorted(of_calendars - {READ_BASIC}))
            self._is_unknown("read_basic_suffices", f"the token has {more}: take that away, and check again")
        if self._roles is not None:
            needed = {READ if self._facts.read_basic_suffices is False else READ_BASIC, LOOK_UP}
            more_roles = sorted(visible(each)[:LONGEST] for each in self._roles if each not in needed)
            self._learn("removable_roles", tuple(more_roles))
        else:
            self._is_unknown("removable_roles", "the token cannot be read")

    async def _ask_missing(self, domain: str) -> None:
        nobody = f"calendar-engine-{secrets.token_hex(8)}@{domain}"
        answer = await self._one(_view(nobody))
        error = error_in(answer.body)
        code = error.codes[0] if error is not None and error.codes else ""
        if answer.status == _OK:
            self._is_unknown("missing_mailbox", "an address that nobody should have was answered as if somebody had it")
        elif answer.status in _SAYS_NOTHING or answer.status >= _FAULT_OF_SERVER or code == _UNKNOWN:
            raise failure_of(answer, nobody)
        else:
            self._learn("missing_mailbox", MissingMailbox(answer.status, visible(code)[:LONGEST]))

    async def _ask_primary_address(self) -> None:
        groups = range(0, len(self._known), ADDRESSES_OF_A_FILTER)
        answers, _ = await self._all([find_users(self._known[each : each + ADDRESSES_OF_A_FILTER]) for each in groups])
        found = [user for answer in answers if answer for user in users(content(answer, "the directory"))]
        for user in list(filter(_has_two_names, found))[:TRIED]:
            if user.mail is None or (await self._one(_view(user.id))).status != _OK:
                continue
            answer = await self._one(_view(user.mail))
            failure = (
                None if answer.status == _OK else failure_of(answer, user.mail, missing=self._facts.missing_mailbox)
            )
            if failure is not None and not isinstance(failure, MailboxNotFound):
                raise failure
            self._learn("primary_address_works", failure is None)
            return
        self._is_unknown(
            "primary_address_works",
            f"of {len(self._known)} known mailboxes, none has another user principal name than its address",
        )

    async def _ask_batches(self) -> None:
        answers, headers = await self._all([_view(each) for each in self._known])
        readable = [user for user, answer in zip(self._known, answers, strict=True) if answer and answer.status == _OK]
        if len(readable) < LEVELS[0]:
            self._is_unknown(
                "batches_at_once", f"it takes {LEVELS[0]} mailboxes whose calendars are known to be readable"
            )
            return
        self._learn("answers_zipped", _is_zipped(headers))
        reached = 1
        for level in LEVELS:
            number = min(level, self._batches, len(readable))
            if number <= reached or await self._are_throttled(number, readable):
                break
            reached = number
        self._learn("batches_at_once", reached)

    async def _are_throttled(self, number: int, readable: Sequence[str]) -> bool:
        """Send that many batches at once, and return whether Graph throttles any of it. Raises any other failure."""
        size = min(OF_A_BATCH, OF_A_MAILBOX * len(readable) // number)
        around = itertools.cycle(readable)
        async with asyncio.TaskGroup() as group:
            batches = [[_view(next(around)) for _ in range(size)] for _ in range(number)]
            sent = [group.create_task(self._failure_of(batch)) for batch in batches]
        failures = [task.result() for task in sent]
        if any(isinstance(each, ExchangeBusy) for each in failures):
            return True
        for failure in filter(None, failures):
            raise failure
        return False

    async def _failure_of(self, batch: Sequence[GraphRequest]) -> ExchangeFailure | None:
        try:
            answers, _ = await self._all(batch)
        except ExchangeFailure as failure:
            return failure
        return ExchangeBusy("a part of a batch") if any(each and each.status == THROTTLED for each in answers) else None

    async def _all(self, requests: Sequence[GraphRequest]) -> tuple[list[GraphAnswer | None], Mapping[str, str]]:
        """Return the answer to each request, and the headers of all: one request is none that may be in a batch."""
        if len(requests) == 1:
            answer = await self._one(requests[0])
            return [answer], answer.headers
        batch = await self._client.send_batch(requests)
        return batch.answers, batch.headers

    async def _one(self, request: GraphRequest) -> GraphAnswer:
        return (await self._client.send(request)).answer

    def _of_calendars(self) -> set[str]:
        return {each for each in self._roles or () if each.casefold().startswith(OF_CALENDARS)}

    def _learn(self, name: str, value: object) -> None:
        self._facts = self._facts.with_fact(name, value, self._at)

    def _is_unknown(self, name: str, why: str) -> None:
        self._facts = self._facts.without_fact(name, visible(why))


def _view(user: str) -> GraphRequest:
    return calendar_view(user, A_MINUTE, with_subjects=False, with_organizers=False)


def _has_two_names(user: DirectoryUser) -> bool:
    name, mail = user.user_principal_name, user.mail
    return bool(name and mail) and (name or "").casefold() != (mail or "").casefold() and not user.is_guest


def _is_zipped(headers: Mapping[str, str]) -> bool:
    return "gzip" in headers.get("content-encoding", "").casefold()
