"""Transfers: money between accounts in the ledger, at once and without a fee. A transfer is an entry."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app import money
from app.db import Prepared, ReadDb, Row, bulk
from app.db.tables import CLEARING, TREASURY, entries, postings
from app.domain.access import Reach
from app.domain.commands import plain
from app.domain.ledger import SYSTEM_ACCOUNTS, Posted
from app.domain.queries import Query
from app.domain.refusals import NotFound, Refusal
from app.domain.transfers import elsewhere
from app.domain.transfers.elsewhere import Elsewhere, Share

TREASURY_NAME: Final = SYSTEM_ACCOUNTS[TREASURY]
"""The treasury's name. An older version may have opened an account of that name; it is another one."""
TRANSFER_KINDS: Final = ("TRANSFER", "REVERSAL", "TOPUP", "SPEND", "BONUS", "PAYFROM", "REFUND")
"""The kinds of entries that are transfers."""


class NoSuchTransfer(NotFound):
    """There is no transfer {id}."""

    field = "id"


class Transfer(NamedTuple):
    """A transfer from one account to one or several, or back. `reversed` is what came back of `amount`.

    `reverses` is the id of the transfer that this one takes back, in full or in part.
    """

    id: int
    key: str
    kind: str
    payers: tuple[Share, ...]
    payees: tuple[Share, ...]
    asset: str
    decimals: int
    amount: int
    reference_type: str
    reference: str
    metadata: str
    created: datetime
    reversed: int = 0
    reverses: int | None = None

    @property
    def payer(self) -> str:
        """The account that gave; the first of several."""
        return self.payers[0].account

    @property
    def payee(self) -> str:
        """The account that got; the first of several."""
        return self.payees[0].account

    @property
    def shares(self) -> tuple[Share, ...]:
        """What each account gave or got."""
        return (*self.payers, *self.payees)

    def show(self, amount: int) -> str:
        """Return an amount of its asset as decimal text."""
        return money.show(amount, self.decimals)


def of_posted(posted: Posted, names: Mapping[int, str], decimals: int) -> Transfer:
    """Return a new entry as a transfer; `names` are the foreign_ids of its accounts."""
    entry = posted.entry
    lines = [(names[account], amount) for account, _, amount, _ in entry.postings]
    payers, payees = _shares(lines, -1), _shares(lines, 1)
    return Transfer(
        posted.id,
        entry.key,
        entry.kind,
        payers,
        payees,
        entry.postings[0].asset,
        decimals,
        sum([amount for _, amount in payers]),
        *entry.reference,
        entry.metadata,
        posted.created,
        reverses=_reverses(entry.kind, entry.cause[1]),
    )


async def by_ids(db: ReadDb, ids: Sequence[str]) -> dict[str, Transfer]:
    """Return the transfers that the entries with these ids belong to, by id as text."""
    transfers = await _by_entries(db, [int(text) for text in ids])
    return {str(entry): transfer for entry, transfer in transfers.items()}


async def by_keys(db: ReadDb, keys: Sequence[str]) -> dict[str, Transfer]:
    """Return the transfers whose entries have these keys, by key."""
    rows = await bulk.fetch_all(db, _KEYED, {"keys": list(keys)})
    return {transfer.key: transfer for transfer in await load(db, [row["id"] for row in rows])}


async def fetch_many(db: ReadDb, ids: Sequence[int]) -> list[Transfer | Refusal]:
    """Return the transfers, in order; NoSuchTransfer where there is none."""
    known = await _by_entries(db, ids)
    return [known.get(transfer_id) or NoSuchTransfer(id=transfer_id) for transfer_id in ids]


FETCH: Final = Query("transfer", plain(fetch_many))
"""A transfer, by its id."""


def within(transfer: Transfer, reach: Reach, sides: Callable[[Iterable[bool]], bool] = any) -> Transfer:
    """Return the transfer, or refuse with NoSuchTransfer where not `any` or `all` of its accounts are within reach."""
    if not sides(reach.covers(share.account) for share in transfer.shares):
        raise NoSuchTransfer(id=transfer.id)
    return transfer


async def load(db: ReadDb, ids: Sequence[int]) -> list[Transfer]:
    """Return the transfers that the entries belong to, the newest first."""
    return sorted((await _by_entries(db, ids)).values(), key=lambda transfer: -transfer.id)


async def _by_entries(db: ReadDb, ids: Sequence[int]) -> dict[int, Transfer]:
    """Return the transfers of those entries that are transfers, or halves of them, by the entry's id."""
    rows_of: dict[int, list[Row]] = {}
    for row in await bulk.fetch_all(db, _POSTINGS, {"ids": list(ids)}):
        rows_of.setdefault(row["id"], []).append(row)
    reversed_amounts = await _reversed(db, list(rows_of))
    halves = [entry for entry, rows in rows_of.items() if any(row["account_id"] == CLEARING for row in rows)]
    parts = await elsewhere.of_entries(db, halves) if halves else {}
    transfers = {
        entry: _of(rows, reversed_amounts.get(entry, 0), parts.get(entry)) for entry, rows in rows_of.items()
    }
    return transfers | await _with_reversals(db, {entry: transfers[entry] for entry in halves})


async def _with_reversals(db: ReadDb, crossed: Mapping[int, Transfer]) -> dict[int, Transfer]:
    """Return the transfers between cells with what came back of each: a half here says only what came back here."""
    if not crossed:
        return {}
    keys = {entry: reversal_key(transfer.id) for entry, transfer in crossed.items()}
    reversals = await by_keys(db, list(keys.values()))
    amounts = {entry: reversals[key].amount for entry, key in keys.items() if key in reversals}
    return {entry: transfer._replace(reversed=amounts.get(entry, 0)) for entry, transfer in crossed.items()}


def reversal_key(transfer_id: int) -> str:
    """Return the key of the entry that reverses a transfer, so that there is one at most."""
    return f"reverse:{transfer_id}"


_KEYED: Final = Prepared(
    sa.select(entries.c.id).where(entries.c.key == sa.any_(sa.bindparam("keys", type_=bulk.TEXTS)))
)
_POSTINGS: Final = Prepared(
    sa.text("""
    SELECT entries.id, key, kind, cause_id, reference_type, reference, metadata, entries.created,
        account_id, asset, amount, decimals, foreign_id
    FROM entries
    JOIN postings ON entry_id = entries.id
    JOIN assets ON code = asset
    LEFT JOIN accounts ON accounts.id = account_id
    WHERE entries.id = ANY(:ids) AND kind = ANY(:kinds)
""").bindparams(
        sa.bindparam("ids", type_=bulk.BIGINTS), sa.bindparam("kinds", list(TRANSFER_KINDS), bulk.TEXTS)
    )
)
_REVERSED: Final = Prepared(
    sa.select(entries.c.cause_id, sa.func.sum(postings.c.amount).label("amount"))
    .join(postings, sa.and_(postings.c.entry_id == entries.c.id, postings.c.amount > 0))
    .where(entries.c.key == sa.any_(sa.bindparam("keys", type_=bulk.TEXTS)))
    .group_by(entries.c.cause_id)
)


async def _reversed(db: ReadDb, ids: Sequence[int]) -> dict[int, int]:
    """Return what came back of each transfer, by id, if anything did."""
    keys = [reversal_key(transfer_id) for transfer_id in ids]
    sums = await bulk.fetch_all(db, _REVERSED, {"keys": keys})
    return {int(row["cause_id"]): int(row["amount"]) for row in sums}


def _of(rows: Sequence[Row], reversed_amount: int, part: Elsewhere | None = None) -> Transfer:
    """Read the rows of an entry, one for each posting; `part` is what of the transfer lies in other cells."""
    lines = [(_name(row), row["amount"]) for row in rows if row["account_id"] != CLEARING]
    values: dict[str, Any] = {name: rows[0][name] for name in Transfer._fields if name in rows[0]}
    if part is not None:
        lines += part.shares
        values["id"] = part.transfer_id
    payers, payees = _shares(lines, -1), _shares(lines, 1)
    values |= {"amount": sum(payer.amount for payer in payers), "reversed": reversed_amount}
    reverses = _reverses(values["kind"], rows[0]["cause_id"])
    return Transfer(**values, payers=payers, payees=payees, reverses=reverses)


def _reverses(kind: str, cause: str) -> int | None:
    return int(cause) if kind == "REVERSAL" else None


def _shares(lines: Sequence[tuple[str, int]], sign: int) -> tuple[Share, ...]:
    """Return the shares of the payers (-1) or payees (1), by name: an entry does not store their order."""
    shares = [Share(name, amount * sign) for name, amount in lines if amount * sign > 0]
    if len(shares) > 1:
        shares.sort()
    return tuple(shares)


def _name(row: Row) -> str:
    return TREASURY_NAME if row["account_id"] == TREASURY else row["foreign_id"] or ""
