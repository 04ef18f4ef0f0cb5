"""A random walk of money through a whole till; what may happen happens in any order, and the books agree all the time."""

import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

import sqlalchemy as sa

from app.chain.node import NodeError
from app.domain import fees, holdings, ledger, voids
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.payments import LIVE, Payment
from app.money import COIN, show
from app.tables import accounts, addresses, balances, coins, deposits, payments
from tests import world
from tests.till import Till, order

PEOPLE: Final = ("shop", "other", "third")
DEEPEST: Final = 10
END_STATES: Final = ("CONFIRMED", "FAILED", "VOIDED")

BUILT_ON_NOTHING: Final = """
WITH RECURSIVE family(id) AS (
    SELECT CAST(:number AS bigint)
    UNION
    SELECT parent.id FROM family JOIN transaction_inputs i ON i.transaction_id = family.id
    JOIN transactions parent ON parent.txid = i.txid)
SELECT EXISTS (
    SELECT FROM family JOIN transaction_inputs i ON i.transaction_id = family.id
    JOIN coins ON coins.txid = i.txid AND coins.vout = i.vout WHERE coins.height IS NULL AND NOT coins.change)
"""


class Walk:
    """One walk; the same seed takes the same steps."""

    def __init__(self, till: Till, seed: int) -> None:
        self.till = till
        self.chance = random.Random(seed)
        self.payments: dict[int, tuple[Payment, str]] = {}
        """What was accepted, each with an address of the node's that nothing else pays."""
        self.done: list[str] = []
        self.given: list[str] = []
        """What the faucet sent: it offers nothing again by itself."""
        self.entries = 0
        self.steps: list[tuple[int, Callable[[], Awaitable[str]]]] = [
            (10, self.deposit), (10, self.mine), (14, self.pay), (16, self.send), (4, self.move), (4, self.void),
            (4, self.reorganise), (4, self.steal), (1, self.undo_a_deposit), (2, self.forget), (3, self.restart),
            (4, self.wait), (3, self.hand_in),
        ]  # fmt: skip

    async def begin(self) -> None:
        for name in PEOPLE:
            await self.till.fund(name, 30, 20, 5)
        async with self.till.engine.connect() as db:
            found = sorted({bytes(txid)[::-1].hex() for txid in await db.scalars(sa.select(deposits.c.txid))})
        self.given = [await self.till.call("getrawtransaction", txid) for txid in found]

    async def step(self) -> None:
        """Do one thing, then let the ledger catch up and hold the books against each other."""
        weights = [weight for weight, _ in self.steps]
        _, act = self.chance.choices(self.steps, weights)[0]
        self.done.append(act.__name__)
        self.done[-1] += f" {await act()}"
        await self.till.follow()
        await self.till.audit()
        await self.outgoing_is_what_is_on_its_way()

    async def outgoing_is_what_is_on_its_way(self) -> None:
        """What lies in `outgoing` is what was set aside for payments that have not ended, and nothing else."""
        live = sa.func.coalesce(sa.func.sum(payments.c.reserved).filter(payments.c.state.in_(LIVE)), 0)
        same = balances.outerjoin(payments, payments.c.account_id == balances.c.account_id)
        sums = sa.select(balances.c.account_id, balances.c.outgoing, live.label("live")).select_from(same)
        grouped = sums.where(balances.c.account_id >= 0).group_by(balances.c.account_id, balances.c.outgoing)
        async with self.till.engine.connect() as db:
            found = (await db.execute(grouped)).all()
        assert all(row.outgoing == row.live for row in found), found

    async def end(self) -> None:
        """Let everything settle: each payment has ended, and whoever was to be paid was paid once or not at all."""
        for _ in range(12):
            for raw in self.given:
                await self._offer(raw)
            await self.till.resume()
            await self.till.later()
            await self.till.send()
            await self.till.mine(2)
        await self.till.audit()
        await self.coins_exist()
        for payment in await self.till.shown(*(payment for payment, _ in self.payments.values())):
            got = await self.till.received(self.payments[payment.id][1])
            if payment.state in END_STATES:
                assert got == (payment.paid if payment.state == "CONFIRMED" else 0), (payment.state, got, payment.id)
            else:
                assert got == 0
                kept = payment.state == "PENDING" or (payment.state, payment.kind) == ("PROCESSING", "paytx")
                assert kept or await self.gone(payment), f"{payment.id} is {payment.state} for ever: {payment.error}"

    async def gone(self, payment: Payment) -> bool:
        """Whether what a payment is built on is a deposit that never came back: the faucet spent the same coin again."""
        async with self.till.engine.connect() as db:
            return bool(await db.scalar(sa.text(BUILT_ON_NOTHING), {"number": payment.transaction_id}))

    async def coins_exist(self) -> None:
        """Each coin of ours is one at the node."""
        async with self.till.engine.connect() as db:
            unspent = sa.select(coins).where(coins.c.height.is_not(None), coins.c.spent_height.is_(None))
            found = [dict(row) for row in (await db.execute(unspent)).mappings()]
        for coin in found:
            seen = await self.till.call("gettxout", coin["txid"][::-1].hex(), coin["vout"], False)
            assert seen is not None, coin

    # ------------------------------------------------------------ what may happen

    async def deposit(self) -> str:
        name = self.chance.choice(PEOPLE)
        amount = self.chance.choice(["0.5", "3", "7.77", "20", "60"])
        made = await world.invoice(self.till.engine, name, 1, required_confirmations=self.chance.randint(1, 3))
        try:
            txid = str(await self.till.call("sendtoaddress", made.address, amount))
        except NodeError as error:  # the faucet's coins all wait
            return str(error)
        self.given.append(await self.till.call("getrawtransaction", txid))
        return txid[:8]

    async def mine(self) -> str:
        number = self.chance.randint(1, 3)
        await self.till.mine(number)
        return str(number)

    async def pay(self) -> str:
        to = await self.till.stranger()
        amount = self.chance.choice(["0.01", "1", "4.5", "11", "29.99", "48"])
        terms: dict[str, Any] = self.chance.choice(
            [{}, {}, {"batch": True}, {"batch": True}, {"share": 100 * fees.PERCENT}, {"explicit_fee": COIN // 2},
             {"max_fee": COIN // 100}, {"kind": "paytx"}]
        )  # fmt: skip
        [made] = await self.till.request(order(to, amount, self.chance.choice(PEOPLE), **terms))
        if isinstance(made, Payment):
            self.payments[made.id] = made, to
        return f"{amount} {terms} {type(made).__name__}"

    async def send(self) -> str:
        await self.till.resume()
        number = self.chance.randint(1, 8)
        return str(sum([await self.till.sender.step() for _ in range(number)]))

    async def move(self) -> str:
        """Transfer money from one account to another."""
        one, two = self.chance.sample(PEOPLE, 2)
        self.entries += 1
        async with self.till.engine.begin() as db:
            ids = {row.foreign_id: row.id for row in await db.execute(sa.select(accounts))}
            available = (await holdings.balance(db, ids[one])).available
            amount = self.chance.choice([available, available // 3, COIN]) or 1
            postings = (
                Posting(ids[one], Bucket.AVAILABLE, -amount),
                Posting(ids[two], Bucket.AVAILABLE, amount),
            )
            [outcome] = await ledger.post(db, [Entry("TRANSFER", ("test", ""), f"walk:{self.entries}", postings)])
        return f"{show(amount)} {type(outcome).__name__}"

    async def void(self) -> str:
        if not self.payments:
            return "nothing"
        number = self.chance.choice(sorted(self.payments))
        [payment] = await self.till.shown(self.payments[number][0])
        unseen = payment.txid if payment.txid and payment.txid[::-1].hex() not in await self.till.mempool() else None
        async with self.till.engine.begin() as db:
            [outcome] = await voids.void(db, [voids.Wish(payment.owner.foreign_id, number, unseen)])
        return f"{number} {payment.state} {type(outcome).__name__}"

    async def reorganise(self) -> str:
        """Go to another branch, with or without what the old one held."""
        depth = self.chance.randint(1, DEEPEST)
        await self.till.back(depth)
        if self.chance.random() < 0.5:
            await self.till.forget_mempool()
        empty = self.chance.randint(0, depth + 1)
        for _ in range(empty):
            await self.till.mine_only()
        await self.till.mine(depth + 1 - empty)
        return f"{depth}, {empty} empty"

    async def steal(self) -> str:
        """A transaction that we do not know spends a coin of ours, whether or not a payment was to."""
        async with self.till.engine.connect() as db:
            same = sa.and_(*(addresses.c[name] == coins.c[name] for name in ("account_id", "branch", "index")))
            mine = sa.select(addresses.c.script, coins.c.transaction_id).join(coins, same)
            mine = mine.where(coins.c.spent_height.is_(None), coins.c.height.is_not(None), coins.c.amount > 2 * COIN)
            found = sorted((row.transaction_id is None, row.script) for row in await db.execute(mine))
        if not found:
            return "nothing"
        taken = [one for one in found if not one[0]] or found
        _, script = self.chance.choice(taken if self.chance.random() < 0.7 else found)
        raw = await self.till.steal_script(script)
        await self.till.mine_only(raw)
        return "what was to be spent" if taken != found else ""

    async def undo_a_deposit(self) -> str:
        """A reorg in which the faucet's coin that paid us goes elsewhere: the deposit can never come again."""
        height = await self.till.call("getblockcount")
        async with self.till.engine.connect() as db:
            recent = sa.select(deposits).where(deposits.c.height > height - DEEPEST).order_by(deposits.c.txid)
            found = [dict(row) for row in (await db.execute(recent)).mappings()]
        if not found:
            return "nothing"
        gone = self.chance.choice(found)
        raw = await self.till.call("getrawtransaction", gone["txid"][::-1].hex(), 1)
        inputs = [{"txid": spent["txid"], "vout": spent["vout"]} for spent in raw["vin"]]
        other = await self.till.call("createrawtransaction", inputs, {await self.till.stranger(): 1})
        depth = height - gone["height"] + 1
        await self.till.back(depth)
        signed = await self.till.call("signrawtransaction", other)
        if signed["complete"]:
            await self.till.mine_only(signed["hex"])
        await self.till.mine(depth + 1)
        return f"{depth} deep, {'for good' if signed['complete'] else 'not the faucet'}"

    async def forget(self) -> str:
        await self.till.forget_mempool()
        return ""

    async def wait(self) -> str:
        await self.till.later()
        return ""

    async def restart(self) -> str:
        """Everything that a process knows is gone."""
        await self.till.close()
        self.till.follower = self.till.make_follower()
        self.till.sender = self.till.make_sender()
        return ""

    async def hand_in(self) -> str:
        """The caller of a paytx sends it, or a miner mines it."""
        shown = await self.till.shown(*(payment for payment, _ in self.payments.values()))
        kept = [
            payment for payment in shown if payment.kind == "paytx" and payment.raw and payment.state == "PROCESSING"
        ]
        if not kept:
            return "nothing"
        raw = self.chance.choice(kept).raw or b""
        return await self._offer(raw.hex())

    async def _offer(self, raw: str) -> str:
        try:
            await self.till.call("sendrawtransaction", raw)
        except NodeError as error:
            return str(error)
        return "sent"
