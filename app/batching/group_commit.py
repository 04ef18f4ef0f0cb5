"""Requests that wait together are committed together; a lone one starts at once."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import FAILURES, LOCK_NOT_AVAILABLE, RETRIED, Db, sqlstate
from app.domain import commands
from app.domain.audit_log import Action
from app.domain.commands import Command, Result, Submitted
from app.domain.idempotency import WAIT_SECONDS, Claim, StillRunning
from app.domain.installation import Installation
from app.domain.refusals import Refusal

Request = TypeVar("Request")
Resource = TypeVar("Resource")

Batch = Sequence[Submitted[Any]]

BATCH: Final = 200
BULK: Final = 1_000
"""The most of a transaction for callers who ask for many things at once: what a statement costs in itself is shared by more."""
WAITING: Final = 10_000
"""Requests of one command that may wait in a lane; more are turned away."""
TRIES: Final = 3
CLOSING_SECONDS: Final = 10.0
"""How long what was taken in may take to be committed at the end; then what no transaction has begun is refused."""
LAST_SECONDS: Final = 30.0
"""How long a transaction that has begun may take beyond that: the database gives up a statement before."""


class Overloaded(Refusal):
    """Too many requests wait already; try again."""

    code = "not-available"


class PerhapsDone(Refusal):
    """This was cut off while it was committed: it may have been done. Look before you ask for it again."""

    code = "unknown-error"


class Stopping(Refusal):
    """Kennel is stopping; nothing was done, try again."""

    code = "not-available"


@dataclass(slots=True)
class _Waiting(Generic[Request, Resource]):
    """What one caller asks for, and where it hears what came of it; an exception is no refusal but a fault."""

    submitted: Sequence[Submitted[Request]]
    weight: int
    outcomes: asyncio.Future[Sequence[Result[Resource] | Exception]]

    def settle(self, outcomes: Sequence[Result[Resource] | Exception]) -> None:
        """Tell the caller, unless it has gone away."""
        if not self.outcomes.done():
            self.outcomes.set_result(outcomes)


@dataclass(slots=True)
class _Lane:
    """Who waits for one command, and whether a task commits their requests, up to `size` by weight at once."""

    command: Command[Any, Any]
    size: int
    queue: deque[_Waiting[Any, Any]] = field(default_factory=deque)
    waiting: int = 0
    moving: bool = False

    def put(self, submitted: Sequence[Submitted[Any]], weight: int) -> _Waiting[Any, Any]:
        """Let them wait for the same transaction."""
        caller: _Waiting[Any, Any] = _Waiting(submitted, weight, asyncio.get_running_loop().create_future())
        self.waiting += len(submitted)
        self.queue.append(caller)
        return caller

    def take(self) -> list[_Waiting[Any, Any]]:
        """Return those whose requests are the next transaction; one that is heavier than all of it goes alone."""
        batch: list[_Waiting[Any, Any]] = []
        room = self.size
        while self.queue and (not batch or self.queue[0].weight <= room):
            batch.append(self.queue.popleft())
            room -= batch[-1].weight
        self.waiting -= sum(len(caller.submitted) for caller in batch)
        return batch

    def refuse(self) -> None:
        """Turn away all that wait; nothing of theirs was begun."""
        while self.queue:
            for caller in self.take():
                caller.settle([Stopping() for _ in caller.submitted])


Observe = Callable[[str, int, float], None]
"""Is told of each transaction: the kind of its command, how many requests, and the seconds that it took."""


def unobserved(kind: str, requests: int, seconds: float) -> None:
    """Tell nobody."""


class _CommitBrokeOffError(Exception):
    """The connection was lost under a COMMIT, which may have gone through; the cause says how."""


class GroupCommit:
    """One writer per command, another for its bulks; while a transaction runs, the next batch gathers.

    Each rule gets the `installation`. `committed` is called after each transaction that made anything, with its command.
    A request whose key another transaction holds waits for at most `wait_seconds`.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        installation: Installation,
        committed: Callable[[Command[Any, Any]], None],
        *,
        wait_seconds: float = WAIT_SECONDS,
        observe: Observe = unobserved,
    ) -> None:
        self.installation = installation
        self._observe = observe
        self._engine = engine
        self._committed = committed
        self._wait_seconds = wait_seconds
        self._lanes: dict[tuple[Command[Any, Any], int], _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def beside(self, engine: AsyncEngine, committed: Callable[[Command[Any, Any]], None]) -> "GroupCommit":
        """Return another one for the same installation, with connections of its own."""
        return GroupCommit(engine, self.installation, committed, observe=self._observe)

    async def close(self, seconds: float = CLOSING_SECONDS, last_seconds: float = LAST_SECONDS) -> None:
        """Take nothing more; commit what was taken in and answer it, or refuse what there is no time for.

        A transaction that has begun is ended all the same, and cut off only where the database does not end it either.
        """
        self._closed = True
        await self._wait(seconds)
        for lane in self._lanes.values():
            lane.refuse()
        await self._wait(last_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _wait(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def submit(
        self,
        command: Command[Request, Resource],
        request: Request,
        claim: Claim | None = None,
        *,
        weight: int = 1,
        action: Action | None = None,
    ) -> Result[Resource]:
        """Return what the request made once that is committed, or raise its refusal. It logs an `action` with it.

        `weight` is how many ordinary requests are as much work: what is heavy shares its transaction with fewer.
        """
        submitted = (Submitted(request, claim, action),)
        outcome: Result[Resource] | Exception
        [outcome] = await self._lane(command, BATCH, 1).put(submitted, weight).outcomes
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def submit_all(
        self, command: Command[Request, Resource], submitted: Sequence[Submitted[Request]]
    ) -> Sequence[Result[Resource] | Exception]:
        """Return what each of one caller's requests came to, in order: each commits for itself, or is refused or fails.

        They wait in a lane of their own, so that nobody who asks for one thing waits for a thousand.
        """
        outcomes: list[Result[Resource] | Exception] = []
        # One after the other: what comes first may pay for what follows.
        for first in range(0, len(submitted), BULK):
            number = 0 if first else len(submitted)  # who was let in is not turned away half way
            part = submitted[first : first + BULK]
            outcomes += await self._lane(command, BULK, number).put(part, len(part)).outcomes
        return outcomes

    def _lane(self, command: Command[Any, Any], size: int, number: int) -> _Lane:
        """Return the lane in which so many more are to wait, and see that it moves."""
        if self._closed:
            raise Stopping
        lane = self._lanes.setdefault((command, size), _Lane(command, size))
        if lane.waiting + number > WAITING:
            raise Overloaded
        if not lane.moving:
            lane.moving = True
            # It carries out the requests of many: none of them lends it its request id.
            task = asyncio.create_task(self._write(lane), context=Context())
            self._tasks.add(task)  # the event loop itself keeps none alive
            task.add_done_callback(self._tasks.discard)
        return lane

    async def _write(self, lane: _Lane) -> None:
        try:
            while lane.queue:
                batch = lane.take()
                try:
                    await self._commit(lane.command, batch)
                finally:  # whoever is cut off hears of it; to all others this says nothing
                    for waiting in batch:
                        waiting.settle([PerhapsDone() for _ in waiting.submitted])
        finally:
            lane.moving = False

    async def _commit(self, command: Command[Any, Any], batch: Sequence[_Waiting[Any, Any]]) -> None:
        """A batch that fails as a whole is run again item by item, so that a poisonous request fails alone."""
        submitted = [request for waiting in batch for request in waiting.submitted]
        outcomes = await self._attempt(command, submitted)
        if len(submitted) > 1 and isinstance(outcomes, Exception) and _surely_undone(outcomes):
            answered = [(waiting, await self._each(command, waiting.submitted)) for waiting in batch]
        else:
            rest = iter(_answers(submitted, outcomes) if isinstance(outcomes, Exception) else outcomes)
            answered = [(waiting, [next(rest) for _ in waiting.submitted]) for waiting in batch]
        for waiting, answers in answered:
            waiting.settle(answers)
        if any(isinstance(answer, Result) for _, answers in answered for answer in answers):
            self._committed(command)  # at the very end: nothing that is committed is ever done again

    async def _each(self, command: Command[Any, Any], submitted: Sequence[Submitted[Any]]) -> list[Any]:
        outcomes = [await self._attempt(command, [request]) for request in submitted]
        return [
            answer
            for request, outcome in zip(submitted, outcomes, strict=True)
            for answer in (_answers([request], outcome) if isinstance(outcome, Exception) else outcome)
        ]

    async def _attempt(self, command: Command[Any, Any], submitted: Batch) -> Sequence[Any] | Exception:
        """Return the outcomes once they are committed, or what went wrong with all of them."""
        began = time.perf_counter()
        try:
            return await self._transact(command, submitted)
        except Exception as error:  # noqa: BLE001  whatever it is, the callers must hear of it
            return error
        finally:
            self._observe(command.kind, len(submitted), time.perf_counter() - began)

    async def _transact(self, command: Command[Any, Any], submitted: Batch) -> Sequence[Any]:
        for attempt in range(1, TRIES + 1):
            outcomes = None
            try:
                async with self._engine.begin() as db:
                    outcomes = await self._perform(db, command, submitted)
            except FAILURES as error:
                if outcomes is not None and not _surely_undone(error):
                    raise _CommitBrokeOffError from error
                if sqlstate(error) not in RETRIED or attempt == TRIES:
                    raise
            else:
                return outcomes
        raise AssertionError  # the last attempt returned or raised

    async def _perform(self, db: Db, command: Command[Any, Any], submitted: Batch) -> Sequence[Any]:
        return await commands.perform(db, self.installation, command, submitted, self._wait_seconds)


def _surely_undone(error: Exception) -> bool:
    """Nothing of it was committed, and trying again is worth it.

    Not where the connection failed under a COMMIT that may have gone through, nor where there was none to be had.
    """
    if isinstance(error, DBAPIError):
        state = sqlstate(error)
        return state is not None and not state.startswith(("08", "57P"))
    return not isinstance(error, (*FAILURES, PoolTimeout, _CommitBrokeOffError))


def _answers(submitted: Sequence[Submitted[Any]], error: Exception) -> list[Exception]:
    """Say what went wrong with each. Another request that holds the same key for too long is an answer, not a fault.

    Where nobody knows whether it was committed, only a request with a key may be told to try again.
    """
    if sqlstate(error) == LOCK_NOT_AVAILABLE:
        return [StillRunning(field="Idempotency-Key")] * len(submitted)
    if isinstance(error, _CommitBrokeOffError):
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        return [PerhapsDone() if request.claim is None else cause for request in submitted]
    return [error] * len(submitted)
