"""Rules: money is held and locked in escrows, and goes to whom their ends give it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from app.domain import escrows, holds
from app.domain.escrows import End, NewEscrow
from app.domain.holds import Capture, NewHold, Release
from tests.ledger_walk.machine import (
    ACCOUNT,
    AMOUNT,
    ASSET,
    ASSETS,
    FUNDED,
    INDEX,
    PART,
    Attempt,
    LedgerMachine,
)
from tests.ledger_walk.model import Escrow, Hold

SECONDS = 3600
"""The time of a hold: longer than any walk. A rule makes a hold late."""
ENDS = st.sampled_from(("RELEASED", "REFUNDED", "DISPUTED", "DISPUTED", "RESOLVED"))
SIDES = st.permutations(FUNDED).map(lambda names: (names[0], names[1])) | st.tuples(ACCOUNT, ACCOUNT)
PRICE = st.tuples(st.sampled_from(tuple(ASSETS)), st.integers(1, 40), st.integers(0, 30)) | st.tuples(
    ASSET, AMOUNT, AMOUNT
)


class HoldRules(LedgerMachine):
    """Rules about holds and escrows."""

    @rule(drawn=st.lists(st.tuples(ACCOUNT, ASSET, AMOUNT, st.booleans()), min_size=1, max_size=3))
    def hold(self, drawn: Sequence[tuple[str, str, int, bool]]) -> None:
        attempts = [
            Attempt(
                NewHold(account, asset, self.shown(asset, amount), SECONDS if ends else None),
                partial(self.model.hold, account, asset, amount, ends=ends),
            )
            for account, asset, amount, ends in drawn
        ]
        self.submit(holds.PLACE, *attempts)

    @precondition(lambda self: self.model.holds)
    @rule(drawn=st.lists(st.tuples(INDEX, PART), min_size=1, max_size=3))
    def release(self, drawn: Sequence[tuple[int, int | None]]) -> None:
        """At once, perhaps one hold twice."""
        self.submit(holds.RELEASE, *(self._release(hold, part) for hold, part in self._holds(drawn)))

    @precondition(lambda self: self.model.holds)
    @rule(drawn=st.lists(st.tuples(INDEX, PART), min_size=1, max_size=3), to=ACCOUNT)
    def capture(self, drawn: Sequence[tuple[int, int | None]], to: str) -> None:
        self.submit(holds.CAPTURE, *(self._capture(hold, to, part) for hold, part in self._holds(drawn)))

    @precondition(lambda self: any(hold.ends for hold in self.model.holds))
    @rule(index=INDEX, to=ACCOUNT, then=st.sampled_from(("release", "capture", "lock", "")))
    def time_runs_out(self, index: int, to: str, then: str) -> None:
        """A hold whose time is over has ended, before the clock expires it."""
        hold = self.nth([hold for hold in self.model.holds if hold.ends], index)
        hold.late = True
        self.run(self._make_late(hold.id))
        if then == "release":
            self.submit(holds.RELEASE, self._release(hold, None))
        if then == "capture":
            self.submit(holds.CAPTURE, self._capture(hold, to, None))
        if then == "lock":
            escrow = Escrow(hold.asset, 0, (hold.owner, to), hold.remaining, 0)
            self.submit(escrows.LOCK, self._lock(f"late {index}", escrow, hold))

    @precondition(lambda self: any(hold.late for hold in self.model.holds))
    @rule()
    def expire(self) -> None:
        assert self.run(self._expire()) == self.model.expire()
        self.changed = True

    @rule(
        orders=st.lists(st.integers(0, 50), min_size=1, max_size=2),
        sides=SIDES,
        terms=PRICE,
        index=st.none() | INDEX,
    )
    def lock(
        self, orders: Sequence[int], sides: tuple[str, str], terms: tuple[str, int, int], index: int | None
    ) -> None:
        """Two escrows at once, perhaps for one order, perhaps from one hold of another account."""
        hold = None if index is None or not self.model.holds else self.nth(self.model.holds, index)
        asset, amount, fee = terms
        if hold is not None:
            sides, asset = (hold.owner if amount % 4 else sides[0], sides[1]), hold.asset
        self.submit(
            escrows.LOCK,
            *(self._lock(str(order), Escrow(asset, 0, sides, amount, fee), hold) for order in orders),
        )

    @precondition(lambda self: self.model.escrows)
    @rule(drawn=st.lists(st.tuples(INDEX, ENDS, AMOUNT | st.none()), min_size=1, max_size=3))
    def end(self, drawn: Sequence[tuple[int, str, int | None]]) -> None:
        """At once, perhaps one escrow twice. The parts have the right sum if no wrong amount is drawn."""
        escrows_now = tuple(self.model.escrows.values())
        self.submit(
            escrows.END,
            *(
                self._ending(self.nth(escrows_now, index), state, index, wrong)
                for index, state, wrong in drawn
            ),
        )

    @precondition(lambda self: any(escrow.state == "LOCKED" for escrow in self.model.escrows.values()))
    @rule(index=INDEX, to_seller=st.integers(0, 10) | AMOUNT)
    def dispute(self, index: int, to_seller: int) -> None:
        locked = [escrow for escrow in self.model.escrows.values() if escrow.state == "LOCKED"]
        escrow = self.nth(locked, index)
        for state in ("DISPUTED", "RESOLVED"):
            self.submit(escrows.END, self._ending(escrow, state, to_seller, None))

    # ------------------------------------------------------------ used by the rules

    def _holds(self, drawn: Sequence[tuple[int, int | None]]) -> list[tuple[Hold, int | None]]:
        holds_now = tuple(self.model.holds)
        return [(self.nth(holds_now, index), part) for index, part in drawn]

    def _release(self, hold: Hold, part: int | None) -> Attempt:
        return Attempt(Release(hold.id, self.part(hold.asset, part)), partial(self.model.release, hold, part))

    def _capture(self, hold: Hold, to: str, part: int | None) -> Attempt:
        return Attempt(
            Capture(hold.id, to, self.part(hold.asset, part)), partial(self.model.capture, hold, to, part)
        )

    def _lock(self, order: str, escrow: Escrow, hold: Hold | None) -> Attempt:
        buyer, seller = escrow.sides
        amount, fee = (self.shown(escrow.asset, sum_) for sum_ in (escrow.amount, escrow.fee))
        new = NewEscrow(order, buyer, seller, escrow.asset, amount, fee, None if hold is None else hold.id)
        return Attempt(new, lambda: self.model.escrow(order, escrow, hold))

    def _ending(self, escrow: Escrow, state: str, to_seller: int, wrong: int | None) -> Attempt:
        seller_part = min(to_seller, escrow.amount)
        parts = (seller_part, escrow.amount - seller_part if wrong is None else wrong)
        shown = (self.shown(escrow.asset, part) for part in parts)
        return Attempt(End(escrow.id, state, *shown), lambda: self.model.end(escrow, state, parts))

    async def _make_late(self, hold: int) -> None:
        async with self.engine.begin() as db:
            await db.execute(sa.text("UPDATE holds SET expires = now() WHERE id = :id"), {"id": hold})

    async def _expire(self) -> Any:
        async with self.engine.begin() as db:
            return await holds.expire(db)
