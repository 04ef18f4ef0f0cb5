"""A whole Kennel for tests: a devnet, a follower and a sender on a real database, which only steps move."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit import run as run_audit
from app.chain import signing, wire
from app.chain.follower import Follower
from app.chain.keys import Keyring
from app.chain.mempool import Mempool, Reader
from app.chain.node import Node
from app.chain.sender import Sender
from app.chain.sent_marker import SentMarker
from app.chain.signer import Signer
from app.db.tables import accounts, addresses, chain_state, coins, entries, outbox, transactions
from app.domain import dogecoin, ledger, payments
from app.domain.blocks import Rules
from app.domain.dogecoin import REGTEST
from app.domain.ledger import Balance
from app.domain.payments import Payee, Payment, PayOrder, requesting
from app.domain.refusals import Refusal
from app.money import COIN, Koinu, parse, show
from app.runtime.lease import Lease
from devnet import devnet, signatures
from devnet.mempool import EXPIRY_SECONDS, MAX_BYTES
from devnet.node_options import NodeOptions
from tests import scenario

NOWHERE = dogecoin.to_address(REGTEST, dogecoin.p2sh(bytes(20))) or ""
RULES = Rules(REGTEST, confirmations=2)
MATURE = 100
"""After so many blocks the faucet has coins."""


def order(to: str, amount: int | str, foreign_id: str = "shop", **terms: Any) -> PayOrder:
    """Pay `amount` DOGE to one address."""
    share = terms.pop("share", 0)
    return PayOrder(foreign_id, (Payee.of(REGTEST, "", to, scenario.doge(amount), share),), **terms)


async def request(engine: AsyncEngine, *orders: PayOrder) -> list[Payment | Refusal]:
    """Request payments in one transaction."""
    async with engine.begin() as db:
        return await requesting.request(db, orders)


@dataclass
class ChainHarness:
    """Moves money in and out. The sender and the follower use `node`."""

    engine: AsyncEngine
    node: Node
    home: Path
    url: str
    zmq_endpoint: str = ""
    commits: int = 0

    def __post_init__(self) -> None:
        self.follower = self.make_follower()
        self.sender = self.make_sender()
        self.watch = self.make_mempool()

    def make_follower(self, holder: str = "one") -> Follower:
        return Follower(self.engine, self.node, RULES, Lease(self.engine, "follow", holder), self.committed)

    def make_mempool(self, holder: str = "one", steady_seconds: float = 0) -> Mempool:
        lease = Lease(self.engine, "mempool", holder)
        return Mempool(self.engine, Reader(self.node), RULES, lease, self.committed, steady_seconds)

    def make_sender(
        self, holder: str = "one", node: Node | None = None, marker: SentMarker | None = None
    ) -> Sender:
        signer = Signer(
            REGTEST, Keyring(REGTEST, scenario.WORDS), marker or SentMarker(self.home / "sent.json")
        )
        return Sender(
            self.engine, node or self.node, signer, Lease(self.engine, "send", holder), self.committed
        )

    def committed(self) -> None:
        self.commits += 1

    async def close(self) -> None:
        await self.follower.close()
        await self.sender.close()
        await self.watch.close()

    # ------------------------------------------------------------ the chain

    async def call(self, method: str, *params: Any) -> Any:
        return await self.node.call(method, *params)

    async def mine(self, number: int = 1) -> list[str]:
        """Mine blocks of the mempool, and let the ledger follow."""
        hashes: list[str] = await self.call("generatetoaddress", number, NOWHERE)
        await self.follow()
        return hashes

    async def mine_only(self, *raws: str) -> str:
        """Mine one block of exactly these transactions, and let the ledger follow."""
        block_hash: str = await self.call("generateblock", NOWHERE, list(raws))
        await self.follow()
        return block_hash

    async def follow(self) -> None:
        while await self.follower.step():
            pass

    async def invalidate_blocks(self, depth: int) -> str:
        """Invalidate so many blocks at the node, return the lowest; the ledger waits for a better chain."""
        height = await self.call("getblockcount")
        lowest: str = await self.call("getblockhash", height - depth + 1)
        await self.call("invalidateblock", lowest)
        return lowest

    async def look(self) -> None:
        """Look at the mempool until nothing in it is unread."""
        while await self.watch.step():
            pass

    async def mempool(self) -> list[str]:
        txids: list[str] = await self.call("getrawmempool")
        return txids

    async def expire_mempool(self) -> None:
        """Let the node drop its mempool, as it does after a day."""
        tip_time = (await self.call("getblock", await self.call("getbestblockhash")))["time"]
        await self.call("setmocktime", tip_time + 2 * EXPIRY_SECONDS)
        await self.call("invalidateblock", await self.call("generateblock", NOWHERE, []))
        await self.call("setmocktime", 0)

    async def steal(self, address: str) -> str:
        """Return a transaction that spends the coin of an address of ours, unknown to the ledger."""
        return await self.steal_script(dogecoin.to_script(REGTEST, address))

    async def steal_script(self, script: bytes) -> str:
        """Return the same, by the script."""
        same = (addresses.c[name] == coins.c[name] for name in ("account_id", "branch", "index"))
        async with self.engine.connect() as db:
            query = sa.select(coins, addresses.c.script).join(addresses, sa.and_(*same))
            [row] = (await db.execute(query.where(addresses.c.script == script))).mappings()
        key = Keyring(REGTEST, scenario.WORDS).private_key(row["account_id"], row["branch"], row["index"])
        output = wire.Output(row["amount"] - COIN, dogecoin.p2sh(bytes(20)))
        unsigned = signing.build([(bytes(row["txid"]), row["vout"])], [output])
        return signing.sign(unsigned, [script], lambda _: key).raw.hex()

    async def sign_again(
        self,
        payment: Payment,
        hash_type: int,
        inputs: Sequence[wire.Input] | None = None,
        outputs: Sequence[wire.Output] | None = None,
    ) -> str:
        """Sign a payment's transaction once more, with another hash type, or other inputs or outputs."""
        signed = wire.parse_transaction(payment.raw or b"")
        unsigned = wire.assemble(
            signed.inputs if inputs is None else inputs, signed.outputs if outputs is None else outputs
        )
        keys = Keyring(REGTEST, scenario.WORDS)
        for index, spent in enumerate(unsigned.inputs):
            same = sa.and_(coins.c.txid == spent.txid, coins.c.vout == spent.vout)
            async with self.engine.connect() as db:
                row = (await db.execute(sa.select(coins).where(same))).mappings().one()
            key = keys.private_key(row["account_id"], row["branch"], row["index"])
            unsigned = signatures.sign(unsigned, index, signatures.Key.of(key.secret), hash_type)
        return unsigned.raw.hex()

    async def resume(self) -> None:
        """Let payments go on after an unknown spend paused them."""
        async with self.engine.begin() as db:
            await db.execute(sa.update(chain_state).values(payments_paused=None))

    async def event_types(self) -> list[str]:
        """Return the types of all events."""
        async with self.engine.connect() as db:
            return list(await db.scalars(sa.select(outbox.c.type).order_by(outbox.c.id)))

    async def balance_of(self, account: int) -> Balance:
        async with self.engine.connect() as db:
            return await ledger.balance(db, account)

    async def received(self, address: str, confirmations: int = 1) -> int:
        """Return what an address of the node's wallet has received, in koinu."""
        return parse(await self.call("getreceivedbyaddress", address, confirmations))

    async def node_address(self) -> str:
        """Return a new address of the node's wallet."""
        address: str = await self.call("getnewaddress")
        return address

    # ------------------------------------------------------------ accounts

    async def fund(self, foreign_id: str, *amounts: int | str) -> list[str]:
        """Give the account such coins, confirmed; returns the addresses that received them."""
        received = []
        if await self._account(foreign_id) is None:
            await scenario.open_account(self.engine, foreign_id)
        for amount in amounts:
            invoice = await scenario.invoice(self.engine, foreign_id, value=amount, required_confirmations=1)
            received.append(invoice.address)
        outputs = {to: show(scenario.doge(amount)) for to, amount in zip(received, amounts, strict=True)}
        await self.call("sendmany", "", outputs)
        await self.mine()
        return received

    async def balance(self, foreign_id: str = "shop") -> Balance:
        account = await self._account(foreign_id)
        assert account is not None
        return await self.balance_of(account)

    async def _account(self, foreign_id: str) -> int | None:
        query = sa.select(accounts.c.id).where(accounts.c.foreign_id == foreign_id)
        async with self.engine.connect() as db:
            return await db.scalar(query)

    async def request(self, *orders: PayOrder) -> list[Payment | Refusal]:
        return await request(self.engine, *orders)

    async def pay(self, to: str, amount: int | str, foreign_id: str = "shop", **terms: Any) -> Payment:
        """Request one payment, which must be accepted."""
        [outcome] = await self.request(order(to, amount, foreign_id, **terms))
        return scenario.accepted(outcome)

    async def reload(self, *requested: Payment) -> list[Payment]:
        """Return the payments as they are now."""
        async with self.engine.connect() as db:
            current = await payments.by_ids(db, [str(payment.id) for payment in requested])
        return [current[str(payment.id)] for payment in requested]

    async def states(self, *requested: Payment) -> list[str]:
        return [payment.state for payment in await self.reload(*requested)]

    # ------------------------------------------------------------ the sender

    async def send(self) -> int:
        """Step the sender until it has nothing to do; returns the number of steps."""
        steps = 0
        while await self.sender.step():
            steps += 1
        return steps

    async def make_due(self) -> None:
        """Make all transactions due to be broadcast again."""
        async with self.engine.begin() as db:
            await db.execute(sa.update(transactions).values(last_broadcast=None))

    async def transactions(self) -> list[dict[str, Any]]:
        """Return our transactions, by id."""
        async with self.engine.connect() as db:
            rows = await db.execute(sa.select(transactions).order_by(transactions.c.id))
            return [dict(row) for row in rows.mappings()]

    async def free_amounts(self) -> list[int]:
        """Return the amounts of the coins that nothing spends."""
        async with self.engine.connect() as db:
            unspent = sa.select(coins.c.amount).where(
                coins.c.spent_height.is_(None), coins.c.transaction_id.is_(None)
            )
            return list(await db.scalars(unspent.order_by(coins.c.amount)))

    async def payment_events(self, payment: Payment) -> list[str]:
        """Return the types of a payment's events, in order."""
        async with self.engine.connect() as db:
            rows = await db.execute(sa.select(outbox.c.type, outbox.c.message).order_by(outbox.c.id))
        key = f'"payment_id":{payment.id},'
        return [row.type for row in rows if key in row.message.replace(" ", "")]

    async def audit(self) -> None:
        """Run the audit, which must find nothing."""
        report = await run_audit(self.engine)
        assert report.ok, [*(finding for finding in report.findings if not finding.ok), *report.totals]
        async with self.engine.connect() as db:
            assert set(await db.scalars(sa.select(entries.c.kind).distinct())) <= ledger.ENTRY_KINDS


def paid(payment: Payment) -> Koinu:
    """Return the amount of a signed payment's outputs."""
    assert payment.paid is not None
    return payment.paid


@asynccontextmanager
async def opened(
    engine: AsyncEngine, home: Path, max_mempool_bytes: int = MAX_BYTES, zmq_bind: str | None = None
) -> AsyncIterator[ChainHarness]:
    """Yield a harness on a devnet of its own whose faucet can pay, with a ledger at its tip."""
    options = devnet.Options("127.0.0.1:0", zmq_bind, node=NodeOptions(max_mempool_bytes=max_mempool_bytes))
    async with (
        devnet.running(home, options) as running,
        Node(url := running.rpc_url.replace("http://", "http://kennel:kennel@")) as node,
    ):
        await node.call("generate", MATURE)
        harness = ChainHarness(engine, node, home, url, running.zmq_endpoint)
        await harness.follow()
        yield harness
        await harness.close()


def coins_of(raw: dict[str, Any]) -> Sequence[tuple[str, int]]:
    """Return the outpoints that a decoded transaction spends."""
    return [(spent["txid"], spent["vout"]) for spent in raw["vin"]]
