"""What a walk compares: the node's chain up to the ledger's tip, and the program's records."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

import sqlalchemy as sa

from app.chain import wire
from app.chain.node import Node
from app.chain.wire import Block, Transaction
from app.db import Db, Row
from app.db.tables import (
    COLD_STORAGE,
    accounts,
    addresses,
    balances,
    chain_state,
    invoices,
    transactions,
)
from app.domain.dogecoin import Outpoint
from app.domain.payments import Payment
from app.domain.payments import load as load_payments
from app.money import DOGE
from tests.chain_harness import RULES

BUCKETS: Final = ("available", "incoming", "held", "outgoing")
Key = TypeVar("Key", bound=Hashable)
Record = TypeVar("Record")


class Chain:
    """The blocks from `root` on, each read once, also of branches that the node has left."""

    def __init__(self, node: Node, root: bytes) -> None:
        self._node = node
        self._root = root
        self._known: dict[bytes, Block] = {}

    async def up_to(self, tip: bytes) -> list[tuple[bytes, Block]]:
        """Return the blocks from the first above the root to the tip, each with its hash."""
        blocks = []
        while tip != self._root:
            if tip not in self._known:
                [raw] = await self._node.blocks([tip])
                self._known[tip] = wire.parse_block(raw)
            blocks.append((tip, self._known[tip]))
            tip = self._known[tip].header.previous
        return blocks[::-1]


@dataclass(frozen=True)
class Branch:
    """A chain from the root to a tip, with indexes."""

    blocks: Sequence[tuple[bytes, Block]]

    @cached_property
    def depths(self) -> dict[bytes, int]:
        """The depth of each block; the tip's is 1."""
        return {block_hash: depth for depth, (block_hash, _) in enumerate(reversed(self.blocks), 1)}

    @cached_property
    def transactions(self) -> dict[bytes, Transaction]:
        """Its transactions by txid, in their order."""
        return {
            transaction.txid: transaction for _, block in self.blocks for transaction in block.transactions
        }

    @cached_property
    def block_of(self) -> dict[bytes, bytes]:
        """The block's hash by txid."""
        return {
            transaction.txid: block_hash
            for block_hash, block in self.blocks
            for transaction in block.transactions
        }

    @cached_property
    def spender(self) -> dict[Outpoint, bytes]:
        """The txid that spends an output."""
        return {
            Outpoint(i.txid, i.vout): transaction.txid
            for transaction in self.transactions.values()
            for i in transaction.inputs
        }

    @cached_property
    def outputs(self) -> dict[Outpoint, wire.Output]:
        """Its outputs, spent or not."""
        transactions = self.transactions.values()
        return {
            Outpoint(transaction.txid, vout): output
            for transaction in transactions
            for vout, output in enumerate(transaction.outputs)
        }


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """The account that its deposits credit, their confirmations, and whether it is for change."""

    account: int
    confirmations: int
    change: bool


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction that the program signed: it `pays` payments or cancels them.

    `replaces` is the id of the first transaction of the same payments.
    """

    id: int
    replaces: int | None
    pays: bool
    broadcast_by_us: bool
    transaction: Transaction

    @property
    def family(self) -> set[int]:
        """The ids of itself and of the first transaction of the same payments."""
        return {self.id, self.replaces or self.id}

    @property
    def spends(self) -> set[Outpoint]:
        """The outputs that it spends."""
        return {Outpoint(spent.txid, spent.vout) for spent in self.transaction.inputs}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The program's records at one moment."""

    tip: bytes
    balances: dict[int, Row]
    payments: dict[int, Payment]
    own: dict[bytes, SignedTransaction]
    addresses: dict[bytes, OwnAddress]
    accounts: dict[str, int]


def joined(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Return the records of all cells, which are at the same block, as those of one ledger."""
    balances: dict[int, Counter[str]] = defaultdict(Counter)
    for snapshot in snapshots:
        for number, row in snapshot.balances.items():  # a system account has one in each cell
            balances[number].update({name: row[name] for name in BUCKETS})
    return Snapshot(
        tip=snapshots[0].tip,
        balances={number: dict(balance) for number, balance in balances.items()},
        payments=_union(snapshot.payments for snapshot in snapshots),
        own=_union(snapshot.own for snapshot in snapshots),
        addresses=_union(
            _of_cell(snapshot.addresses, cell, len(snapshots)) for cell, snapshot in enumerate(snapshots)
        ),
        accounts=_union(snapshot.accounts for snapshot in snapshots),
    )


def _of_cell(addresses: Mapping[bytes, OwnAddress], cell: int, cells: int) -> dict[bytes, OwnAddress]:
    """Return those of a cell's own accounts; it also knows those whose coins others have handed over to it."""
    return {
        script: address
        for script, address in addresses.items()
        if address.account < 0 or address.account % cells == cell
    }


def _union(parts: Iterable[Mapping[Key, Record]]) -> dict[Key, Record]:
    """Return what all have; no two have the same."""
    whole: dict[Key, Record] = {}
    for part in parts:
        assert not whole.keys() & part.keys()
        whole |= part
    return whole


async def read(db: Db) -> Snapshot:
    """Read the records; between two steps of a walk nothing moves."""
    required = sa.func.coalesce(invoices.c.required_confirmations, RULES.confirmations)
    same = sa.and_(
        addresses.c.purpose == "invoice",
        invoices.c.account_id == addresses.c.account_id,
        invoices.c.index == addresses.c.index,
    )
    is_change = addresses.c.purpose == "change"
    credited = sa.case((addresses.c.purpose == "cold", COLD_STORAGE), else_=addresses.c.account_id)
    owned = sa.select(addresses.c.script, credited, required, is_change)
    owned = owned.select_from(addresses.outerjoin(invoices, same))
    columns = (transactions.c[name] for name in ("id", "replaces", "pays", "broadcast_by_us", "raw"))
    signed = [
        SignedTransaction(
            row.id, row.replaces, row.pays, row.broadcast_by_us, wire.parse_transaction(bytes(row.raw))
        )
        for row in await db.execute(sa.select(*columns).order_by(transactions.c.id))
    ]
    in_doge = await db.execute(sa.select(balances).where(balances.c.asset == DOGE))
    opened = await db.execute(sa.select(accounts.c.foreign_id, accounts.c.id))
    return Snapshot(
        tip=bytes((await db.execute(sa.select(chain_state.c.hash))).scalar_one()),
        balances={row["account_id"]: dict(row) for row in in_doge.mappings()},
        payments={payment.id: payment for payment in await load_payments(db, sa.true())},
        own={own.transaction.txid: own for own in signed},
        addresses={bytes(row.script): OwnAddress(*row[1:]) for row in await db.execute(owned)},
        accounts={row.foreign_id: row.id for row in opened},
    )
