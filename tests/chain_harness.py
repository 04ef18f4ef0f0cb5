"""A whole Kennel for tests: a devnet, a follower and a sender on a real database, moved by steps and by nothing else."""

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
from app.chain.node import Node
from app.chain.sender import Sender
from app.chain.sent_marker import SentMarker
from app.chain.signer import Signer
from app.db.tables import addresses, chain_state, coins, entries, outbox, transactions
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
"""Blocks after which the faucet has coins to give."""


def order(to: str, amount: int | str, foreign_id: str = "shop", **terms: Any) -> PayOrder:
    """Pay `amount` DOGE to one address."""
    share = terms.pop("share", 0)
    return PayOrder(foreign_id, (Payee.of(REGTEST, "", to, scenario.doge(amount), share),), **terms)


async def ask(engine: AsyncEngine, *orders: PayOrder) -> list[Payment | Refusal]:
    """Ask for payments in one transaction."""
    async with engine.begin() as db:
        return await requesting.request(db, orders)


@dataclass
class ChainHarness:
    """What moves money in and out. `node` is the sender's and the follower's way to the chain."""

    engine: AsyncEngine
    node: Node
    home: Path
    url: str
    commits: int = 0

    def __post_init__(self) -> None:
        self.follower = self.make_follower()
        self.sender = self.make_sender()

    def make_follower(self, holder: str = "one") -> Follower:
        return Follower(self.engine, self.node, RULES, Lease(self.engine, "follow", holder), self.committed)

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

    # ------------------------------------------------------------ the chain

    async def call(self, method: str, *params: Any) -> Any:
        return await self.node.call(method, *params)

    async def mine(self, number: int = 1) -> list[str]:
        """Mine blocks of what waits, and let the ledger take them."""
        found: list[str] = await self.call("generatetoaddress", number, NOWHERE)
        await self.follow()
        return found

    async def mine_only(self, *raws: str) -> str:
        """Mine one block of exactly these transactions, and let the ledger take it."""
        found: str = await self.call("generateblock", NOWHERE, list(raws))
        await self.follow()
        return found

    async def follow(self) -> None:
        while await self.follower.step():
            pass

    async def back(self, depth: int) -> str:
        """Send the node back so many blocks; the ledger waits for a better chain. Returns the lowest block."""
        height = await self.call("getblockcount")
        lowest: str = await self.call("getblockhash", height - depth + 1)
        await self.call("invalidateblock", lowest)
        return lowest

    async def mempool(self) -> list[str]:
        found: list[str] = await self.call("getrawmempool")
        return found

    async def forget_mempool(self) -> None:
        """Let the node forget what waits, as it does after a day."""
        now = (await self.call("getblock", await self.call("getbestblockhash")))["time"]
        await self.call("setmocktime", now + 2 * EXPIRY_SECONDS)
        await self.call("invalidateblock", await self.call("generateblock", NOWHERE, []))
        await self.call("setmocktime", 0)

    async def steal(self, address: str) -> str:
        """Spend the coin that lies on an address of ours, by a transaction that the ledger does not know; returns it."""
        return await self.steal_script(dogecoin.to_script(REGTEST, address))

    async def steal_script(self, script: bytes) -> str:
        """The same, by the script."""
        async with self.engine.connect() as db:
            found = sa.select(coins, addresses.c.script).join(
                addresses,
                sa.and_(*(addresses.c[name] == coins.c[name] for name in ("account_id", "branch", "index"))),
            )
            [row] = (await db.execute(found.where(addresses.c.script == script))).mappings()
        key = Keyring(REGTEST, scenario.WORDS).private_key(row["account_id"], row["branch"], row["index"])
        unsigned = signing.build(
            [(bytes(row["txid"]), row["vout"])], [wire.Output(row["amount"] - COIN, dogecoin.p2sh(bytes(20)))]
        )
        return signing.sign(unsigned, [script], lambda _: key).raw.hex()

    async def signed_again(
        self,
        payment: Payment,
        hash_type: int,
        inputs: Sequence[wire.Input] | None = None,
        outputs: Sequence[wire.Output] | None = None,
    ) -> str:
        """Sign a payment's transaction once more, as whoever has our keys can: with another hash type, or for other things."""
        was = wire.parse_transaction(payment.raw or b"")
        unsigned = wire.assemble(
            was.inputs if inputs is None else inputs, was.outputs if outputs is None else outputs
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
        """Let payments go on after a spend that we do not know paused them."""
        async with self.engine.begin() as db:
            await db.execute(sa.update(chain_state).values(payments_paused=None))

    async def everything(self) -> list[str]:
        """The types of all events."""
        async with self.engine.connect() as db:
            return list(await db.scalars(sa.select(outbox.c.type).order_by(outbox.c.id)))

    async def balance_of(self, account: int) -> Balance:
        async with self.engine.connect() as db:
            return await ledger.balance(db, account)

    async def received(self, address: str, confirmations: int = 1) -> int:
        """What an address of the node's wallet ever got, in koinu."""
        return parse(await self.call("getreceivedbyaddress", address, confirmations))

    async def stranger(self) -> str:
        """An address of the node's wallet."""
        found: str = await self.call("getnewaddress")
        return found

    # ------------------------------------------------------------ accounts

    async def fund(self, foreign_id: str, *amounts: int | str) -> list[str]:
        """Bring the account so many coins, confirmed; returns the addresses that received them."""
        given = []
        async with self.engine.connect() as db:
            known = (
                await db.execute(sa.text("SELECT 1 FROM accounts WHERE foreign_id = :f"), {"f": foreign_id})
            ).first()
        if known is None:
            await scenario.open_account(self.engine, foreign_id)
        for amount in amounts:
            made = await scenario.invoice(self.engine, foreign_id, value=amount, required_confirmations=1)
            given.append(made.address)
        outputs = {to: show(scenario.doge(amount)) for to, amount in zip(given, amounts, strict=True)}
        await self.call("sendmany", "", outputs)
        await self.mine()
        return given

    async def balance(self, foreign_id: str = "shop") -> Balance:
        async with self.engine.connect() as db:
            number = await db.scalar(
                sa.text("SELECT id FROM accounts WHERE foreign_id = :f"), {"f": foreign_id}
            )
            return await ledger.balance(db, number)

    async def request(self, *orders: PayOrder) -> list[Payment | Refusal]:
        return await ask(self.engine, *orders)

    async def pay(self, to: str, amount: int | str, foreign_id: str = "shop", **terms: Any) -> Payment:
        """Ask for one payment that must be accepted."""
        [made] = await self.request(order(to, amount, foreign_id, **terms))
        return scenario.accepted(made)

    async def shown(self, *given: Payment) -> list[Payment]:
        """The payments as they are now."""
        async with self.engine.connect() as db:
            found = await payments.by_ids(db, [str(payment.id) for payment in given])
        return [found[str(payment.id)] for payment in given]

    async def states(self, *given: Payment) -> list[str]:
        return [payment.state for payment in await self.shown(*given)]

    # ------------------------------------------------------------ the sender

    async def send(self) -> int:
        """Step the sender until there is nothing to do; how often there was."""
        moved = 0
        while await self.sender.step():
            moved += 1
        return moved

    async def later(self) -> None:
        """Let the time pass after which transactions are offered to the node again."""
        async with self.engine.begin() as db:
            await db.execute(sa.update(transactions).values(tried=None))

    async def sent(self) -> list[dict[str, Any]]:
        """Our transactions, by id."""
        async with self.engine.connect() as db:
            found = await db.execute(sa.select(transactions).order_by(transactions.c.id))
            return [dict(row) for row in found.mappings()]

    async def free(self) -> list[int]:
        """Amounts of the coins that nothing spends."""
        async with self.engine.connect() as db:
            unspent = sa.select(coins.c.amount).where(
                coins.c.spent_height.is_(None), coins.c.transaction_id.is_(None)
            )
            return list(await db.scalars(unspent.order_by(coins.c.amount)))

    async def told(self, payment: Payment) -> list[str]:
        """What was told of a payment, in order."""
        async with self.engine.connect() as db:
            rows = await db.execute(sa.select(outbox.c.type, outbox.c.message).order_by(outbox.c.id))
        wanted = f'"payment_id":{payment.id},'
        return [row.type for row in rows if wanted in row.message.replace(" ", "")]

    async def audit(self) -> None:
        """Hold the books against each other."""
        report = await run_audit(self.engine)
        assert report.ok, [*(finding for finding in report.findings if not finding.ok), *report.totals]
        async with self.engine.connect() as db:
            assert set(await db.scalars(sa.select(entries.c.kind).distinct())) <= ledger.ENTRY_KINDS


def paid(payment: Payment) -> Koinu:
    """What the outputs of a signed payment get."""
    assert payment.paid is not None
    return payment.paid


@asynccontextmanager
async def opened(
    engine: AsyncEngine, home: Path, max_mempool_bytes: int = MAX_BYTES
) -> AsyncIterator[ChainHarness]:
    """A harness on a devnet of its own, whose faucet can pay, with a ledger at its tip."""
    async with (
        devnet.running(
            home, devnet.Options("127.0.0.1:0", None, node=NodeOptions(max_mempool_bytes=max_mempool_bytes))
        ) as running,
        Node(url := running.rpc_url.replace("http://", "http://kennel:kennel@")) as node,
    ):
        await node.call("generate", MATURE)
        harness = ChainHarness(engine, node, home, url)
        await harness.follow()
        yield harness
        await harness.close()


def coins_of(raw: dict[str, Any]) -> Sequence[tuple[str, int]]:
    """What a decoded transaction spends."""
    return [(spent["txid"], spent["vout"]) for spent in raw["vin"]]
