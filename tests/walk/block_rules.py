"""Rules about blocks: single and in batches, deep and shallow reorgs, transactions that are not ours."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

import coincurve
import sqlalchemy as sa
from hypothesis import strategies as st

from app.chain import signing, wire
from app.chain.rpc import NodeError
from app.chain.wire import Transaction
from app.db.tables import addresses, coins, deposits, transactions
from app.domain import accounts, dogecoin
from app.money import COIN
from devnet import signatures
from tests.chain_harness import NOWHERE
from tests.walk.machine import NTH, MoneyMachine, action

DEEPEST = 10
LEAST_STOLEN = 2 * COIN
YES_OR_NO = st.booleans()
RATES = st.sampled_from(["0.05", "0.4", "0.9", "5"])
HIGH_S = 0
"""Changes the bytes of the signatures without the keys, as anybody can."""


class BlockRules(MoneyMachine):
    """Rules about what the chain contains."""

    @action(number=st.integers(1, 3))
    def mine(self, number: int, then: str) -> None:
        """Mine, and let the ledger follow block by block."""
        self.run(self._mine(number, batch=1), then)

    @action(number=st.integers(2, 6))
    def mine_at_once(self, number: int, then: str) -> None:
        """Mine, and let the ledger connect all blocks at once."""
        self.run(self._mine(number, batch=number), then)

    @action(number=st.integers(1, 3))
    def mine_unheard(self, number: int, then: str) -> None:
        """Mine, and let the ledger stay behind for now."""
        self.run(self.generate(number), then)

    @action(depth=st.integers(1, DEEPEST), empty=st.integers(0, DEEPEST), forgets=YES_OR_NO)
    def reorganise(self, depth: int, empty: int, forgets: bool, then: str) -> None:  # noqa: FBT001  drawn
        """Switch to another branch, whose first blocks may be empty, with or without the old mempool."""
        self.run(self._reorganise(depth, min(empty, depth + 1), forgets=forgets), then)

    @action(n=NTH, wanted=YES_OR_NO)
    def steal(self, n: int, wanted: bool, then: str) -> None:  # noqa: FBT001  drawn by name
        """Spend a coin of ours by an unknown transaction: one that a payment needs (`wanted`), or another."""
        self.run(self._steal(n, wanted=wanted), then)

    @action(n=NTH, hash_type=st.sampled_from([HIGH_S, signatures.HASH_TYPES["ALL|ANYONECANPAY"]]))
    def mine_under_another_txid(self, n: int, hash_type: int, then: str) -> None:
        """Mine one of ours with other signatures, after its ancestors."""
        self.run(self._mine_under_another_txid(n, hash_type), then)

    @action(n=NTH)
    def undo_a_deposit(self, n: int, then: str) -> None:
        """Reorganise so that the coin that paid us goes elsewhere: the deposit can never come again."""
        self.run(self._undo_a_deposit(n), then)

    @action()
    def forget_what_waits(self, then: str) -> None:
        self.run(self.harness.expire_mempool(), then)

    @action(rate=RATES)
    def fill_the_mempool(self, rate: str, then: str) -> None:
        """Fill the mempool with higher fees than ours: the node drops the lowest, and takes no more such."""
        self.run(self._fill_the_mempool(rate), then)

    @action()
    def empty_the_mempool(self, then: str) -> None:
        """Mine the whole mempool; the node's least fee falls again."""
        self.run(self.empty_mempool(), then)

    # ------------------------------------------------------------ the steps of the rules

    async def _fill_the_mempool(self, rate: str) -> None:
        with suppress(NodeError):  # the mempool spends all the faucet's coins
            await self.call("fillmempool", rate)
        await self.make_due()

    async def _mine(self, number: int, batch: int) -> None:
        for _ in range(number // batch):
            await self.generate(batch)
            await self.follow()

    async def _mine_only(self, *raws: str) -> None:
        await self.call("generateblock", NOWHERE, list(raws))

    async def _reorganise(self, depth: int, empty: int, *, forgets: bool) -> None:
        await self.harness.invalidate_blocks(depth)
        if forgets:
            await self.harness.expire_mempool()
        for _ in range(empty):
            await self._mine_only()
        if empty <= depth:
            await self.generate(depth + 1 - empty)
        await self.follow()

    async def _steal(self, n: int, *, wanted: bool) -> None:
        same = sa.and_(*(addresses.c[name] == coins.c[name] for name in ("account_id", "branch", "index")))
        free = sa.and_(
            coins.c.spent_height.is_(None), coins.c.height.is_not(None), coins.c.amount > LEAST_STOLEN
        )
        order = coins.c.transaction_id.is_(None) if wanted else coins.c.transaction_id.is_not(None)
        query = sa.select(coins, addresses.c.script).join(addresses, same).where(free)
        rows = await self.ledgers.read(query.order_by(order, coins.c.txid, coins.c.vout))
        candidates = [
            row for row in rows if (row["transaction_id"] is None) == (rows[0]["transaction_id"] is None)
        ]
        if candidates:
            await self._try_only(self._theft(candidates[n % len(candidates)]))

    async def _mine_under_another_txid(self, n: int, hash_type: int) -> None:
        waits = (
            sa.select(transactions.c.raw).where(transactions.c.height.is_(None)).order_by(transactions.c.id)
        )
        ours = [wire.parse_transaction(bytes(row["raw"])) for row in await self.ledgers.read(waits)]
        if not ours:
            return
        chosen = ours[n % len(ours)]
        by_txid = {transaction.txid: transaction for transaction in ours}
        ancestors = [transaction.raw.hex() for transaction in _ancestors(chosen, by_txid)]
        with suppress(NodeError):  # the chain may already spend its coins
            await self._mine_only(*ancestors, await self._malleated(chosen, hash_type))
        await self.follow()

    async def _malleated(self, transaction: Transaction, hash_type: int) -> str:
        """Return a transaction of ours under another txid."""
        if hash_type == HIGH_S:
            turned: str = await self.call("malleate", transaction.raw.hex())
            return turned
        for index, spent in enumerate(transaction.inputs):
            same = sa.and_(coins.c.txid == spent.txid, coins.c.vout == spent.vout)
            row, *_ = await self.ledgers.read(sa.select(coins).where(same))  # two cells may have had it
            key = signatures.Key.of(self._key(row).secret)
            transaction = signatures.sign(transaction, index, key, hash_type)
        return transaction.raw.hex()

    def _key(self, row: sa.RowMapping) -> coincurve.PrivateKey:
        path = row["account_id"], row["branch"], row["index"]
        return (
            self.keys.account_key(path[0])
            if path[1] == accounts.ACCOUNT_KEY
            else self.keys.private_key(*path)
        )

    def _theft(self, row: sa.RowMapping) -> str:
        key = self._key(row)
        paid = wire.Output(row["amount"] - COIN, dogecoin.p2sh(bytes(20)))
        unsigned = signing.build([(bytes(row["txid"]), row["vout"])], [paid])
        return signing.sign(unsigned, [bytes(row["script"])], lambda _: key).raw.hex()

    async def _try_only(self, raw: str) -> None:
        """Mine it if the chain can contain it: the ledger may be behind."""
        [spent] = wire.parse_transaction(bytes.fromhex(raw)).inputs
        if await self.call("gettxout", spent.txid[::-1].hex(), spent.vout, False) is not None:
            await self._mine_only(raw)
            await self.follow()

    async def _undo_a_deposit(self, n: int) -> None:
        height = await self.call("getblockcount")
        recent = sa.select(deposits).where(deposits.c.height > height - DEEPEST)
        rows = await self.ledgers.read(recent.order_by(deposits.c.txid, deposits.c.vout))
        if not rows:
            return
        undone = rows[n % len(rows)]
        known = self.model.known[bytes(undone["txid"])]  # the node has it no more if all of it is spent
        inputs = [{"txid": spent.txid[::-1].hex(), "vout": spent.vout} for spent in known.inputs]
        replacement = await self.call("createrawtransaction", inputs, {await self.harness.node_address(): 1})
        depth = height - undone["height"] + 1
        await self.harness.invalidate_blocks(depth)
        signed = await self.call("signrawtransaction", replacement)
        if signed["complete"]:
            await self._mine_only(signed["hex"])
        await self.generate(depth + 1)
        await self.follow()


def _ancestors(transaction: Transaction, ours: Mapping[bytes, Transaction]) -> Iterator[Transaction]:
    """Yield our ancestors of a transaction, parents first, each once."""
    ancestors: dict[bytes, Transaction] = {}
    for parent in dict.fromkeys(spent.txid for spent in transaction.inputs if spent.txid in ours):
        ancestors |= {ancestor.txid: ancestor for ancestor in (*_ancestors(ours[parent], ours), ours[parent])}
    yield from ancestors.values()
