"""Matching: a look, without locks, at what of ours a batch of blocks concerns. Only what there is gets locked then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.db import Db, Prepared, Row, bulk
from app.db.tables import ELSEWHERE, accounts, addresses, deposits
from app.domain import rates, sightings
from app.domain.blocks import double_spend_watch, own_transaction_rows
from app.domain.blocks.block_effects import Block
from app.domain.blocks.deposits import OwnAddress
from app.domain.dogecoin import P2PKH_BYTES, Network, Outpoint
from app.domain.owner import Owner


@dataclass(frozen=True, slots=True)
class Heights:
    """The height up to which confirmations count; how many are asked for; and the last that no reorg reaches."""

    tip: int
    confirmations: int
    final: int


@dataclass(frozen=True, slots=True)
class Match:
    """What the blocks concern: addresses by script and their owners, and what may have to be locked.

    `standing` and `falling` are ids of own transactions. `seen` are transactions of the mempool that spend what the
    blocks spend. The others say whether there is any: inputs that are watched without a block or beyond need,
    deposits that are due, sightings, and a currency in which deposits are valued.
    """

    paid: Mapping[bytes, OwnAddress]
    owners: Mapping[int, Owner]
    standing: frozenset[int]
    falling: frozenset[int]
    seen: Sequence[tuple[Outpoint, bytes]]
    is_watched: bool
    is_final: bool
    is_due: bool
    is_sighted: bool
    is_valued: bool


async def find(db: Db, network: Network, blocks: Sequence[Block], heights: Heights) -> Match:
    """Look at what the blocks concern. The caller has moved the tip: nothing of the chain changes after this look.

    SQL matches the scripts, and no cached set: it sees every address that was committed before its payment.
    """
    scripts = {output.script for block in blocks for output in block.outputs}
    ours = {"input_script": [script for script in scripts if len(script) == P2PKH_BYTES]}
    spends = [spend for block in blocks for spend in block.spends]
    parameters = {
        "input_spender": list({by for _, by in spends}),
        "tip": heights.tip,
        "conflict_final": heights.tip - heights.confirmations + 1,
        "final": heights.final,
    }
    outpoints = bulk.columns(("txid", "vout"), [outpoint for outpoint, _ in spends])
    paid = await bulk.fetch_all(db, _PAID, ours)
    [row] = await bulk.fetch_all(db, _LOOK, parameters | outpoints)
    return _match(network, paid, row)


def _match(network: Network, paid: Sequence[Row], first: Row) -> Match:
    standing = frozenset(first["standing"])
    return Match(
        {bytes(row["script"]): own_address(network, row) for row in paid if row["purpose"] != ELSEWHERE},
        {row["account_id"]: _owner(row) for row in paid if row["foreign_id"] is not None},
        standing,
        frozenset(first["falling"]) - standing,
        [
            (Outpoint(txid, vout), by)
            for txid, vout, by in zip(*(first[name] or () for name in _SEEN), strict=True)
        ],
        **{name: first[name] for name in _FLAGS},
    )


def own_address(network: Network, row: Row) -> OwnAddress:
    """Return the address of a row that has its columns."""
    path = row["account_id"], row["branch"], row["index"]
    return OwnAddress(*path, row["purpose"], network, bytes(row["script"]))


def _owner(row: Row) -> Owner:
    return Owner(row["account_id"], row["foreign_id"], row["account_address"])


DUE: Final = sa.and_(
    deposits.c.confirm_height <= sa.bindparam("tip", type_=sa.Integer),
    deposits.c.state == bulk.constant("incoming"),
)
"""Deposits that a tip at a height confirms."""
_SEEN: Final = ("seen_txid", "seen_vout", "seen_by")
_FLAGS: Final = {
    "is_watched": double_spend_watch.ANY_UNMINED,
    "is_final": double_spend_watch.ANY_FINAL,
    "is_due": sa.exists().where(DUE),
    "is_sighted": sightings.ANY,
    "is_valued": rates.IS_VALUED,
}
_SCRIPTS: Final = bulk.unnested(addresses, ("script",))
_PAID: Final = Prepared(
    sa.select(addresses, accounts.c.foreign_id, accounts.c.address.label("account_address"))
    .join(_SCRIPTS, _SCRIPTS.c.script == addresses.c.script)
    .outerjoin(accounts, accounts.c.id == addresses.c.account_id)
)
_SPENT: Final = sightings.SPENT.subquery("spent")
_SEEN_TOGETHER: Final = sa.select(
    *(bulk.gathered(column).label(name) for name, column in zip(_SEEN, _SPENT.c, strict=True))
).subquery("seen")
_CONCERNED: Final = own_transaction_rows.CONCERNED.cte("concerned")


def _ids(which: sa.ColumnElement[bool]) -> sa.ColumnElement[object]:
    return sa.func.array(sa.select(_CONCERNED.c.id).where(which).scalar_subquery())


_LOOK: Final = Prepared(
    sa.select(
        _ids(~_CONCERNED.c.may_fall).label("standing"),
        _ids(_CONCERNED.c.may_fall).label("falling"),
        *_SEEN_TOGETHER.c,
        *(flag.label(name) for name, flag in _FLAGS.items()),
    ).select_from(_SEEN_TOGETHER)
)
"""One row, whatever there is: beside the addresses its lists would be sent again with each of them."""
