"""Transfers: money between accounts in the ledger, at once and without a fee. A transfer is an entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app import db as bulk
from app import money
from app.db import Db, Row
from app.domain.ledger import Posted
from app.domain.refusals import NotFound
from app.tables import TREASURY, accounts, assets, entries, postings

TREASURY_NAME: Final = "treasury"
"""How the account is shown that issues credits; an account of that name is another."""
KINDS: Final = ("TRANSFER", "REVERSAL", "TOPUP", "SPEND", "BONUS", "PAYFROM", "REFUND")
"""Entries that are transfers."""


class NoSuchTransfer(NotFound):
    """There is no transfer {id}."""

    field = "id"


class Share(NamedTuple):
    """What a payee got, in the asset's smallest unit; `account` is its foreign_id."""

    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer that was made; `payer` is a foreign_id. `reversed` is what came back of `amount`."""

    id: int
    kind: str
    payer: str
    shares: tuple[Share, ...]
    asset: str
    decimals: int
    amount: int
    reference_type: str
    reference: str
    metadata: str
    created: datetime
    reversed: int = 0

    @property
    def payee(self) -> str:
        """Who got it; of several the first."""
        return self.shares[0].account

    def show(self, amount: int) -> str:
        """Return an amount of its asset as decimal text."""
        return money.show(amount, self.decimals)


def made(posted: Posted, names: Mapping[int, str], decimals: int) -> Transfer:
    """Return the transfer that a new entry is; `names` are the foreign_ids of its accounts."""
    entry = posted.entry
    taken = [posting for posting in entry.postings if posting.amount > 0]
    giver = next(posting for posting in entry.postings if posting.amount < 0)
    return Transfer(
        posted.id,
        entry.kind,
        names[giver.account],
        tuple(Share(names[posting.account], posting.amount) for posting in taken),
        giver.asset,
        decimals,
        -giver.amount,
        *entry.reference,
        entry.metadata,
        posted.created,
    )


async def by_ids(db: Db, ids: Sequence[str]) -> dict[str, Transfer]:
    """Return those of the entries with these ids that are transfers."""
    return {str(transfer.id): transfer for transfer in await load(db, [int(text) for text in ids])}


async def fetch(db: Db, number: int) -> Transfer:
    """Return the transfer, or refuse with NoSuchTransfer."""
    found = await load(db, [number])
    if not found:
        raise NoSuchTransfer(id=number)
    return found[0]


async def load(db: Db, ids: Sequence[int]) -> list[Transfer]:
    """Return the transfers among the entries with these ids, newest first."""
    rows = await bulk.fetch_all(db, _FOUND, {"ids": list(ids)})
    lines: dict[int, list[Row]] = {}
    for row in rows:
        lines.setdefault(row["id"], []).append(row)
    came_back = await _reversed(db, list(lines))
    found = [_of(given, came_back.get(number, 0)) for number, given in lines.items()]
    return sorted(found, key=lambda transfer: -transfer.id)


def reversal_key(number: int) -> str:
    """Name the entry that reverses a transfer: there is one at the most."""
    return f"reverse:{number}"


_FOUND: Final = (
    sa.select(
        *(entries.c[name] for name in ("id", "kind", "reference_type", "reference", "metadata", "created")),
        *(postings.c[name] for name in ("account_id", "asset", "amount")),
        sa.func.coalesce(accounts.c.foreign_id, "").label("name"),
        assets.c.decimals,
    )
    .join(postings, postings.c.entry_id == entries.c.id)
    .join(assets, assets.c.code == postings.c.asset)
    .outerjoin(accounts, accounts.c.id == postings.c.account_id)
    .where(entries.c.id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)))
    .where(entries.c.kind == sa.any_(sa.literal(list(KINDS), bulk.TEXTS)))
    .order_by(entries.c.id, postings.c.account_id, postings.c.seq)
)
_REVERSED: Final = (
    sa.select(entries.c.cause_id, sa.func.sum(postings.c.amount).label("amount"))
    .join(postings, sa.and_(postings.c.entry_id == entries.c.id, postings.c.amount > 0))
    .where(entries.c.key == sa.any_(sa.bindparam("keys", type_=bulk.TEXTS)))
    .group_by(entries.c.cause_id)
)


async def _reversed(db: Db, ids: Sequence[int]) -> dict[int, int]:
    """Return what came back of those transfers of which anything did."""
    found = await db.execute(_REVERSED, {"keys": [reversal_key(number) for number in ids]})
    return {int(row.cause_id): int(row.amount) for row in found}


def _of(lines: Sequence[Row], came_back: int) -> Transfer:
    """Read the lines of an entry; who gives stands in one of them."""
    [giver] = [line for line in lines if line["amount"] < 0]
    shares = tuple(Share(_name(line), line["amount"]) for line in lines if line["amount"] > 0)
    plain: dict[str, Any] = {name: giver[name] for name in Transfer.__slots__ if name in giver and name != "amount"}
    found = Transfer(payer=_name(giver), shares=shares, amount=-giver["amount"], **plain)
    return replace(found, reversed=came_back) if came_back else found


def _name(line: Row) -> str:
    return TREASURY_NAME if line["account_id"] == TREASURY else str(line["name"])
