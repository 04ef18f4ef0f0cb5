"""Rules about money that goes: single and batched payments, paytx, payouts, consolidation, voiding."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st

from app.db.tables import payments as payment_rows
from app.domain import accounts, blocks, cold, payments
from app.domain.cold import ColdTerms, Target
from app.domain.dogecoin import REGTEST
from app.domain.payments import PayOrder, consolidation, fees, voiding
from app.domain.payments.requesting import PAYOUT
from app.domain.refusals import Refusal
from app.money import COIN
from tests import scenario
from tests.chain_harness import order
from tests.walk.ledgers import ACCOUNTS
from tests.walk.machine import ACCOUNT, NTH, MoneyMachine, action

AMOUNT = st.sampled_from(["1", "0.01", "4.5", "11", "29.99", "48"])
TERMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "fee out of it": {"share": 100 * fees.PERCENT},
    "exact fee": {"explicit_fee": COIN // 2},
    "low fee": {"max_fee": COIN // 100},
    "shared": {"batch": True},
}
HOURS = 3_600


class PaymentRules(MoneyMachine):
    """Rules about money that accounts pay."""

    @action(account=ACCOUNT, amount=AMOUNT, terms=st.sampled_from(list(TERMS)))
    def pay(self, account: str, amount: str, terms: str, then: str) -> None:
        self.run(self._pay([(account, amount)], **TERMS[terms]), then)

    @action(orders=st.lists(st.tuples(ACCOUNT, AMOUNT), min_size=2, max_size=4))
    def pay_together(self, orders: Sequence[tuple[str, str]], then: str) -> None:
        """Request batched payments, which share a transaction if their coins are there."""
        self.run(self._pay(orders, batch=True), then)

    @action(account=ACCOUNT, n=NTH)
    def pay_ourselves(self, account: str, n: int, then: str) -> None:
        """Pay an invoice of ours: a payment that is a deposit."""
        self.run(self._pay_ourselves(account, n), then)

    @action(account=ACCOUNT, amount=AMOUNT)
    def sign_for_a_caller(self, account: str, amount: str, then: str) -> None:
        self.run(self._pay([(account, amount)], kind="paytx", seconds=HOURS), then)

    @action(n=NTH)
    def hand_in(self, n: int, then: str) -> None:
        """Let the caller of a paytx send it."""
        self.run(self._hand_in(n), then)

    @action()
    def let_callers_be_late(self, then: str) -> None:
        self.run(self._let_callers_be_late(), then)

    @action(n=NTH, looks=st.booleans())
    def void(self, n: int, looks: bool, then: str) -> None:  # noqa: FBT001  drawn
        """Void a payment, with or without a look into the mempool first."""
        self.run(self._void(n, looks=looks), then)

    @action(account=ACCOUNT, threshold=st.sampled_from([COIN, 40 * COIN]))
    def pay_out(self, account: str, threshold: int, then: str) -> None:
        self.run(self._pay_out(account, threshold), then)

    @action(account=ACCOUNT, at_most=st.integers(2, 10))
    def merge_coins(self, account: str, at_most: int, then: str) -> None:
        self.run(self._merge_coins(account, at_most), then)

    @action(account=ACCOUNT, ceiling=st.sampled_from([1, 20]))
    def send_to_cold_storage(self, account: str, ceiling: int, then: str) -> None:
        """Send what is above the ceiling; the account bears the fee."""
        self.run(self._send_to_cold_storage(account, ceiling), then)

    @action(amount=AMOUNT)
    def bring_back_from_cold_storage(self, amount: str, then: str) -> None:
        self.run(self._bring_back_from_cold_storage(amount), then)

    @action(account=ACCOUNT)
    def bear_what_is_owed(self, account: str, then: str) -> None:
        """Cover the shortfall, or get back what was repaid since."""
        self.run(self._bear_what_is_owed(account), then)

    # ------------------------------------------------------------ the steps of the rules

    async def _send_to_cold_storage(self, account: str, ceiling: int) -> None:
        target = Target.of(REGTEST, await self.harness.node_address())
        terms = ColdTerms(scenario.doge(ceiling), target, account, least=COIN)
        async with self.at(account).begin() as db:
            await cold.switch_on(db, terms)
            self.accepted([await cold.sweep(db, terms)])

    async def _bring_back_from_cold_storage(self, amount: str) -> None:
        """To an address of an account of the walk, which is the platform's here."""
        installation = replace(scenario.INSTALLATION, platform=ACCOUNTS[0])
        async with self.at(ACCOUNTS[0]).begin() as db:
            [address] = await cold.give(db, [None], installation)
        await self.paid_by_faucet(scenario.accepted(address), amount)

    async def _bear_what_is_owed(self, account: str) -> None:
        async with self.at(account).begin() as db:
            covered = await blocks.cover(db, account)
            number = (await accounts.fetch(db, account)).id
        if not isinstance(covered, Refusal):
            self.model.transferred[number] -= covered
            self.model.covered += covered

    async def _pay(self, orders: Sequence[tuple[str, str]], **terms: Any) -> None:
        """Pay each to an address that nothing else pays."""
        wanted: dict[int, list[PayOrder]] = defaultdict(list)
        for account, amount in orders:
            asked = order(await self.harness.node_address(), amount, account, **terms)
            wanted[self.ledgers.map.of_account(account)].append(asked)
        for cell, asked_there in wanted.items():
            self.accepted(await self.ledgers.harnesses[cell].request(*asked_there))

    async def _pay_ourselves(self, account: str, n: int) -> None:
        if self.invoices:
            asked = order(list(self.invoices)[n % len(self.invoices)], 2, account)
            self.accepted(await self.ledgers.of(account).request(asked))

    async def _hand_in(self, n: int) -> None:
        paytx = [p for p in self.payments.values() if p.kind == "paytx"]
        if paytx and (raw := (await self.now(paytx[n % len(paytx)])).raw):
            await self.offer(raw.hex())

    async def _let_callers_be_late(self) -> None:
        late = sa.update(payment_rows).where(payment_rows.c.expires.is_not(None))
        for harness in self.ledgers.harnesses:
            async with harness.engine.begin() as db:
                await db.execute(late.values(expires=sa.func.now()))
        while await self.program.abandoned.step():
            pass

    async def _void(self, n: int, *, looks: bool) -> None:
        if (known := self.nth_payment(n)) is None:
            return
        payment = await self.now(known)
        seen = looks and payment.txid and payment.txid[::-1].hex() in await self.harness.mempool()
        account = payment.owner.foreign_id
        async with self.at(account).begin() as db:
            await voiding.void(db, [payments.VoidOrder(account, payment.id, None if seen else payment.txid)])

    async def _pay_out(self, account: str, threshold: int) -> None:
        """Pay all that the account has to a new address, once."""
        to = {"payout_address": await self.harness.node_address(), "payout_threshold": threshold}
        for changes in (to, {"payout_address": ""}):
            async with self.at(account).begin() as db:
                [changed] = await accounts.put(db, [accounts.AccountOrder(account, changes)], REGTEST)
            scenario.accepted(changed)
            for _ in range(2):  # the second step finds nothing more to pay
                await self.program.payouts.step()
        self.accepted(await self._payouts(account))

    async def _payouts(self, account: str) -> list[Any]:
        async with self.at(account).connect() as db:
            payouts = await payments.load(db, payment_rows.c.kind == PAYOUT)
        return [payment for payment in payouts if payment.id not in self.payments]

    async def _merge_coins(self, account: str, at_most: int) -> None:
        async with self.at(account).begin() as db:
            outcome = await consolidation.request(db, REGTEST, account, at_most)
        if not isinstance(outcome, Refusal):
            self.accepted(outcome[:1])
