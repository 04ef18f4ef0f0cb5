"""Rules about money that comes or moves between accounts: deposits, invoices, refunds and transfers."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st

from app.db.tables import addresses
from app.domain import dogecoin, invoices, transfers
from app.domain.accounts import AddressOrder
from app.domain.accounts import give as give_addresses
from app.domain.dogecoin import REGTEST
from app.domain.invoices import Invoice, Refund, cancelling
from app.domain.transfers import Transfer
from app.money import COIN, DOGE, Koinu, show
from tests import scenario
from tests.walk.ledgers import ACCOUNTS
from tests.walk.machine import ACCOUNT, NTH, MoneyMachine, action

AMOUNT = st.sampled_from(["0.5", "3", "7.77", "20", "60"])


class DepositRules(MoneyMachine):
    """Rules about money that accounts get."""

    @action(account=ACCOUNT, amount=AMOUNT, confirmations=st.integers(1, 3))
    def pay_an_invoice(self, account: str, amount: str, confirmations: int, then: str) -> None:
        self.run(self._pay_an_invoice(account, amount, confirmations), then)

    @action(account=ACCOUNT, amount=AMOUNT)
    def pay_a_deposit_address(self, account: str, amount: str, then: str) -> None:
        self.run(self._pay_a_deposit_address(account, amount), then)

    @action(n=NTH, amount=AMOUNT)
    def pay_any_address_of_ours(self, n: int, amount: str, then: str) -> None:
        """Pay a change address or an account's own address too."""
        self.run(self._pay_any_address_of_ours(n, amount), then)

    @action(account=ACCOUNT, n=NTH)
    def cancel_an_invoice(self, account: str, n: int, then: str) -> None:
        self.run(self._cancel_an_invoice(account, n), then)

    @action(account=ACCOUNT, n=NTH)
    def settle_an_invoice(self, account: str, n: int, then: str) -> None:
        """Pay an invoice from an account, without the chain."""
        self.run(self._settle_an_invoice(account, n), then)

    @action(
        n=NTH, amount=st.sampled_from([None, COIN // 4, COIN]), to=st.sampled_from(["address", *ACCOUNTS])
    )
    def refund_an_invoice(self, n: int, amount: int | None, to: str, then: str) -> None:
        self.run(self._refund_an_invoice(n, amount, to), then)

    @action(pair=st.permutations(ACCOUNTS), part=st.integers(1, 3))
    def transfer(self, pair: Sequence[str], part: int, then: str) -> None:
        """Transfer all that is available, or a part of it."""
        self.run(self._transfer(pair[0], pair[1], part), then)

    @action(after=st.integers(0, 40), pair=st.permutations(ACCOUNTS), part=st.integers(1, 3))
    def die_transferring(self, after: int, pair: Sequence[str], part: int, then: str) -> None:
        """Kill the process at a statement or the commit of a transfer, which may be one between cells."""
        self.run(self._transfer(pair[0], pair[1], part, after), then)

    # ------------------------------------------------------------ how

    async def _invoice(self, account: str, confirmations: int) -> Invoice:
        invoice = await scenario.invoice(self.at(account), account, 1, required_confirmations=confirmations)
        self.invoices[invoice.address] = account
        return invoice

    async def _pay_an_invoice(self, account: str, amount: str, confirmations: int) -> None:
        await self.paid_by_faucet((await self._invoice(account, confirmations)).address, amount)

    async def _pay_a_deposit_address(self, account: str, amount: str) -> None:
        async with self.at(account).begin() as db:
            [address] = await give_addresses(db, [AddressOrder(account)], scenario.INSTALLATION)
        await self.paid_by_faucet(scenario.accepted(address), amount)

    async def _pay_any_address_of_ours(self, n: int, amount: str) -> None:
        order = (addresses.c.branch.desc(), addresses.c.account_id, addresses.c.index)
        known = await self.ledgers.read(sa.select(addresses.c.script).order_by(*order))
        script = bytes(known[n % len(known)]["script"])
        await self.paid_by_faucet(dogecoin.to_address(REGTEST, script) or "", amount)

    async def _cancel_an_invoice(self, account: str, n: int) -> None:
        address = await self._nth_invoice(account, n)
        async with self.at(account).begin() as db:
            await cancelling.cancel(db, [invoices.CancelOrder(account, address)], scenario.INSTALLATION)

    async def _settle_an_invoice(self, account: str, n: int) -> None:
        address = await self._nth_invoice(ACCOUNTS[n % len(ACCOUNTS)], n)
        asked = invoices.PayFromOrder(address, account)
        outcome = await self.ledgers.carry_out(invoices.PAY_FROM, asked, account, self.invoices[address])
        if isinstance(outcome, Transfer):
            await self._note_transfer(outcome.payer, outcome.payee, outcome.amount)

    async def _refund_an_invoice(self, n: int, amount: int | None, to: str) -> None:
        address = await self._nth_invoice(ACCOUNTS[n % len(ACCOUNTS)], n)
        refund = Refund(
            address,
            await self.harness.node_address() if to == "address" else to,
            None if amount is None else Koinu(amount),
        )
        account = self.invoices[address]
        if to == "address":
            self.accepted([await self.ledgers.carry_out(invoices.REFUND_TO_ADDRESS, refund, account)])
            return
        outcome = await self.ledgers.carry_out(invoices.REFUND_TO_ACCOUNT, refund, account, to)
        if isinstance(outcome, Transfer):
            await self._note_transfer(outcome.payer, outcome.payee, outcome.amount)

    async def _transfer(self, payer: str, payee: str, part: int, dies_after: int | None = None) -> None:
        """Transfer; with `dies_after` the process is killed at a statement or the commit, unless it takes fewer."""
        amount = (await self.ledgers.of(payer).balance(payer)).available // part or 1
        payees = (transfers.Payee(payee, show(amount)),)
        order = transfers.TransferOrder(f"walk:{next(self.numbers)}", payer, payees, DOGE)
        outcomes: list[Any] = []

        async def make() -> None:
            outcomes.append(await self.ledgers.carry_out(transfers.MAKE, order, payer, payee))

        if dies_after is None:
            await make()
        elif await self.program.killed(dies_after, make):
            self.restart()
        if any(isinstance(outcome, Transfer) for outcome in outcomes):
            await self._note_transfer(payer, payee, amount)

    async def _note_transfer(self, payer: str, payee: str, amount: int) -> None:
        ids = await self.ledgers.numbers()
        self.model.transferred[ids[payer]] -= amount
        self.model.transferred[ids[payee]] += amount

    async def _nth_invoice(self, account: str, n: int) -> str:
        """Return the n-th invoice; a new one if there is none."""
        if not self.invoices:
            await self._invoice(account, 1)
        return list(self.invoices)[n % len(self.invoices)]
