"""Callers that wait until something is another: each process has one reader for all of them."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(slots=True, eq=False)
class _Caller(Generic[Key, Value]):
    """Waits until its value, which was last read as `value`, is one of those that `ends` accepts."""

    key: Key
    value: Value
    ends: Callable[[Value], bool]
    over: asyncio.Event
    new: bool = True

    def hear(self, value: Value) -> None:
        self.value = value
        if self.ends(value):
            self.over.set()


class Waiter(ABC, Generic[Key, Value]):
    """Reads what all callers wait for in one statement, and only while there are callers.

    A value was read before its caller waits here. So no failure here is the caller's error: the caller gets
    the value as it was last read.
    """

    def __init__(self, reads: AsyncEngine, most: int) -> None:
        self.ended = False
        self._reads = reads
        self._most = most
        self._callers: set[_Caller[Key, Value]] = set()
        self._state: object = None

    async def until(self, key: Key, value: Value, ends: Callable[[Value], bool], seconds: float) -> Value:
        """Return the value once it is one that `ends` accepts, or as it was last read after `seconds`.

        Where `most` callers wait, any other gets its `value` at once.
        """
        if ends(value) or seconds <= 0 or self.ended or len(self._callers) >= self._most:
            return value
        caller = _Caller(key, value, ends, asyncio.Event())
        self._callers.add(caller)
        try:
            async with asyncio.timeout(seconds):
                await caller.over.wait()
        except TimeoutError:
            pass
        finally:
            self._callers.discard(caller)
        return caller.value

    async def step(self) -> bool:
        """Read what may have changed, and tell each caller its own; without callers nothing is asked.

        When nothing has happened, only new callers' values are read: they may have changed before they came.
        """
        callers = list(self._callers)  # a caller that comes meanwhile may know more than is read here
        if not callers:
            return False
        async with self._reads.connect() as db:
            state = await self.happened(db)
            concerned = [caller for caller in callers if caller.new or state != self._state]
            known = [(caller.key, caller.value) for caller in concerned]
            changed = await self.read(db, known) if known else {}
        self._state = state
        for caller in concerned:
            caller.new = False
            caller.hear(changed.get(caller.key, caller.value))
        return False

    async def happened(self, db: Db) -> object:
        """Return what differs whenever any value may have changed: here it always does."""
        del db
        return object()

    @abstractmethod
    async def read(self, db: Db, known: Sequence[tuple[Key, Value]]) -> Mapping[Key, Value]:
        """Return the values of now; a key whose callers all know its value may be missing."""

    def end(self) -> None:
        """Let every caller go with the value as it was last read: the program stops."""
        self.ended = True
        for caller in self._callers:
            caller.over.set()
