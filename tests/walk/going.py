"""Money that goes: payments of every kind, alone and together, payouts, merging of coins, and what calls them back."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st

from app.db.tables import payments as payment_rows
from app.domain import accounts, blocks, payments
from app.domain.dogecoin import REGTEST
from app.domain.payments import PAYOUT, consolidation
from app.domain.refusals import Refusal
from app.money import COIN
from tests import scenario
from tests.chain_harness import order
from tests.walk.machine import NTH, WHO, Ground, deed

ASKED = st.sampled_from(["1", "0.01", "4.5", "11", "29.99", "48"])
TERMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "fee out of it": {"share": 100 * payments.PERCENT},
    "exact fee": {"explicit_fee": COIN // 2},
    "low fee": {"max_fee": COIN // 100},
    "shared": {"batch": True},
}
HOURS = 3_600


class Going(Ground):
    """Rules about who is paid."""

    @deed(who=WHO, amount=ASKED, terms=st.sampled_from(list(TERMS)))
    def pay(self, who: str, amount: str, terms: str, then: str) -> None:
        self.run(self._pay([(who, amount)], **TERMS[terms]), then)

    @deed(orders=st.lists(st.tuples(WHO, ASKED), min_size=2, max_size=4))
    def pay_together(self, orders: Sequence[tuple[str, str]], then: str) -> None:
        """In one transaction, if their coins are there."""
        self.run(self._pay(orders, batch=True), then)

    @deed(who=WHO, n=NTH)
    def pay_ourselves(self, who: str, n: int, then: str) -> None:
        """A payment that is a deposit."""
        self.run(self._pay_ourselves(who, n), then)

    @deed(who=WHO, amount=ASKED)
    def sign_for_a_caller(self, who: str, amount: str, then: str) -> None:
        self.run(self._pay([(who, amount)], kind="paytx", seconds=HOURS), then)

    @deed(n=NTH)
    def hand_in(self, n: int, then: str) -> None:
        """The caller of a paytx sends it."""
        self.run(self._hand_in(n), then)

    @deed()
    def let_callers_be_late(self, then: str) -> None:
        self.run(self._let_callers_be_late(), then)

    @deed(n=NTH, asks=st.booleans())
    def void(self, n: int, asks: bool, then: str) -> None:  # noqa: FBT001  a rule's arguments are drawn by name
        """With or without asking the node first."""
        self.run(self._void(n, asks=asks), then)

    @deed(who=WHO, threshold=st.sampled_from([COIN, 40 * COIN]))
    def pay_out(self, who: str, threshold: int, then: str) -> None:
        self.run(self._pay_out(who, threshold), then)

    @deed(who=WHO, at_most=st.integers(2, 10))
    def merge_coins(self, who: str, at_most: int, then: str) -> None:
        self.run(self._merge_coins(who, at_most), then)

    @deed(who=WHO)
    def bear_what_is_owed(self, who: str, then: str) -> None:
        """Or have back what was borne and repaid."""
        self.run(self._bear_what_is_owed(who), then)

    # ------------------------------------------------------------ how

    async def _bear_what_is_owed(self, who: str) -> None:
        async with self.engine.begin() as db:
            covered = await blocks.cover(db, who)
            number = (await accounts.fetch(db, who)).id
        if not isinstance(covered, Refusal):
            self.model.inside[number] -= covered
            self.model.covered += covered

    async def _pay(self, orders: Sequence[tuple[str, str]], **terms: Any) -> None:
        """Each to an address that nothing else pays."""
        wanted = [order(await self.harness.node_address(), amount, who, **terms) for who, amount in orders]
        self.accepted(await self.harness.request(*wanted))

    async def _pay_ourselves(self, who: str, n: int) -> None:
        if self.invoices:
            self.accepted(await self.harness.request(order(self.invoices[n % len(self.invoices)], 2, who)))

    async def _hand_in(self, n: int) -> None:
        given = [p for p in self.payments.values() if p.kind == "paytx"]
        if given and (raw := (await self.now(given[n % len(given)])).raw):
            await self.offer(raw.hex())

    async def _let_callers_be_late(self) -> None:
        async with self.engine.begin() as db:
            late = sa.update(payment_rows).where(payment_rows.c.expires.is_not(None))
            await db.execute(late.values(expires=sa.func.now()))
        while await self.program.abandoned.step():
            pass

    async def _void(self, n: int, *, asks: bool) -> None:
        if (known := self.nth_payment(n)) is None:
            return
        payment = await self.now(known)
        seen = asks and payment.txid and payment.txid[::-1].hex() in await self.harness.mempool()
        async with self.engine.begin() as db:
            await payments.void(
                db, [payments.VoidOrder(payment.owner.foreign_id, payment.id, None if seen else payment.txid)]
            )

    async def _pay_out(self, who: str, threshold: int) -> None:
        """All that the account has goes to a new address, once; then no more goes."""
        to = {"payout_address": await self.harness.node_address(), "payout_threshold": threshold}
        for changes in (to, {"payout_address": ""}):
            async with self.engine.begin() as db:
                [account] = await accounts.put(db, [accounts.AccountOrder(who, changes)], REGTEST)
            scenario.accepted(account)
            for _ in range(2):  # the second finds nothing left
                await self.program.payouts.step()
        self.accepted(await self._payouts())

    async def _payouts(self) -> list[Any]:
        async with self.engine.connect() as db:
            made = await payments.load(db, payment_rows.c.kind == PAYOUT)
        return [payment for payment in made if payment.id not in self.payments]

    async def _merge_coins(self, who: str, at_most: int) -> None:
        async with self.engine.begin() as db:
            made = await consolidation.request(db, REGTEST, who, at_most)
        if not isinstance(made, Refusal):
            self.accepted(made[:1])
