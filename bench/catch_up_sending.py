"""Blocks per second while catching up, where each block holds payments of ours: an exchange's days away."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from app.chain import header, wire
from app.chain.wire import Input, Output, Transaction
from app.db import Db, bulk
from app.db.tables import (
    addresses,
    balances,
    coins,
    payment_outputs,
    payments,
    transaction_inputs,
    transactions,
)
from app.domain import blocks
from app.domain.blocks import Header
from app.money import COIN
from bench import catch_up, chains, filling, programs
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Testbed
from devnet import mining

BLOCKS, IN_EACH = catch_up.BLOCKS, 20
"""Payments of ours in each block but the first, each a transaction of its own with one coin of ours and change."""
ACCOUNTS = 1_000
COIN_KOINU, PAID, FEE = 3 * COIN, COIN, COIN // 100
CHANGE = COIN_KOINU - PAID - FEE
FILLED = "template_sending"
AT_ONCE = 10_000


class Sent(NamedTuple):
    """A payment of ours that the chain holds: its number from 0 on, and its transaction."""

    number: int
    transaction: Transaction

    @property
    def account(self) -> int:
        """Whose payment it is; their coins are theirs too."""
        return self.number % ACCOUNTS

    @property
    def spent(self) -> dict[str, object]:
        """The key of the coin that it spends."""
        [coin] = self.transaction.inputs
        return {"txid": coin.txid, "vout": coin.vout}


async def measure(testbed: Testbed) -> list[Figure]:
    """Limit and value in turn, each value on a fresh copy of the database in which everything was sent."""
    coinbases = [chains.coinbase(height, IN_EACH) for height in range(1, BLOCKS + 1)]
    coins = [(coinbase.txid, vout) for coinbase in coinbases[:-1] for vout in range(IN_EACH)]
    sent = [Sent(number, _transaction(number, *coin)) for number, coin in enumerate(coins)]
    await _fill(testbed, sent)
    home = testbed.folder()
    chains.store(home, _blocks(coinbases, sent))
    async with programs.checking_devnet(home) as devnet:
        limits, values = await catch_up.rounds(testbed, devnet, FILLED)
    return [of_rounds(Terms("catch_up_sending", "blocks/s"), values, limits)]


def _transaction(number: int, txid: bytes, vout: int) -> Transaction:
    coin = Input(txid, vout, chains.SIGNATURE, 0xFFFFFFFF)
    return wire.assemble([coin], [Output(PAID, chains.STRANGER), Output(CHANGE, _change(number))])


def _change(number: int) -> bytes:
    return filling.script(-number - 1 & (2**63 - 1))


def _blocks(coinbases: Sequence[Transaction], sent: Sequence[Sent]) -> Iterator[list[Transaction]]:
    """Yield the blocks: each spends what the coinbase before it made."""
    for at, coinbase in enumerate(coinbases):
        yield [coinbase, *(one.transaction for one in sent[max(0, at - 1) * IN_EACH : at * IN_EACH])]


async def _fill(testbed: Testbed, sent: Sequence[Sent]) -> None:
    async with testbed.database() as url:
        async with programs.engine(url) as engine, engine.begin() as db:
            await filling.fill(db, ACCOUNTS, BLOCKS * IN_EACH // ACCOUNTS, {})
            first = mining.GENESIS[: header.HEADER_BYTES]
            top = header.parse_header(first)
            await blocks.start(db, [Header(0, top.hash, top.previous, top.time, header.work(top.bits))])
            for start in range(0, len(sent), AT_ONCE):
                await _send(db, sent[start : start + AT_ONCE])
            outgoing = {"outgoing": (PAID + FEE) * BLOCKS * IN_EACH // ACCOUNTS}
            await db.execute(sa.update(balances).values(outgoing))
        await testbed.administer(f"CREATE DATABASE {FILLED} TEMPLATE {catch_up.url_name(url)}")


async def _send(db: Db, sent: Sequence[Sent]) -> None:
    """Write the payments as they are once the node has them all."""
    numbers = [one.number + 1 for one in sent]
    whose = [{"account_id": one.account, "branch": 1, "index": one.number} for one in sent]
    change = [
        {**place, "script": _change(one.number), "purpose": "change"}
        for place, one in zip(whose, sent, strict=True)
    ]
    await bulk.insert(db, addresses, change)
    plain = {"coinbase": False, "amount": COIN_KOINU, "height": 0, "change": False}
    coins_spent = [
        {**plain, **one.spent, "account_id": one.account, "branch": 0,
         "index": one.account * filling.STRIDE, "transaction_id": number}
        for one, number in zip(sent, numbers, strict=True)
    ]  # fmt: skip
    await bulk.insert(db, coins, coins_spent)
    fresh = {"vout": 1, "amount": CHANGE, "coinbase": False, "change": True}
    await bulk.insert(
        db,
        coins,
        [{**place, **fresh, "txid": one.transaction.txid} for place, one in zip(whose, sent, strict=True)],
    )
    await bulk.insert(db, transactions, [_transaction_row(one) for one in sent])
    await bulk.insert(
        db,
        transaction_inputs,
        [
            {**one.spent, "transaction_id": n, "amount": COIN_KOINU}
            for n, one in zip(numbers, sent, strict=True)
        ],
    )
    await bulk.insert(db, payments, [_payment_row(one) for one in sent])
    paid = {
        "number": 0,
        "address": "stranger",
        "script": chains.STRANGER,
        "amount": PAID,
        "share": 0,
        "paid": PAID,
    }
    await bulk.insert(
        db,
        payment_outputs,
        [{**paid, "account_id": one.account, "payment_id": one.number + 1} for one in sent],
    )


def _transaction_row(one: Sent) -> dict[str, object]:
    txid, raw = one.transaction.txid, one.transaction.raw
    return {"id": one.number + 1, "txid": txid, "raw": raw, "fee": FEE, "sends": True, "state": "sent"}


def _payment_row(one: Sent) -> dict[str, object]:
    amounts = {
        "amount": PAID,
        "reserved": PAID + FEE,
        "explicit_fee": 0,
        "max_fee": 0,
        "paid": PAID,
        "fee": FEE,
    }
    whose = {"account_id": one.account, "id": one.number + 1, "transaction_id": one.number + 1}
    return {**amounts, **whose, "kind": "pay", "state": "BROADCAST"}
