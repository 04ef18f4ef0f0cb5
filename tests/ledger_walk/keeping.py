"""Money is set aside by holds and locked by escrows, and goes where their ends say."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from app.domain import escrows, holds
from app.domain.escrows import End, NewEscrow
from app.domain.holds import Capture, NewHold, Release
from tests.ledger_walk.machine import AMOUNT, ASSETS, NTH, PART, THERE, WHAT, WHO, Deed, Ground
from tests.ledger_walk.model import Escrow, Hold

LASTS = 3600
"""Seconds; no walk takes so long, and a hold is late where a rule says so."""
ENDS = st.sampled_from(("RELEASED", "REFUNDED", "DISPUTED", "DISPUTED", "RESOLVED"))
SIDES = st.permutations(THERE).map(lambda names: (names[0], names[1])) | st.tuples(WHO, WHO)
PRICE = st.tuples(st.sampled_from(tuple(ASSETS)), st.integers(1, 40), st.integers(0, 30)) | st.tuples(
    WHAT, AMOUNT, AMOUNT
)


class Keeping(Ground):
    """Rules about money that waits."""

    @rule(wanted=st.lists(st.tuples(WHO, WHAT, AMOUNT, st.booleans()), min_size=1, max_size=3))
    def hold(self, wanted: Sequence[tuple[str, str, int, bool]]) -> None:
        deeds = [
            Deed(
                NewHold(who, asset, self.given(asset, amount), LASTS if ends else None),
                partial(self.model.hold, who, asset, amount, ends=ends),
            )
            for who, asset, amount, ends in wanted
        ]
        self.ask(holds.PLACE, *deeds)

    @precondition(lambda self: self.model.holds)
    @rule(wanted=st.lists(st.tuples(NTH, PART), min_size=1, max_size=3))
    def release(self, wanted: Sequence[tuple[int, int | None]]) -> None:
        """At once, the same one twice perhaps."""
        self.ask(holds.RELEASE, *(self._release(hold, part) for hold, part in self._holds(wanted)))

    @precondition(lambda self: self.model.holds)
    @rule(wanted=st.lists(st.tuples(NTH, PART), min_size=1, max_size=3), to=WHO)
    def capture(self, wanted: Sequence[tuple[int, int | None]], to: str) -> None:
        self.ask(holds.CAPTURE, *(self._capture(hold, to, part) for hold, part in self._holds(wanted)))

    @precondition(lambda self: any(one.ends for one in self.model.holds))
    @rule(n=NTH, to=WHO, then=st.sampled_from(("release", "capture", "lock", "")))
    def time_runs_out(self, n: int, to: str, then: str) -> None:
        """Of a hold that nobody has come to expire yet: it is over all the same."""
        hold = self.nth([one for one in self.model.holds if one.ends], n)
        hold.late = True
        self.run(self._be_late(hold.id))
        if then == "release":
            self.ask(holds.RELEASE, self._release(hold, None))
        if then == "capture":
            self.ask(holds.CAPTURE, self._capture(hold, to, None))
        if then == "lock":
            escrow = Escrow(hold.asset, 0, (hold.owner, to), hold.left, 0)
            self.ask(escrows.LOCK, self._lock(f"late {n}", escrow, hold))

    @precondition(lambda self: any(one.late for one in self.model.holds))
    @rule()
    def expire(self) -> None:
        assert self.run(self._expire()) == self.model.expire()
        self.changed = True

    @rule(
        orders=st.lists(st.integers(0, 50), min_size=1, max_size=2),
        sides=SIDES,
        terms=PRICE,
        n=st.none() | NTH,
    )
    def lock(
        self, orders: Sequence[int], sides: tuple[str, str], terms: tuple[str, int, int], n: int | None
    ) -> None:
        """Two escrows at once, of one order perhaps, out of one hold perhaps; then by whoever holds it."""
        hold = None if n is None or not self.model.holds else self.nth(self.model.holds, n)
        asset, amount, fee = terms
        if hold is not None:
            sides, asset = (hold.owner if amount % 4 else sides[0], sides[1]), hold.asset
        self.ask(
            escrows.LOCK,
            *(self._lock(str(order), Escrow(asset, 0, sides, amount, fee), hold) for order in orders),
        )

    @precondition(lambda self: self.model.escrows)
    @rule(wanted=st.lists(st.tuples(NTH, ENDS, AMOUNT | st.none()), min_size=1, max_size=3))
    def end(self, wanted: Sequence[tuple[int, str, int | None]]) -> None:
        """At once, the same one twice perhaps; the split is right where no amount is drawn."""
        known = tuple(self.model.escrows.values())
        self.ask(
            escrows.END,
            *(self._ending(self.nth(known, n), state, n, wrong) for n, state, wrong in wanted),
        )

    @precondition(lambda self: any(one.state == "LOCKED" for one in self.model.escrows.values()))
    @rule(n=NTH, to_seller=st.integers(0, 10) | AMOUNT)
    def quarrel(self, n: int, to_seller: int) -> None:
        escrow = self.nth([one for one in self.model.escrows.values() if one.state == "LOCKED"], n)
        for state in ("DISPUTED", "RESOLVED"):
            self.ask(escrows.END, self._ending(escrow, state, to_seller, None))

    # ------------------------------------------------------------ how

    def _holds(self, wanted: Sequence[tuple[int, int | None]]) -> list[tuple[Hold, int | None]]:
        known = tuple(self.model.holds)
        return [(self.nth(known, n), part) for n, part in wanted]

    def _release(self, hold: Hold, part: int | None) -> Deed:
        return Deed(Release(hold.id, self.part(hold.asset, part)), partial(self.model.release, hold, part))

    def _capture(self, hold: Hold, to: str, part: int | None) -> Deed:
        return Deed(
            Capture(hold.id, to, self.part(hold.asset, part)), partial(self.model.capture, hold, to, part)
        )

    def _lock(self, order: str, escrow: Escrow, hold: Hold | None) -> Deed:
        buyer, seller = escrow.sides
        amount, fee = (self.given(escrow.asset, one) for one in (escrow.amount, escrow.fee))
        new = NewEscrow(order, buyer, seller, escrow.asset, amount, fee, None if hold is None else hold.id)
        return Deed(new, lambda: self.model.escrow(order, escrow, hold))

    def _ending(self, escrow: Escrow, state: str, to_seller: int, wrong: int | None) -> Deed:
        first = min(to_seller, escrow.amount)
        parts = (first, escrow.amount - first if wrong is None else wrong)
        shown = (self.given(escrow.asset, part) for part in parts)
        return Deed(End(escrow.id, state, *shown), lambda: self.model.end(escrow, state, parts))

    async def _be_late(self, hold: int) -> None:
        async with self.engine.begin() as db:
            await db.execute(sa.text("UPDATE holds SET expires = now() WHERE id = :id"), {"id": hold})

    async def _expire(self) -> Any:
        async with self.engine.begin() as db:
            return await holds.expire(db)
