"""Money that comes, and money that moves inside: deposits, invoices, settlements, refunds and transfers."""

from collections.abc import Sequence

import sqlalchemy as sa
from hypothesis import strategies as st

from app.db.tables import accounts, addresses
from app.domain import dogecoin, invoices, ledger, transfers
from app.domain.accounts import AddressOrder
from app.domain.accounts import give as give_addresses
from app.domain.dogecoin import REGTEST
from app.domain.invoices import Invoice, Refund
from app.domain.transfers import Transfer
from app.money import COIN, DOGE, Koinu, show
from tests import scenario
from tests.walk.machine import NTH, PEOPLE, WHO, Ground, deed

GIVEN = st.sampled_from(["0.5", "3", "7.77", "20", "60"])


class Coming(Ground):
    """Rules about who has money."""

    @deed(who=WHO, amount=GIVEN, confirmations=st.integers(1, 3))
    def pay_an_invoice(self, who: str, amount: str, confirmations: int, then: str) -> None:
        self.run(self._pay_an_invoice(who, amount, confirmations), then)

    @deed(who=WHO, amount=GIVEN)
    def pay_a_deposit_address(self, who: str, amount: str, then: str) -> None:
        self.run(self._pay_a_deposit_address(who, amount), then)

    @deed(n=NTH, amount=GIVEN)
    def pay_any_address_of_ours(self, n: int, amount: str, then: str) -> None:
        """Also change, and the account's own."""
        self.run(self._pay_any_address_of_ours(n, amount), then)

    @deed(who=WHO, n=NTH)
    def cancel_an_invoice(self, who: str, n: int, then: str) -> None:
        self.run(self._cancel_an_invoice(who, n), then)

    @deed(who=WHO, n=NTH)
    def settle_an_invoice(self, who: str, n: int, then: str) -> None:
        """Inside, without the chain."""
        self.run(self._settle_an_invoice(who, n), then)

    @deed(n=NTH, amount=st.sampled_from([None, COIN // 4, COIN]), to=st.sampled_from(["address", *PEOPLE]))
    def refund_an_invoice(self, n: int, amount: int | None, to: str, then: str) -> None:
        self.run(self._refund_an_invoice(n, amount, to), then)

    @deed(pair=st.permutations(PEOPLE), part=st.integers(1, 3))
    def transfer(self, pair: Sequence[str], part: int, then: str) -> None:
        """All that can be spent, or a part of it."""
        self.run(self._transfer(pair[0], pair[1], part), then)

    # ------------------------------------------------------------ how

    async def _invoice(self, who: str, confirmations: int) -> Invoice:
        made = await scenario.invoice(self.engine, who, 1, required_confirmations=confirmations)
        self.invoices.append(made.address)
        return made

    async def _pay_an_invoice(self, who: str, amount: str, confirmations: int) -> None:
        await self.paid_by_faucet((await self._invoice(who, confirmations)).address, amount)

    async def _pay_a_deposit_address(self, who: str, amount: str) -> None:
        async with self.engine.begin() as db:
            [address] = await give_addresses(db, [AddressOrder(who)], scenario.INSTALLATION)
        await self.paid_by_faucet(scenario.accepted(address), amount)

    async def _pay_any_address_of_ours(self, n: int, amount: str) -> None:
        order = (addresses.c.branch.desc(), addresses.c.account_id, addresses.c.index)
        async with self.engine.connect() as db:
            known = list(await db.scalars(sa.select(addresses.c.script).order_by(*order)))
        await self.paid_by_faucet(dogecoin.to_address(REGTEST, bytes(known[n % len(known)])) or "", amount)

    async def _cancel_an_invoice(self, who: str, n: int) -> None:
        address = await self._nth_invoice(who, n)
        async with self.engine.begin() as db:
            await invoices.cancel(db, [invoices.CancelOrder(who, address)], scenario.INSTALLATION)

    async def _settle_an_invoice(self, who: str, n: int) -> None:
        address = await self._nth_invoice(PEOPLE[n % len(PEOPLE)], n)
        async with self.engine.begin() as db:
            [made] = await invoices.settle(db, [invoices.PayFromOrder(address, who)], scenario.INSTALLATION)
        if isinstance(made, Transfer):
            await self._moved(made.payer, made.payee, made.amount)

    async def _refund_an_invoice(self, n: int, amount: int | None, to: str) -> None:
        address = await self._nth_invoice(PEOPLE[n % len(PEOPLE)], n)
        refund = Refund(
            address,
            await self.harness.node_address() if to == "address" else to,
            None if amount is None else Koinu(amount),
        )
        async with self.engine.begin() as db:
            if to == "address":
                self.accepted(await invoices.refund_on_chain(db, [refund], scenario.INSTALLATION))
                return
            [made] = await invoices.refund_inside(db, [refund], scenario.INSTALLATION)
        if isinstance(made, Transfer):
            await self._moved(made.payer, made.payee, made.amount)

    async def _transfer(self, one: str, two: str, part: int) -> None:
        async with self.engine.begin() as db:
            ids = {row.foreign_id: row.id for row in await db.execute(sa.select(accounts))}
            amount = (await ledger.balance(db, ids[one])).available // part or 1
            payee = transfers.Payee(two, show(amount))
            order = transfers.TransferOrder(f"walk:{next(self.numbers)}", one, (payee,), DOGE)
            [outcome] = await transfers.make(db, [order])
        if isinstance(outcome, Transfer):
            await self._moved(one, two, amount)

    async def _moved(self, payer: str, payee: str, amount: int) -> None:
        async with self.engine.connect() as db:
            ids = {row.foreign_id: row.id for row in await db.execute(sa.select(accounts))}
        self.model.inside[ids[payer]] -= amount
        self.model.inside[ids[payee]] += amount

    async def _nth_invoice(self, who: str, n: int) -> str:
        """An invoice that there is; a new one if there is none."""
        if not self.invoices:
            await self._invoice(who, 1)
        return self.invoices[n % len(self.invoices)]
