"""What a walk looks at: the chain as the node tells it, up to the block that the ledger has reached, and the books."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa

from app.chain import wire
from app.chain.node import Node
from app.chain.wire import Block, Transaction
from app.db import Db, Row
from app.db.tables import accounts, addresses, balances, chain_state, invoices, transactions
from app.domain.dogecoin import Outpoint
from app.domain.payments import Payment
from app.domain.payments import load as load_payments
from app.money import DOGE
from tests.chain_harness import RULES


class Chain:
    """The blocks from `root` on, read once each: also those that the node has left."""

    def __init__(self, node: Node, root: bytes) -> None:
        self._node = node
        self._root = root
        self._known: dict[bytes, Block] = {}

    async def up_to(self, tip: bytes) -> list[tuple[bytes, Block]]:
        """The blocks from the first above the root to the tip, each with its hash."""
        found = []
        while tip != self._root:
            if tip not in self._known:
                [raw] = await self._node.blocks([tip])
                self._known[tip] = wire.parse_block(raw)
            found.append((tip, self._known[tip]))
            tip = self._known[tip].header.previous
        return found[::-1]


@dataclass(frozen=True)
class Branch:
    """A chain from the root to a tip, looked up in."""

    blocks: Sequence[tuple[bytes, Block]]

    @cached_property
    def depths(self) -> dict[bytes, int]:
        """How deep each block is; the tip is 1."""
        return {block_hash: depth for depth, (block_hash, _) in enumerate(reversed(self.blocks), 1)}

    @cached_property
    def transactions(self) -> dict[bytes, Transaction]:
        """What it holds, by txid, in its order."""
        return {one.txid: one for _, block in self.blocks for one in block.transactions}

    @cached_property
    def block_of(self) -> dict[bytes, bytes]:
        """The block of each transaction."""
        return {one.txid: block_hash for block_hash, block in self.blocks for one in block.transactions}

    @cached_property
    def spender(self) -> dict[Outpoint, bytes]:
        """The transaction that spends an output."""
        return {Outpoint(i.txid, i.vout): one.txid for one in self.transactions.values() for i in one.inputs}

    @cached_property
    def outputs(self) -> dict[Outpoint, wire.Output]:
        """What it holds, spent or not."""
        found = self.transactions.values()
        return {Outpoint(one.txid, vout): output for one in found for vout, output in enumerate(one.outputs)}


@dataclass(frozen=True, slots=True)
class Place:
    """Whose an address is, how deep its deposits must be, and whether it is for change."""

    account: int
    confirmations: int
    change: bool


@dataclass(frozen=True, slots=True)
class Own:
    """A transaction that the program signed; `replaces` is the number of the first for the same payments, which it `pays` or cancels."""

    id: int
    replaces: int | None
    pays: bool
    sends: bool
    transaction: Transaction

    @property
    def family(self) -> set[int]:
        """It, and the first that was signed for the same payments."""
        return {self.id, self.replaces or self.id}

    @property
    def spends(self) -> set[Outpoint]:
        """The outputs that it spends."""
        return {Outpoint(one.txid, one.vout) for one in self.transaction.inputs}


@dataclass(frozen=True, slots=True)
class Books:
    """What the program says, in one moment."""

    tip: bytes
    balances: dict[int, Row]
    payments: dict[int, Payment]
    own: dict[bytes, Own]
    places: dict[bytes, Place]
    accounts: dict[str, int]


async def read(db: Db) -> Books:
    """Read the books; between two steps of a walk nothing moves."""
    required = sa.func.coalesce(invoices.c.required_confirmations, RULES.confirmations)
    same = sa.and_(
        addresses.c.purpose == "invoice",
        invoices.c.account_id == addresses.c.account_id,
        invoices.c.index == addresses.c.index,
    )
    placed = sa.select(addresses.c.script, addresses.c.account_id, required, addresses.c.purpose == "change")
    columns = ("id", "replaces", "pays", "sends", "raw")
    signed = sa.select(*(transactions.c[name] for name in columns)).order_by(transactions.c.id)
    known = await db.execute(placed.select_from(addresses.outerjoin(invoices, same)))
    held = await db.execute(sa.select(balances).where(balances.c.asset == DOGE))
    return Books(
        tip=bytes((await db.execute(sa.select(chain_state.c.hash))).scalar_one()),
        balances={row["account_id"]: dict(row) for row in held.mappings()},
        payments={payment.id: payment for payment in await load_payments(db, sa.true())},
        own={one.transaction.txid: one for one in [_own(*row) for row in await db.execute(signed)]},
        places={bytes(row[0]): Place(*row[1:]) for row in known},
        accounts={
            row.foreign_id: row.id
            for row in await db.execute(sa.select(accounts.c.id, accounts.c.foreign_id))
        },
    )


def _own(number: int, replaces: int | None, pays: bool, sends: bool, raw: bytes) -> Own:  # noqa: FBT001  as the columns come
    return Own(number, replaces, pays, sends, wire.parse_transaction(bytes(raw)))
