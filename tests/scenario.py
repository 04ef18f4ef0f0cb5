"""Small scenarios for tests of the rules: accounts with real keys, invoices, blocks of outputs and spends."""

import hashlib
import json
import time
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.batching.group_commit import GroupCommit
from app.chain.keys import Keyring
from app.db import ReadDb, tables
from app.db.tables import outbox
from app.domain import accounts, blocks, dogecoin, invoices, ledger
from app.domain.accounts import Account, AccountOrder
from app.domain.blocks import Block, BlockOutput, Header, Rules, Spend
from app.domain.dogecoin import REGTEST, Outpoint
from app.domain.installation import Installation
from app.domain.invoices import Invoice, InvoiceOrder, Item, issuing
from app.domain.queries import Query
from app.domain.refusals import Refusal
from app.money import COIN, Koinu

WORDS = "abandon " * 11 + "about"
RULES = Rules(REGTEST, confirmations=6)
GENESIS = bytes.fromhex(REGTEST.genesis_hash)[::-1]
TOKENS = count()
DEADLINE_SECONDS = 30
"""So long a test waits for what another transaction is to do."""
Key = TypeVar("Key", bound=Hashable)
Thing = TypeVar("Thing")

INVOICE_FLAGS = ("detected", "settled", "confirmation_lost", "late")
COMPARED = {
    tables.entries: ("kind", "cause_type", "cause_id", "reference", "key"),
    tables.postings: ("account_id", "seq", "bucket", "amount", "available", "incoming"),
    tables.balances: ("account_id", "available", "incoming", "seq"),
    tables.deposits: (
        "account_id",
        "txid",
        "state",
        "height",
        "confirm_height",
        "mined_count",
        "clawback_debt",
    ),
    tables.coins: ("txid", "height", "spent_height", "spend_count"),
    tables.invoices: ("account_id", "index", "received", "confirmed", "seen", "acceptable", *INVOICE_FLAGS),
    tables.sightings: ("account_id", "txid", "vout", "state", "acceptable"),
    tables.sighted_inputs: ("txid", "vout", "spent_by"),
    tables.chain_state: ("height", "liabilities", "assets", "payments_paused"),
    tables.watched_inputs: ("txid", "vout", "spent_by", "height"),
    tables.blocks: ("height", "hash", "chainwork"),
    outbox: ("type", "foreign_id", "message"),
}
ORDERED = {tables.entries: ("id",), outbox: ("id",)}


def token() -> str:
    return f"token-{next(TOKENS)}"


INSTALLATION = Installation(REGTEST, RULES.confirmations, token)


async def fetch(db: ReadDb, query: Query[Key, Thing], key: Key) -> Thing:
    """Ask a query for one key, or raise its refusal."""
    [outcome] = await query.fetch_many(db, [key], INSTALLATION)
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


def commits(engine: AsyncEngine) -> GroupCommit:
    """Return a group commit that wakes no loop."""
    return GroupCommit(engine, INSTALLATION, lambda _: None)


def doge(amount: int | str) -> Koinu:
    return Koinu(int(Decimal(amount) * COIN))


def item(value: int | str = 1, quantity: int = 1, kind: str = "item") -> Item:
    return Item(kind, "Treat", "sku", "", doge(value), quantity, "")


async def make_ready(engine: AsyncEngine, number: int = 20, first: int = 0) -> None:
    keys = Keyring(REGTEST, WORDS).account_xpubs(first, number)
    ready = [
        {"number": key.number, "xpub": key.xpub, "address": dogecoin.to_address(REGTEST, key.address_script)}
        for key in keys
    ]
    async with engine.begin() as db:
        await accounts.add_ready_keys(db, ready)


async def open_account(engine: AsyncEngine, foreign_id: str = "shop", **changes: Any) -> Account:
    async with engine.begin() as db:
        if await accounts.count_ready_keys(db, 1) == 0:
            await make_ready(engine)
    async with engine.begin() as db:
        [account] = await accounts.put(db, [AccountOrder(foreign_id, changes)], REGTEST)
    return accepted(account)


async def invoice(
    engine: AsyncEngine, foreign_id: str = "shop", value: int | str = 10, **terms: Any
) -> Invoice:
    async with engine.begin() as db:
        order = InvoiceOrder(foreign_id, (item(value),), **terms)
        [outcome] = await issuing.create(db, [order], INSTALLATION)
    return accepted(outcome)


def accepted(outcome: Thing | Refusal) -> Thing:
    assert not isinstance(outcome, Refusal), outcome
    return outcome


class Chain:
    """A made-up chain from its start at height 0; a block's hash depends on its content and on `salt`."""

    def __init__(self, engine: AsyncEngine, rules: Rules = RULES) -> None:
        self.engine = engine
        self.rules = rules
        self.blocks: list[Block] = []

    async def start(self) -> "Chain":
        async with self.engine.begin() as db:
            await blocks.start(db, [Header(0, GENESIS, bytes(32), 0, 2)])
        return self

    def block(
        self, paid: Iterable[tuple[str, int]] = (), spent: Sequence[Outpoint] = (), salt: str = ""
    ) -> Block:
        """Make the next block: one transaction per payment (address, koinu) and per spent outpoint."""
        previous = self.blocks[-1].hash if self.blocks else GENESIS
        height = len(self.blocks) + 1
        outputs = [
            BlockOutput(
                Outpoint(_id("tx", height, salt, n), 0),
                dogecoin.to_script(REGTEST, address),
                Koinu(amount),
                False,
            )
            for n, (address, amount) in enumerate(paid)
        ]
        spends = [Spend(outpoint, _id("spend", height, salt, n)) for n, outpoint in enumerate(spent)]
        block = Block(
            height, _id("block", previous, salt, repr(outputs)), previous, height, 2, outputs, spends
        )
        self.blocks.append(block)
        return block

    async def connect(self, *taken: Block) -> None:
        async with self.engine.begin() as db:
            await blocks.connect(db, self.rules, taken)

    async def mine(self, *paid: tuple[str, int], spent: Sequence[Outpoint] = (), salt: str = "") -> Block:
        block = self.block(paid, spent, salt)
        await self.connect(block)
        return block

    async def deepen(self, number: int) -> None:
        await self.connect(*(self.block() for _ in range(number)))

    async def disconnect(self) -> Block:
        block = self.blocks.pop()
        async with self.engine.begin() as db:
            await blocks.disconnect(db, self.rules, block.height, block.hash)
        return block


def dated(chain: Chain, paid: Iterable[tuple[str, int]], time: int) -> Block:
    """Make the chain's next block as if it had been found at a time, in seconds since 1970."""
    chain.blocks[-1:] = [block := replace(chain.block(paid), time=time)]
    return block


async def balance(engine: AsyncEngine, account: int) -> ledger.Balance:
    async with engine.begin() as db:
        return await ledger.balance(db, account)


async def event_types(engine: AsyncEngine, prefix: str = "") -> list[str]:
    """The types of all events in order; each event is read once."""
    async with engine.begin() as db:
        types = (await db.execute(sa.select(outbox.c.type).order_by(outbox.c.id))).scalars().all()
        await db.execute(sa.delete(outbox))
    return [event for event in types if event.startswith(prefix)]


async def event_messages(engine: AsyncEngine, *prefixes: str) -> list[dict[str, Any]]:
    """The messages of events of these types, each with its `type`, in order; each event is read once."""
    async with engine.begin() as db:
        events = (await db.execute(sa.select(outbox.c.type, outbox.c.message).order_by(outbox.c.id))).all()
        await db.execute(sa.delete(outbox))
    return [
        json.loads(row.message) | {"type": row.type} for row in events if row.type.startswith(prefixes or "")
    ]


async def rows(engine: AsyncEngine) -> dict[str, list[tuple[object, ...]]]:
    """The rows that blocks leave in every table, without ids and times."""
    contents = {}
    async with engine.begin() as connection:
        for table, names in COMPARED.items():
            columns = [table.c[name] for name in names]
            order = [table.c[name] for name in ORDERED.get(table, names)]
            contents[table.name] = [
                tuple(row) for row in await connection.execute(sa.select(*columns).order_by(*order))
            ]
    return contents


async def until_someone_waits(engine: AsyncEngine, number: int = 1) -> None:
    """Return as soon as `number` transactions wait for the locks of others; fail where none comes to wait."""
    waiting = """
        SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()
    """
    end = time.monotonic() + DEADLINE_SECONDS
    async with engine.connect() as db:
        watching = await db.execution_options(isolation_level="AUTOCOMMIT")
        while await watching.scalar(sa.text(waiting)) < number:
            assert time.monotonic() < end, (
                f"nobody waits for a lock after {DEADLINE_SECONDS} s: it is not taken"
            )


async def shown(engine: AsyncEngine, address: str) -> Invoice:
    async with engine.begin() as db:
        return await invoices.fetch(db, REGTEST, address)


def _id(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()
