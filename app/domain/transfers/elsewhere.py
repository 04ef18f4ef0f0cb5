"""The part of a transfer that lies in other cells: who gave and got there, and by which id all know the whole."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Prepared, ReadDb, bulk
from app.db.tables import counterparties, crossings


class Share(NamedTuple):
    """What an account gave or got, in the asset's smallest unit; `account` is its foreign_id."""

    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What accounts of other cells got (+) or gave (-). `transfer_id` is the entry's in the cell of whoever asked."""

    transfer_id: int
    shares: list[Share] = field(default_factory=list)


_SHARES: Final = Prepared(
    sa.select(crossings.c.entry_id, crossings.c.transfer_id, crossings.c.amount, counterparties.c.foreign_id)
    .join(counterparties, counterparties.c.id == crossings.c.account_id)
    .where(crossings.c.entry_id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)))
)


async def of_entries(db: ReadDb, ids: Sequence[int]) -> dict[int, Elsewhere]:
    """Return what lies elsewhere of each of these entries, by the entry's id here."""
    parts: dict[int, Elsewhere] = {}
    for row in await bulk.fetch_all(db, _SHARES, {"ids": list(ids)}):
        part = parts.setdefault(row["entry_id"], Elsewhere(row["transfer_id"]))
        part.shares.append(Share(row["foreign_id"], row["amount"]))
    return parts
