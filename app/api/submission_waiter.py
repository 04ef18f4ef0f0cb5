"""Wallets that wait until the node has their transaction."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.waiter import Waiter
from app.db import Db
from app.domain import dogeconnect
from app.domain.dogeconnect import Submission

MOST: Final = 1_000
"""How many wallets may wait at once in one process; any other hears that there is no answer yet."""


class SubmissionWaiter(Waiter[str, Submission]):
    """Reads the submissions of all wallets that wait, by their invoices' ids."""

    def __init__(self, reads: AsyncEngine) -> None:
        super().__init__(reads, MOST)

    async def answer(self, submission: Submission, seconds: float) -> Submission:
        """Return the submission once the node has answered, or as it was last read after `seconds`."""
        return await self.until(submission.address, submission, lambda read: read.state != "stored", seconds)

    async def read(self, db: Db, known: Sequence[tuple[str, object]]) -> Mapping[str, Submission]:
        """Read the submissions in one statement."""
        return await dogeconnect.load(db, list({address for address, _ in known}))
