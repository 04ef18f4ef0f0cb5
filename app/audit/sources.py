"""What an audit reads, how much of it, and for how long."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db
from app.domain.dogecoin import Outpoint

FetchCoins = Callable[[Sequence[Outpoint]], Awaitable[tuple[bytes, Sequence[int | None]] | None]]
"""Returns the node's best block and the amount of each coin (None: no such coin); None from a silent node."""

Rest = Callable[[float], Awaitable[None]]
"""Is awaited after each slice, with the seconds that it took."""

DeriveXpubs = Callable[[Sequence[int]], Mapping[int, str]]
"""Derives the xpubs of accounts from the seed, by account number."""

SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class Sample:
    """A part of each check for callers who cannot wait: its first slice, and one after `percent` of it.

    The whole audit takes at most `seconds`.
    """

    percent: int
    seconds: float = SECONDS


class Deadline:
    """The end of a sample's time; a whole audit has none.

    With `keeps_limits` statements have the limits of their connection, and no others.
    """

    def __init__(self, sample: Sample | None, *, keeps_limits: bool = False) -> None:
        self._end = time.monotonic() + sample.seconds if sample else None
        self._keeps_limits = keeps_limits

    @property
    def seconds(self) -> float | None:
        """The time that remains, at least a millisecond; None: no end."""
        return None if self._end is None else max(0.001, self._end - time.monotonic())

    async def limit(self, db: Db) -> None:
        """Give each statement of the transaction no more than the time that remains."""
        if not self._keeps_limits:
            milliseconds = int(1000 * (self.seconds or 0))
            await db.execute(sa.text(f"SET LOCAL statement_timeout = {milliseconds}"))


@dataclass(frozen=True, slots=True)
class Sources:
    """What an audit reads: the database, whose `snapshots` each see one moment, the node and the seed.

    `others` are the installation's other cells.
    """

    snapshots: AsyncEngine
    deadline: Deadline
    fetch_coins: FetchCoins | None = None
    derive_xpubs: DeriveXpubs | None = None
    rest: Rest | None = None
    others: Sequence[AsyncEngine] = ()
