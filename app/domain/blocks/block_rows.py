"""The rows that blocks touch: read under their locks in one order, and written back in a few statements."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Row, bulk
from app.db.tables import accounts, addresses, coins, deposits, invoices
from app.domain import dogecoin
from app.domain.blocks import double_spend_watch, own_transactions, twins
from app.domain.blocks.block_effects import Block, BlockEffects, InvoiceKey
from app.domain.blocks.deposits import AddressOwner, Coin, Deposit
from app.domain.blocks.own_transaction_effects import OwnTransactionEffects
from app.domain.dogecoin import Network, Outpoint
from app.domain.invoices import Receipts
from app.domain.owner import Owner
from app.money import Koinu

P2PKH_BYTES = 25
"""All our addresses are of this kind; no other script can be one of ours."""


async def of_blocks(
    db: Db, network: Network, confirmations: int, blocks: Sequence[Block], confirm_to: int, final: int
) -> BlockEffects:
    """Lock what the blocks pay, spend and confirm: coins, deposits, invoices, each by id; then read the rest.

    Confirmations count up to `confirm_to`; the blocks up to the height `final` are never taken back.
    """
    places = await _places(db, network, blocks)
    ours = [output for block in blocks for output in block.outputs if output.script in places]
    spends = [spend for block in blocks for spend in block.spends]
    watched = await double_spend_watch.find(db, (block.inputs for block in blocks), final)
    sent = await own_transactions.of_blocks(
        db, spends, watched.lost, (confirm_to, confirm_to - confirmations + 1)
    )
    watched.descendants = await double_spend_watch.descendants(
        db, [*watched.lost, *(sending.txid for sending in sent.values())]
    )
    moved = [
        outpoint._asdict()
        for outpoint in (*(one.outpoint for one in ours), *(one.outpoint for one in spends))
    ]
    kept = await _coins(db, network, _COINS_AMONG, bulk.arrays(moved)) if moved else {}
    there = await _deposits(db, network, _DEPOSITS_DUE, {"height": confirm_to})
    if ours:
        paid = [{"account_id": places[one.script].account, **one.outpoint._asdict()} for one in ours]
        there |= await _deposits(db, network, _DEPOSITS_AMONG, bulk.arrays(paid))
    rules = (network.maturity, confirmations)
    if payers := {payment.owner.id for sending in sent.values() for payment in sending.payments}:
        there |= await _deposits(db, network, _DEPOSITS_OWING, {"accounts": list(payers)})
    if strange := twins.unknown(blocks, sent.values(), kept):
        change = await _coins(db, network, _CHANGE_OF, {"txids": [sending.txid for sending in sent.values()]})
        same = await twins.recognise(
            db, network, twins.found(blocks, strange), sent.values(), change.values()
        )
        sent, kept = sent | same[0], kept | same[1]
    changes = await _changes(db, rules, places, (kept, there, OwnTransactionEffects(sent, confirmations)))
    changes.watches = watched
    return changes


async def of_height(db: Db, network: Network, height: int) -> BlockEffects:
    """Lock what the block at `height` brought and spent."""
    sent = await own_transactions.of_height(db, height)
    kept = await _coins(db, network, _COINS_OF_HEIGHT, {"height": height})
    there = await _deposits(db, network, _DEPOSITS_OF_HEIGHT, {"height": height})
    return await _changes(db, (network.maturity, 0), {}, (kept, there, OwnTransactionEffects(sent, 0)))


async def write(db: Db, changes: BlockEffects) -> None:
    """Write back the coins, deposits and invoices that moved."""
    moved = sorted(changes.moved)
    kept = [_coin_row(changes.coins[outpoint]) for outpoint in moved if outpoint in changes.coins]
    there = [_deposit_row(changes.deposits[outpoint]) for outpoint in moved if outpoint in changes.deposits]
    paid = [_receipts_row(key, changes.receipts[key]) for key in sorted(changes.paid)]
    if kept:
        await db.execute(_upsert(coins, kept))
    if there:
        await db.execute(_upsert(deposits, there))
    await own_transactions.write(db, changes.sendings.changed)
    if paid:
        await bulk.update(db, invoices, ("account_id", "index"), paid)


async def _places(db: Db, network: Network, blocks: Sequence[Block]) -> dict[bytes, AddressOwner]:
    """Match scripts in SQL, never against a cached set: an address committed before its payment is always seen."""
    paid = {
        output.script for block in blocks for output in block.outputs if len(output.script) == P2PKH_BYTES
    }
    given = bulk.rows(addresses, ["script"], [{"script": script} for script in paid])
    found = await bulk.fetch_all(db, sa.select(addresses).join(given, addresses.c.script == given.c.script))
    return {bytes(row["script"]): _place(network, row) for row in found}


async def _changes(
    db: Db,
    rules: tuple[Callable[[int], int], int],
    places: Mapping[bytes, AddressOwner],
    locked: tuple[dict[Outpoint, Coin], dict[Outpoint, Deposit], OwnTransactionEffects],
) -> BlockEffects:
    kept, there, sent = locked
    touched = [*places.values(), *(c.place for c in kept.values()), *(d.place for d in there.values())]
    keys = sorted({(place.account, place.invoice) for place in touched if place.invoice is not None})
    receipts = await _receipts(db, keys)
    owners = await _owners(db, sorted({place.account for place in touched}))
    owners |= {payment.owner.id: payment.owner for one in sent.sendings.values() for payment in one.payments}
    maturity, confirmations = rules
    return BlockEffects(places, owners, there, kept, receipts, confirmations, maturity, sent)


def _locked(table: sa.Table) -> sa.Select[Any]:
    """Lock rows of `table` in the order of their keys, and read their addresses with them."""
    same = (addresses.c[name] == table.c[name] for name in ("account_id", "branch", "index"))
    found = sa.select(table, addresses.c.script, addresses.c.purpose).join(addresses, sa.and_(*same))
    return found.order_by(*table.primary_key).with_for_update(key_share=True, of=table)


def _among(table: sa.Table) -> sa.ColumnElement[bool]:
    """Find the rows with the given keys: the whole primary key, or its index is read from end to end."""
    return sa.tuple_(*table.primary_key).in_(
        sa.select(bulk.unnested(table, tuple(table.primary_key.columns.keys())))
    )


_HEIGHT: Final = sa.bindparam("height", type_=sa.Integer)
_COINS_AMONG: Final = _locked(coins).where(_among(coins))
_COINS_OF_HEIGHT: Final = _locked(coins).where(
    sa.or_(coins.c.height == _HEIGHT, coins.c.spent_height == _HEIGHT)
)
_CHANGE_OF: Final = _locked(coins).where(
    coins.c.txid == sa.any_(sa.bindparam("txids", type_=bulk.BYTES)), coins.c.change
)
_DEPOSITS_AMONG: Final = _locked(deposits).where(_among(deposits))
_DEPOSITS_DUE: Final = _locked(deposits).where(
    deposits.c.confirm_height <= _HEIGHT, deposits.c.state == "incoming"
)
_ACCOUNTS: Final = sa.bindparam("accounts", type_=bulk.BIGINTS)
_DEPOSITS_OWING: Final = _locked(deposits).where(
    deposits.c.account_id == sa.any_(_ACCOUNTS), deposits.c.owed > 0
)
_DEPOSITS_OF_HEIGHT: Final = _locked(deposits).where(deposits.c.height == _HEIGHT)


async def _coins(
    db: Db, network: Network, statement: sa.Select[Any], parameters: Row
) -> dict[Outpoint, Coin]:
    rows = await bulk.fetch_all(db, statement, parameters)
    return {Outpoint(bytes(row["txid"]), row["vout"]): _coin(network, row) for row in rows}


async def _deposits(
    db: Db, network: Network, statement: sa.Select[Any], parameters: Row
) -> dict[Outpoint, Deposit]:
    """Twice for a block, so that each has its own index; the chain's lock is held, nobody else takes these in between."""
    rows = await bulk.fetch_all(db, statement, parameters)
    return {Outpoint(bytes(row["txid"]), row["vout"]): _deposit(network, row) for row in rows}


async def _receipts(db: Db, keys: Sequence[InvoiceKey]) -> dict[InvoiceKey, Receipts]:
    if not keys:
        return {}
    given = bulk.rows(invoices, ["account_id", "index"], [{"account_id": a, "index": i} for a, i in keys])
    same = sa.and_(invoices.c.account_id == given.c.account_id, invoices.c.index == given.c.index)
    columns = [invoices.c[name] for name in ("account_id", "index", *Receipts.__slots__)]
    found = sa.select(*columns).join(given, same).order_by(invoices.c.account_id, invoices.c.index)
    rows = await bulk.fetch_all(db, found.with_for_update(key_share=True, of=invoices))
    return {
        (row["account_id"], row["index"]): Receipts(**{name: row[name] for name in Receipts.__slots__})
        for row in rows
    }


async def _owners(db: Db, ids: Sequence[int]) -> dict[int, Owner]:
    wanted = accounts.c.id == sa.any_(sa.literal(ids, bulk.BIGINTS))
    found = sa.select(accounts.c.id, accounts.c.foreign_id, accounts.c.address).where(wanted)
    return {row.id: Owner(*row) for row in await db.execute(found)} if ids else {}


def _upsert(table: sa.Table, given: Sequence[Row]) -> sa.Insert:
    """Insert, or write the state of what is there; what never changes stays."""
    names = list(given[0])
    made = insert(table).from_select(names, sa.select(bulk.rows(table, names, given)))
    keys = [column.name for column in table.primary_key]
    changing = ("state", "height", "confirm_height", "round", "owed", "spent_height", "spent_by", "spends")
    new = {name: made.excluded[name] for name in names if name in changing}
    return made.on_conflict_do_update(index_elements=keys, set_=new)


def _place(network: Network, row: Row) -> AddressOwner:
    address = dogecoin.to_address(network, bytes(row["script"])) or ""
    return AddressOwner(row["account_id"], row["branch"], row["index"], row["purpose"], address)


def _coin(network: Network, row: Row) -> Coin:
    return Coin(
        Outpoint(bytes(row["txid"]), row["vout"]),
        _place(network, row),
        Koinu(row["amount"]),
        row["coinbase"],
        row["height"],
        row["spent_height"],
        row["spent_by"],
        row["spends"],
        row["change"],
    )


def _deposit(network: Network, row: Row) -> Deposit:
    return Deposit(
        Outpoint(bytes(row["txid"]), row["vout"]),
        _place(network, row),
        Koinu(row["amount"]),
        row["required_confirmations"],
        row["state"],
        row["height"],
        row["confirm_height"],
        row["round"],
        Koinu(row["owed"]),
    )


def _coin_row(coin: Coin) -> dict[str, object]:
    return {
        **coin.outpoint._asdict(),
        "account_id": coin.place.account,
        "branch": coin.place.branch,
        "index": coin.place.index,
        "amount": coin.amount,
        "coinbase": coin.coinbase,
        "height": coin.height,
        "spent_height": coin.spent_height,
        "spent_by": coin.spent_by,
        "spends": coin.spends,
        "change": coin.change,
    }


def _deposit_row(deposit: Deposit) -> dict[str, object]:
    return {
        "account_id": deposit.place.account,
        **deposit.outpoint._asdict(),
        "branch": deposit.place.branch,
        "index": deposit.place.index,
        "invoice": deposit.place.invoice,
        "amount": deposit.amount,
        "required_confirmations": deposit.required_confirmations,
        "state": deposit.state,
        "height": deposit.height,
        "confirm_height": deposit.confirm_height,
        "round": deposit.round,
        "owed": deposit.owed,
    }


def _receipts_row(key: InvoiceKey, receipts: Receipts) -> dict[str, object]:
    account, index = key
    return {
        "account_id": account,
        "index": index,
        "received": receipts.received,
        "confirmed": receipts.confirmed,
        "detected": receipts.detected,
        "settled": receipts.settled,
        "unsettled": receipts.unsettled,
        "late": receipts.late,
    }
