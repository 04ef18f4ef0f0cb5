"""Requests that wait together are committed together; a lone one starts at once."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db as bulk
from app.domain import verbs
from app.domain.idempotency import WAIT_SECONDS, Claim, StillRunning
from app.domain.refusals import Refusal
from app.domain.verbs import Asked, Done, Verb

Request = TypeVar("Request")
Thing = TypeVar("Thing")

BATCH: Final = 200
WAITING: Final = 10_000
"""Requests of one verb that may wait; more are turned away."""
TRIES: Final = 3


class Overloaded(Refusal):
    """Too many requests wait already; try again."""

    code = "not-available"


@dataclass(slots=True)
class _Waiting(Generic[Request, Thing]):
    asked: Asked[Request]
    outcome: asyncio.Future[Done[Thing] | Refusal]

    def settle(self, outcome: Done[Thing] | Refusal | BaseException) -> None:
        """Tell the caller, unless it has gone away."""
        if self.outcome.done():
            return
        if isinstance(outcome, BaseException) and not isinstance(outcome, Refusal):
            self.outcome.set_exception(outcome)
        else:
            self.outcome.set_result(outcome)


class GroupCommit:
    """One writer per verb; while its transaction runs, the next batch gathers. `committed` is called after each.

    Who uses a key that another transaction holds waits for at most `wait_seconds`.
    """

    def __init__(
        self, engine: AsyncEngine, committed: Callable[[], None], *, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._engine = engine
        self._committed = committed
        self._wait_seconds = wait_seconds
        self._queues: dict[Verb[Any, Any], deque[_Waiting[Any, Any]]] = {}
        self._writers: dict[Verb[Any, Any], asyncio.Task[None]] = {}

    async def submit(self, verb: Verb[Request, Thing], request: Request, claim: Claim | None = None) -> Done[Thing]:
        """Return what the request made once that is committed, or raise its refusal."""
        queue = self._queues.setdefault(verb, deque())
        if len(queue) >= WAITING:
            raise Overloaded
        waiting: _Waiting[Request, Thing] = _Waiting(Asked(request, claim), asyncio.get_running_loop().create_future())
        queue.append(waiting)
        if verb not in self._writers:
            self._writers[verb] = asyncio.create_task(self._write(verb, queue))
        outcome = await waiting.outcome
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    async def _write(self, verb: Verb[Any, Any], queue: deque[_Waiting[Any, Any]]) -> None:
        try:
            while queue:
                batch = [queue.popleft() for _ in range(min(BATCH, len(queue)))]
                await self._commit(verb, batch)
        finally:
            del self._writers[verb]

    async def _commit(self, verb: Verb[Any, Any], batch: Sequence[_Waiting[Any, Any]]) -> None:
        """A batch that fails as a whole is run again item by item, so that a poisonous request fails alone."""
        committed = False
        try:
            outcomes = await self._transact(verb, [waiting.asked for waiting in batch])
            committed = True
        except Exception as error:  # noqa: BLE001  whatever it is, the callers must hear of it
            if len(batch) > 1 and _surely_undone(error):
                for waiting in batch:
                    await self._commit(verb, [waiting])
                return
            outcomes = [_told(error)] * len(batch)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.settle(outcome)
        if committed:
            self._committed()  # outside of the try: nothing that is committed is ever done again

    async def _transact(self, verb: Verb[Any, Any], asked: Sequence[Asked[Any]]) -> Sequence[Any]:
        for attempt in range(1, TRIES + 1):
            try:
                async with self._engine.begin() as db:
                    outcomes = await verbs.perform(db, verb, asked, self._wait_seconds)
            except DBAPIError as error:
                if bulk.sqlstate(error) not in bulk.RETRIED or attempt == TRIES:
                    raise
            else:
                return outcomes
        raise AssertionError  # the last attempt returned or raised


def _surely_undone(error: Exception) -> bool:
    """Nothing of it was committed, and trying again is worth it.

    Not where the connection failed under a COMMIT that may have gone through, nor where there was none to be had.
    """
    if isinstance(error, DBAPIError):
        state = bulk.sqlstate(error)
        return state is not None and not state.startswith(("08", "57P"))
    return not isinstance(error, OSError | PoolTimeout)


def _told(error: Exception) -> Exception:
    """Another request that holds the same key for too long is an answer, not a fault."""
    waited = bulk.sqlstate(error) == bulk.LOCK_NOT_AVAILABLE
    return StillRunning(field="Idempotency-Key") if waited else error
