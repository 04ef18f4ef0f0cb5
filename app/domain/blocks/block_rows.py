"""The rows that blocks touch: read under their locks in one order, and written back in a few statements."""

from collections.abc import Callable, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Prepared, Row, bulk
from app.db.tables import accounts, addresses, coins, deposits, invoices
from app.domain import rates, sightings
from app.domain.blocks import double_spend_watch, matching, own_transaction_rows, reserves, twins
from app.domain.blocks.block_effects import Block, BlockEffects, InvoiceKey
from app.domain.blocks.deposits import Coin, Deposit
from app.domain.blocks.double_spend_watch import DoubleSpendWatch
from app.domain.blocks.matching import Heights, Match, own_address
from app.domain.blocks.own_transaction_effects import OwnTransactionEffects
from app.domain.dogecoin import Network, Outpoint
from app.domain.invoices import Receipts
from app.domain.owner import Owner
from app.domain.sightings import SightingEffects
from app.money import Koinu


async def of_blocks(
    db: Db, network: Network, confirmations: int, blocks: Sequence[Block], confirm_to: int, final: int
) -> BlockEffects:
    """Lock what the blocks pay, spend and confirm: coins, deposits, invoices, each by id; then read the rest.

    Confirmations count up to `confirm_to`; the blocks up to the height `final` are never disconnected.
    """
    match = await matching.find(db, network, blocks, Heights(confirm_to, confirmations, final))
    paid = match.paid
    outputs = [output for block in blocks for output in block.outputs if output.script in paid]
    spends = [spend for block in blocks for spend in block.spends]
    watch = DoubleSpendWatch(final, has_final=match.is_final)
    if match.is_watched:
        await double_spend_watch.find(db, (block.inputs for block in blocks), watch)
    ours = await own_transaction_rows.of_blocks(db, match.standing, match.falling, watch.lost)
    txids = [transaction.txid for transaction in ours.values()]
    watch.descendants = await double_spend_watch.descendants(db, [*watch.lost, *txids])
    outpoints = [output.outpoint for output in outputs] + [spend.outpoint for spend in spends]
    locked_coins = await _coins(db, network, _COINS_AMONG, bulk.columns(_KEY, outpoints)) if outpoints else {}
    locked_deposits = await _deposits(db, network, _DEPOSITS_DUE, {"tip": confirm_to}) if match.is_due else {}
    if known := [output for output in outputs if output.outpoint in locked_coins]:  # a deposit has its coin
        keys = [(paid[output.script].account, *output.outpoint) for output in known]
        among = bulk.columns(("account_id", *_KEY), keys)
        locked_deposits |= await _deposits(db, network, _DEPOSITS_AMONG, among)
    if payers := {payment.owner.id for transaction in ours.values() for payment in transaction.payments}:
        locked_deposits |= await _deposits(db, network, _DEPOSITS_OWING, {"accounts": list(payers)})
    if unknown := twins.unknown(blocks, ours.values(), locked_coins):
        change = await _coins(db, network, _CHANGE_OF, {"txids": txids})
        strangers = twins.read(blocks, unknown)
        new, new_coins = await twins.recognise(db, strangers, ours.values(), change.values())
        ours, locked_coins = ours | new, locked_coins | new_coins
    effects = OwnTransactionEffects(ours, confirmations)
    paying = {output.outpoint.txid for output in outputs} if match.is_sighted else ()
    seen = await sightings.of_blocks(db, network, paying, match.seen)
    rules = (network.maturity, confirmations)
    result = await _effects(db, rules, match, (locked_coins, locked_deposits, effects), seen)
    result.watch, result.is_valued = watch, match.is_valued
    return result


async def of_height(db: Db, network: Network, height: int) -> BlockEffects:
    """Lock what the block at `height` paid and spent."""
    ours = await own_transaction_rows.of_height(db, height)
    locked_coins = await _coins(db, network, _COINS_OF_HEIGHT, {"height": height})
    locked_deposits = await _deposits(db, network, _DEPOSITS_OF_HEIGHT, {"height": height})
    locked = (locked_coins, locked_deposits, OwnTransactionEffects(ours, 0))
    return await _effects(db, (network.maturity, 0), None, locked, SightingEffects())


def has_changed(effects: BlockEffects) -> bool:
    """Say whether there is anything to write."""
    own, seen = effects.transactions.changed, effects.sightings.changed
    return bool(effects.changed or own or seen or effects.watch.mined)


async def write(db: Db, effects: BlockEffects) -> int:
    """Write back the coins, deposits, own transactions and invoices that changed; return the assets of before.

    One statement writes all that is locked or new.
    """
    before = await reserves.assets(db, effects)
    changed = sorted(effects.changed)
    coin_rows = [_coin_row(effects.coins[outpoint]) for outpoint in changed if outpoint in effects.coins]
    deposit_rows = [
        _deposit_row(effects.deposits[outpoint]) for outpoint in changed if outpoint in effects.deposits
    ]
    receipts = [_receipts_row(key, effects.receipts[key]) for key in sorted(effects.changed_invoices)]
    rows = {
        **bulk.arrays(coin_rows, _COIN_COLUMNS, "coin"),
        **bulk.arrays(deposit_rows, _DEPOSIT_COLUMNS, "deposit"),
        **bulk.arrays(receipts, _RECEIPTS_COLUMNS, "receipts"),
        **double_spend_watch.mined(effects.watch),
    }
    await bulk.execute(db, _WRITE, rows)
    await own_transaction_rows.write(db, effects.transactions.changed)
    await sightings.write_effects(db, effects.sightings)
    return before


async def _effects(
    db: Db,
    rules: tuple[Callable[[int], int], int],
    match: Match | None,
    locked: tuple[dict[Outpoint, Coin], dict[Outpoint, Deposit], OwnTransactionEffects],
    seen: SightingEffects,
) -> BlockEffects:
    coins, deposits, ours = locked
    paid, owners = ({}, {}) if match is None else (match.paid, dict(match.owners))
    touched = [coin.address for coin in coins.values()] + [deposit.address for deposit in deposits.values()]
    touched += paid.values()
    keys = {(address.account, address.invoice) for address in touched if address.invoice is not None}
    keys |= {(sighting.owner.id, sighting.invoice) for sighting in seen.all if sighting.invoice is not None}
    receipts = await _receipts(db, sorted(keys))
    owners |= await _owners(db, sorted({address.account for address in touched} - owners.keys()))
    for transaction in ours.transactions.values():
        owners |= {payment.owner.id: payment.owner for payment in transaction.payments}
    owners |= {sighting.owner.id: sighting.owner for sighting in seen.all}
    maturity, confirmations = rules
    return BlockEffects(paid, owners, deposits, coins, receipts, confirmations, maturity, ours, seen)


def _locked(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> Prepared:
    """Lock rows of `table` in the order of their keys, and read the address of each by its key with them.

    A plain join of three columns seems to the planner to leave a row or none: then it compares each coin of the
    blocks with all coins that there are.
    """
    same = (addresses.c[name] == table.c[name] for name in ("account_id", "branch", "index"))
    address = sa.select(addresses.c.script, addresses.c.purpose).where(*same).limit(1).lateral()
    query = sa.select(table, *address.c).select_from(table.join(address, sa.true())).where(*conditions)
    return Prepared(query.order_by(*table.primary_key).with_for_update(key_share=True, of=table))


def _among(table: sa.Table) -> sa.ColumnElement[bool]:
    """Match the rows with the keys in `bulk.arrays`: whole primary keys, so that the index finds each."""
    keys = bulk.unnested(table, tuple(table.primary_key.columns.keys()))
    return sa.tuple_(*table.primary_key).in_(sa.select(keys))


def _same(table: sa.Table, names: tuple[str, ...]) -> tuple[sa.FromClause, sa.ColumnElement[bool]]:
    """Return rows with these columns to be joined, and the condition that joins them."""
    source = bulk.unnested(table, names)
    return source, sa.and_(*(table.c[name] == source.c[name] for name in names))


_INVOICE: Final = ("account_id", "index")
_OWNERS: Final = Prepared(
    sa.select(accounts.c.id, accounts.c.foreign_id, accounts.c.address).join(*_same(accounts, ("id",)))
)
"""Joined, as all long lists are: `= ANY` of so many may look at each of them for each row."""
_LOCKED_RECEIPTS: Final = Prepared(
    sa.select(*(invoices.c[name] for name in (*_INVOICE, *Receipts._fields)))
    .join(*_same(invoices, _INVOICE))
    .order_by(*(invoices.c[name] for name in _INVOICE))
    .with_for_update(key_share=True, of=invoices)
)
_KEY: Final = ("txid", "vout")
_HEIGHT: Final = sa.bindparam("height", type_=sa.Integer)
_COINS_AMONG: Final = _locked(coins, _among(coins))
_COINS_OF_HEIGHT: Final = _locked(coins, sa.or_(coins.c.height == _HEIGHT, coins.c.spent_height == _HEIGHT))
_CHANGE_OF: Final = _locked(
    coins, coins.c.txid == sa.any_(sa.bindparam("txids", type_=bulk.BYTES)), coins.c.change
)
_DEPOSITS_AMONG: Final = _locked(deposits, _among(deposits))
_DEPOSITS_DUE: Final = _locked(deposits, matching.DUE)
_ACCOUNTS: Final = sa.bindparam("accounts", type_=bulk.BIGINTS)
_DEPOSITS_OWING: Final = _locked(
    deposits, deposits.c.account_id == sa.any_(_ACCOUNTS), deposits.c.clawback_debt > 0
)
_DEPOSITS_OF_HEIGHT: Final = _locked(deposits, deposits.c.height == _HEIGHT)


async def _coins(db: Db, network: Network, statement: Prepared, parameters: Row) -> dict[Outpoint, Coin]:
    rows = await bulk.fetch_all(db, statement, parameters)
    return {Outpoint(bytes(row["txid"]), row["vout"]): _coin(network, row) for row in rows}


async def _deposits(
    db: Db, network: Network, statement: Prepared, parameters: Row
) -> dict[Outpoint, Deposit]:
    """Lock deposits. Blocks do so in several statements, each with its own index.

    The chain's lock is held, so no other transaction locks deposits in between.
    """
    rows = await bulk.fetch_all(db, statement, parameters)
    return {Outpoint(bytes(row["txid"]), row["vout"]): _deposit(network, row) for row in rows}


async def _receipts(db: Db, keys: Sequence[InvoiceKey]) -> dict[InvoiceKey, Receipts]:
    if not keys:
        return {}
    rows = await bulk.fetch_all(db, _LOCKED_RECEIPTS, bulk.columns(_INVOICE, keys))
    return {
        (row["account_id"], row["index"]): Receipts(*(row[name] for name in Receipts._fields)) for row in rows
    }


async def _owners(db: Db, ids: Sequence[int]) -> dict[int, Owner]:
    rows = await bulk.fetch_values(db, _OWNERS, {"input_id": ids}) if ids else ()
    return {row[0]: Owner(*row) for row in rows}


_CHANGING: Final = (
    "state", "height", "confirm_height", "mined_count", "clawback_debt", "spent_height", "spent_by",
    "spend_count",
)  # fmt: skip


def _upsert(table: sa.Table, names: tuple[str, ...], source: str) -> sa.CTE:
    """Insert rows with these columns, or update those of them that blocks change."""
    rows = insert(table).from_select(names, sa.select(bulk.unnested(table, names, source)))
    keys = [column.name for column in table.primary_key]
    new = {name: rows.excluded[name] for name in names if name in _CHANGING}
    return rows.on_conflict_do_update(index_elements=keys, set_=new).cte(f"written_{source}")


def _update_receipts() -> sa.CTE:
    new = bulk.unnested(invoices, _RECEIPTS_COLUMNS, "receipts")
    same = (invoices.c[name] == new.c[name] for name in _INVOICE)
    changes = sa.update(invoices).values({name: new.c[name] for name in _RECEIPTS}).where(*same)
    return changes.cte("written_receipts")


def _coin(network: Network, row: Row) -> Coin:
    return Coin(
        Outpoint(bytes(row["txid"]), row["vout"]),
        own_address(network, row),
        Koinu(row["amount"]),
        **{name: row[name] for name in _COIN},
    )


def _deposit(network: Network, row: Row) -> Deposit:
    return Deposit(
        Outpoint(bytes(row["txid"]), row["vout"]),
        own_address(network, row),
        Koinu(row["amount"]),
        **{name: row[name] for name in _DEPOSIT},
        quote=rates.quote_in(row),
    )


_COIN: Final = ("coinbase", "height", "spent_height", "spent_by", "spend_count", "change")
_DEPOSIT: Final = (
    "required_confirmations",
    "state",
    "height",
    "confirm_height",
    "mined_count",
    "clawback_debt",
)
_RECEIPTS: Final = (
    "received", "confirmed", "seen", "acceptable", "detected", "settled", "confirmation_lost", "late",
)  # fmt: skip


_COIN_COLUMNS: Final = ("txid", "vout", "account_id", "branch", "index", "amount", *_COIN)
_DEPOSIT_COLUMNS: Final = (*_COIN_COLUMNS[:6], "invoice", *_DEPOSIT, *rates.COLUMNS)
_RECEIPTS_COLUMNS: Final = (*_INVOICE, *_RECEIPTS)
_WRITE: Final = Prepared(
    double_spend_watch.MINE.add_cte(
        _upsert(coins, _COIN_COLUMNS, "coin"),
        _upsert(deposits, _DEPOSIT_COLUMNS, "deposit"),
        _update_receipts(),
    )
)


def _coin_row(coin: Coin) -> dict[str, object]:
    return _key_columns(coin) | {name: getattr(coin, name) for name in _COIN}


def _deposit_row(deposit: Deposit) -> dict[str, object]:
    columns = {name: getattr(deposit, name) for name in _DEPOSIT}
    own = _key_columns(deposit) | {"invoice": deposit.address.invoice}
    return own | columns | rates.columns_of(deposit.quote)


def _key_columns(output: Coin | Deposit) -> dict[str, object]:
    address = output.address
    path = {"account_id": address.account, "branch": address.branch, "index": address.index}
    return {**output.outpoint._asdict(), **path, "amount": output.amount}


def _receipts_row(key: InvoiceKey, receipts: Receipts) -> dict[str, object]:
    columns = {name: getattr(receipts, name) for name in _RECEIPTS}
    return {"account_id": key[0], "index": key[1], **columns}
