"""Circuit breaker for log-ins: admits them one after the other, and pauses them by their outcomes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from engine.broadcast import Broadcast
from engine.core.clock import Clock
from engine.logins import rules
from engine.logins.history import AttemptHistory, RememberedAttempts
from engine.logins.rules import MOST, Account, Attempt, Attempts, LogInOutcome, Paused

T = TypeVar("T")

FRESH = timedelta(seconds=5)
"""Most log-ins are refused before the request is processed; a longer wait is probably the request's own time."""
MOST_FRESH = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """State of an account: the log-ins since the last proof, and its pause, if any."""

    account: Account
    refused: int
    unproved: int
    last: datetime | None
    pause: Paused | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What may still be tried with the last secret of an account: `used` log-ins failed since the last proof, `left`
    may follow before a pause of `then_pause`; `pause` is the present one."""

    account: Account
    used: int
    left: int
    then_pause: timedelta
    pause: Paused | None


class LogIns:
    """The circuit breakers of all accounts, shared by all parts of the engine; `clock` is the network clock."""

    def __init__(self, clock: Clock, history: AttemptHistory | None = None) -> None:
        self._clock = clock
        self._history = history or RememberedAttempts()
        self._turns: dict[Account, _Turns] = {}

    def breaker(self, account: Account, credential: Callable[[], str]) -> "Breaker":
        """Return the breaker for an account and its secret; `credential` is called in a thread when needed."""
        turns = self._turns.setdefault(account, _Turns(account, self._history, self._clock))
        return Breaker(turns, account, self._history, credential)

    async def standings(self) -> tuple[Standing, ...]:
        """Return the state of every known account."""
        now = self._clock.now()
        return tuple(_standing(account, tried, now) for account, tried in (await self._history.accounts()).items())

    async def outlooks(self) -> tuple[Outlook, ...]:
        """Return what may still be tried with every known account."""
        now = self._clock.now()
        return tuple(_outlook(account, tried, now) for account, tried in (await self._history.accounts()).items())

    async def ask(self, kinds: Collection[str] = ()) -> tuple[Account, ...]:
        """Allow one more log-in for every paused account of these kinds (none given: of all), unless that is too much;
        return those accounts."""
        asked = []
        for standing in await self.standings():
            if standing.pause is None or (kinds and standing.account.kind not in kinds):
                continue
            with contextlib.suppress(Paused):
                await self._history.change(standing.account, lambda tried: rules.asked(tried, self._clock.now()))
                asked.append(standing.account)
        return tuple(asked)


def _outlook(account: Account, attempts: Attempts, now: datetime) -> Outlook:
    standing = _standing(account, attempts, now)
    left, then_pause = rules.left(attempts, _last_credential(attempts), now)
    return Outlook(account, standing.refused + standing.unproved, left, then_pause, standing.pause)


def _last_credential(attempts: Attempts) -> str:
    return next((each.credential for each in reversed(attempts) if each.outcome is not LogInOutcome.ASKED), "")


def _standing(account: Account, attempts: Attempts, now: datetime) -> Standing:
    credential = _last_credential(attempts)
    tried = [each for each in attempts if each.outcome not in (LogInOutcome.ASKED, LogInOutcome.PROVED)]
    refused = sum(each.outcome is LogInOutcome.REFUSED for each in tried)
    last = attempts[-1].at if attempts else None
    return Standing(account, refused, len(tried) - refused, last, rules.paused(attempts, credential, now))


class Breaker:
    """Circuit breaker for all log-ins of one account with one secret."""

    def __init__(
        self, turns: "_Turns", account: Account, history: AttemptHistory, credential: Callable[[], str]
    ) -> None:
        self._turns = turns
        self._account = account
        self._history = history
        self._credential = credential
        self._fingerprint = ""
        self._making_fingerprint = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def log_in(self) -> AsyncIterator["LogIn"]:
        """Wait for a turn to log in; report the outcome inside the context. Raises `Paused` while log-ins are paused.

        Without a report after the secret was sent, it counts as a log-in that proves nothing.
        """
        async with self._making_fingerprint:
            if not self._fingerprint:
                credential = await asyncio.to_thread(self._credential)
                self._fingerprint = await self._history.fingerprint(self._account, credential)
        async with self._turns.one(self._fingerprint) as log_in:
            yield log_in

    async def pause(self) -> Paused | None:
        """Return until when no log-in with this secret may be tried, None if one may be."""
        return await self._turns.pause(self._fingerprint)


class LogIn:
    """One log-in. `trusted`: an earlier one of this process proved the same secret right."""

    def __init__(self, turns: "_Turns", credential: str, *, trusted: bool) -> None:
        self.trusted = trusted
        self._turns = turns
        self._credential = credential
        self._attempt: Attempt | None = None

    async def sending(self) -> None:
        """Must be called right before the secret, or a proof of it, is sent. Raises `Paused`."""
        if not self.trusted:
            self._attempt = await self._turns.begin(self._credential)

    async def not_sent(self) -> None:
        """Report that there was no connection to send the secret over."""
        if self._attempt is not None:
            await self._turns.take_back(self._attempt)

    async def proved(self) -> None:
        """Report that the service behind the log-in has answered."""
        await self._turns.proved(self._credential, self._attempt)

    async def refused(self) -> None:
        """Report that the server refused the log-in."""
        await self._turns.ended(self._credential, self._attempt, LogInOutcome.REFUSED)

    async def undecided(self, seen: str) -> None:
        """Report an answer or a lost connection that may hide a refusal; `seen` describes it."""
        await self._turns.ended(self._credential, self._attempt, LogInOutcome.UNDECIDED, seen)

    async def overdue(self, seen: str) -> None:
        """Report that there was no answer in time. With a trusted secret, the cause is rather a mailbox."""
        if not self.trusted:
            await self.undecided(seen)


class _Turns:
    """Turns of the log-ins of one account.

    A secret that this process has not seen proved is tried by one log-in at a time, each stored before it is sent.
    With a proved one, up to two are under way at once, and up to four including those that take long; they need not
    be stored as long as none of them fails.
    """

    def __init__(self, account: Account, history: AttemptHistory, clock: Clock) -> None:
        self._account = account
        self._history = history
        self._clock = clock
        self._undecided: dict[str, int] = {}
        self._seen = ""
        self._under_way: dict[LogIn, datetime] = {}
        self._one_at_a_time = asyncio.Lock()
        self._changed = Broadcast()

    def now(self) -> datetime:
        """Return the present instant of network time."""
        return self._clock.now()

    @contextlib.asynccontextmanager
    async def one(self, credential: str) -> AsyncIterator[LogIn]:
        """Wait for a turn. Raises `Paused`."""
        while credential not in self._undecided:
            async with self._one_at_a_time:
                if credential in self._undecided:
                    break
                await self._check(credential)
                yield LogIn(self, credential, trusted=False)
                return
        async with self._trusted(credential) as log_in:
            if log_in is not None:
                yield log_in
                return
        async with self.one(credential) as log_in:  # the trust was lost while it waited
            yield log_in

    @contextlib.asynccontextmanager
    async def _trusted(self, credential: str) -> AsyncIterator[LogIn | None]:
        while credential in self._undecided and not self._has_room(credential):
            await self._something_changes()
        if credential not in self._undecided:
            yield None
            return
        log_in = LogIn(self, credential, trusted=True)
        self._under_way[log_in] = self.now()
        try:
            yield log_in
        finally:
            del self._under_way[log_in]
            self._changed.notify()

    async def begin(self, credential: str) -> Attempt:
        """Store that a log-in is about to be sent. If cancelled, it is not going to be sent."""
        begun: Attempts = ()

        async def begin() -> None:
            nonlocal begun
            begun = await self._history.begin(
                self._account, lambda attempts: rules.begun(self._known(attempts), credential, self.now())
            )

        try:
            await _completed(begin())
        except asyncio.CancelledError:
            if begun:
                await _completed(self.take_back(begun[-1]))
            raise
        return begun[-1]

    async def take_back(self, attempt: Attempt) -> None:
        """Remove a log-in that was not sent after all."""
        await _completed(self._history.change(self._account, lambda attempts: rules.taken_back(attempts, attempt)))

    async def proved(self, credential: str, attempt: Attempt | None) -> None:
        """Trust this secret, and no other, from now on; stored only if that ends a series of failures.

        A log-in that began before the trust was lost proves nothing about the secret now.
        """
        await _completed(self._proved(credential, attempt))

    async def _proved(self, credential: str, attempt: Attempt | None) -> None:
        undecided = self._undecided.get(credential)
        if undecided is None and attempt is None:
            return
        if undecided != 0:
            await self._history.change(self._account, lambda _: rules.proved(credential, self.now()))
        self._undecided = {credential: 0}
        self._changed.notify()

    async def ended(self, credential: str, attempt: Attempt | None, outcome: LogInOutcome, seen: str = "") -> None:
        """Store a log-in that was not proved. A refusal ends the trust at once, whatever else is under way."""
        undecided = self._undecided.pop(credential, rules.TRUSTED_TRIES) + 1
        if outcome is LogInOutcome.UNDECIDED and undecided < rules.TRUSTED_TRIES:
            self._undecided[credential] = undecided
        self._seen = seen
        self._changed.notify()
        if attempt is None:
            made = Attempt(credential, self.now(), outcome)
            await _completed(self._history.change(self._account, lambda attempts: (*attempts, made)))
        else:
            await _completed(
                self._history.change(self._account, lambda attempts: rules.settled(attempts, attempt, outcome))
            )

    async def pause(self, credential: str) -> Paused | None:
        """Return until when no log-in with this secret may be tried, None if one may be."""
        attempts = await self._history.change(self._account, self._known)
        pause = rules.paused(attempts, credential, self.now())
        if pause is not None:
            pause.seen = self._seen
        return pause

    async def _check(self, credential: str) -> None:
        if (pause := await self.pause(credential)) is not None:
            raise pause

    def _known(self, attempts: Attempts) -> Attempts:
        return rules.tidied(attempts, self.now())

    def _has_room(self, credential: str) -> bool:
        fresh = sum(self.now() - begun < FRESH for begun in self._under_way.values())
        return fresh < MOST_FRESH and len(self._under_way) < MOST - self._undecided[credential]

    async def _something_changes(self) -> None:
        """Return when a log-in ends, or the oldest fresh one is no longer fresh."""
        now = self.now()
        fresh = [begun + FRESH for begun in self._under_way.values() if now - begun < FRESH]
        if fresh:
            await self._changed.wait_until(min(fresh), self._clock)
        else:
            await self._changed.wait()


async def _completed(work: Coroutine[Any, Any, T]) -> T:
    """Complete `work` even if this task is cancelled: what is not stored counts as a log-in without proof."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        if not task.cancelled():
            task.exception()  # marks the exception as retrieved: the caller gets the cancellation
        raise
