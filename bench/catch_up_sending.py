"""Blocks per second while catching up, where each block holds payments of ours: an exchange's days away."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from app.chain import wire
from app.chain.wire import Input, Output, Transaction
from app.db import Db, Row, bulk
from app.db.tables import (
    addresses,
    balances,
    coins,
    payment_outputs,
    payments,
    transaction_inputs,
    transactions,
)
from app.money import COIN
from bench import catch_up, chains, filling, programs
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Testbed

BLOCKS, IN_EACH = catch_up.BLOCKS, 20
"""Payments of ours in each block but the first: each is a transaction with one coin of ours and change."""
ACCOUNTS = 1_000
COIN_KOINU, PAID, FEE = 3 * COIN, COIN, COIN // 100
CHANGE = COIN_KOINU - PAID - FEE
FILLED = "template_sending"
AT_ONCE = 10_000


class SentPayment(NamedTuple):
    """A payment of ours in the chain: its number from 0 on, and its transaction."""

    number: int
    transaction: Transaction

    @property
    def account(self) -> int:
        """The account that pays; the coin is its own too."""
        return self.number % ACCOUNTS

    @property
    def id(self) -> int:
        """The id of the payment, and of its transaction."""
        return self.number + 1

    @property
    def change_path(self) -> Row:
        """The columns that name the address of its change."""
        return {"account_id": self.account, "branch": 1, "index": self.number}

    @property
    def spent(self) -> Row:
        """The key of the coin that it spends."""
        [coin] = self.transaction.inputs
        return {"txid": coin.txid, "vout": coin.vout}


async def measure(testbed: Testbed) -> list[Figure]:
    """Measure limit and value in turn, each value on a fresh copy of the database with all sent payments."""
    coinbases = [chains.coinbase(height, IN_EACH) for height in range(1, BLOCKS + 1)]
    coins = [(coinbase.txid, vout) for coinbase in coinbases[:-1] for vout in range(IN_EACH)]
    sent = [SentPayment(number, _transaction(number, *coin)) for number, coin in enumerate(coins)]
    await _fill(testbed, sent)
    home = testbed.folder()
    chains.store(home, _blocks(coinbases, sent))
    async with programs.checking_devnet(home) as devnet:
        limits, values = await catch_up.rounds(testbed, devnet, FILLED)
    return [of_rounds(Terms("catch_up_sending", "blocks/s", 0.5), values, limits)]


def _transaction(number: int, txid: bytes, vout: int) -> Transaction:
    coin = Input(txid, vout, chains.SIGNATURE, 0xFFFFFFFF)
    return wire.assemble([coin], [Output(PAID, chains.STRANGER), Output(CHANGE, _change(number))])


def _change(number: int) -> bytes:
    return filling.script(-number - 1 & (2**63 - 1))


def _blocks(coinbases: Sequence[Transaction], sent: Sequence[SentPayment]) -> Iterator[list[Transaction]]:
    """Yield the blocks: each spends what the coinbase before it made."""
    for at, coinbase in enumerate(coinbases):
        yield [coinbase, *(payment.transaction for payment in sent[max(0, at - 1) * IN_EACH : at * IN_EACH])]


async def _fill(testbed: Testbed, sent: Sequence[SentPayment]) -> None:
    async with testbed.database() as url:
        async with programs.engine(url) as engine, engine.begin() as db:
            await filling.fill(db, ACCOUNTS, BLOCKS * IN_EACH // ACCOUNTS, {})
            await catch_up.begin(db)
            for start in range(0, len(sent), AT_ONCE):
                await _send(db, sent[start : start + AT_ONCE])
            outgoing = {"outgoing": (PAID + FEE) * BLOCKS * IN_EACH // ACCOUNTS}
            await db.execute(sa.update(balances).values(outgoing))
        await testbed.administer(f"CREATE DATABASE {FILLED} TEMPLATE {catch_up.url_name(url)}")


async def _send(db: Db, sent: Sequence[SentPayment]) -> None:
    """Write the payments as they are once the node has them all."""
    for table, row in ROWS:
        await bulk.insert(db, table, [row(payment) for payment in sent])


def _change_address(payment: SentPayment) -> Row:
    script = _change(payment.number)
    return {**payment.change_path, "script": script, "purpose": "change"}


def _spent_coin(payment: SentPayment) -> Row:
    path = {"account_id": payment.account, "branch": 0, "index": payment.account * filling.STRIDE}
    coin = {"amount": COIN_KOINU, "coinbase": False, "height": 0, "change": False}
    return {**payment.spent, **path, **coin, "transaction_id": payment.id}


def _change_coin(payment: SentPayment) -> Row:
    coin = {"vout": 1, "amount": CHANGE, "coinbase": False, "change": True}
    return {**payment.change_path, **coin, "txid": payment.transaction.txid}


def _transaction_row(payment: SentPayment) -> Row:
    txid, raw = payment.transaction.txid, payment.transaction.raw
    return {"id": payment.id, "txid": txid, "raw": raw, "fee": FEE, "broadcast_by_us": True, "state": "sent"}


def _input(payment: SentPayment) -> Row:
    return {**payment.spent, "transaction_id": payment.id, "amount": COIN_KOINU}


def _payment_row(payment: SentPayment) -> Row:
    limits = {"explicit_fee": 0, "max_fee": 0}
    amounts = {"amount": PAID, "reserved": PAID + FEE, **limits, "paid": PAID, "fee": FEE}
    ids = {"account_id": payment.account, "id": payment.id, "transaction_id": payment.id}
    return {**ids, **amounts, "kind": "pay", "state": "BROADCAST"}


def _output(payment: SentPayment) -> Row:
    amounts = {"amount": PAID, "share": 0, "paid": PAID}
    key = {"account_id": payment.account, "payment_id": payment.id, "number": 0}
    return {**key, "address": "stranger", "script": chains.STRANGER, **amounts}


ROWS = (
    (addresses, _change_address),
    (coins, _spent_coin),
    (coins, _change_coin),
    (transactions, _transaction_row),
    (transaction_inputs, _input),
    (payments, _payment_row),
    (payment_outputs, _output),
)
