"""Transfers: money between accounts in the ledger, at once and without a fee. A transfer is an entry."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app import money
from app.db import Db, Row, bulk
from app.db.tables import TREASURY, accounts, assets, entries, postings
from app.domain.ledger import SYSTEM_ACCOUNTS, Posted
from app.domain.refusals import NotFound

TREASURY_NAME: Final = SYSTEM_ACCOUNTS[TREASURY]
"""How the account is shown that issues credits; an account of that name, which an older version may have opened, is another."""
KINDS: Final = ("TRANSFER", "REVERSAL", "TOPUP", "SPEND", "BONUS", "PAYFROM", "REFUND")
"""Entries that are transfers."""


class NoSuchTransfer(NotFound):
    """There is no transfer {id}."""

    field = "id"


class Share(NamedTuple):
    """What an account gave or got, in the asset's smallest unit; `account` is its foreign_id."""

    account: str
    amount: int


class Transfer(NamedTuple):
    """A transfer that was made; one gives and several may take, or back again. `reversed` is what came back of `amount`.

    `reverses` is the id of the transfer that it takes back, in full or in part.
    """

    id: int
    key: str
    kind: str
    givers: tuple[Share, ...]
    takers: tuple[Share, ...]
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
        """Who gave it; of several the first."""
        return self.givers[0].account

    @property
    def payee(self) -> str:
        """Who got it; of several the first."""
        return self.takers[0].account

    def show(self, amount: int) -> str:
        """Return an amount of its asset as decimal text."""
        return money.show(amount, self.decimals)


def made(posted: Posted, names: Mapping[int, str], decimals: int) -> Transfer:
    """Return the transfer that a new entry is; `names` are the foreign_ids of its accounts."""
    entry = posted.entry
    lines = [(names[account], amount) for account, _, amount, _ in entry.postings]
    givers, takers = _sides(lines, -1), _sides(lines, 1)
    return Transfer(
        posted.id,
        entry.key,
        entry.kind,
        givers,
        takers,
        entry.postings[0].asset,
        decimals,
        sum([amount for _, amount in givers]),
        *entry.reference,
        entry.metadata,
        posted.created,
        reverses=_reverses(entry.kind, entry.cause[1]),
    )


async def by_ids(db: Db, ids: Sequence[str]) -> dict[str, Transfer]:
    """Return those of the entries with these ids that are transfers."""
    return {str(transfer.id): transfer for transfer in await load(db, [int(text) for text in ids])}


async def by_keys(db: Db, keys: Sequence[str]) -> dict[str, Transfer]:
    """Return the transfers whose entries have these keys."""
    ids = await db.scalars(_KEYED, {"keys": list(keys)})
    return {transfer.key: transfer for transfer in await load(db, list(ids))}


async def fetch(db: Db, number: int) -> Transfer:
    """Return the transfer, or refuse with NoSuchTransfer."""
    transfers = await load(db, [number])
    if not transfers:
        raise NoSuchTransfer(id=number)
    return transfers[0]


async def load(db: Db, ids: Sequence[int]) -> list[Transfer]:
    """Return the transfers among the entries with these ids, newest first."""
    rows = await bulk.fetch_all(db, _FOUND, {"ids": list(ids)})
    lines: dict[int, list[Row]] = {}
    for row in rows:
        lines.setdefault(row["id"], []).append(row)
    came_back = await _reversed(db, list(lines))
    transfers = [_of(legs, came_back.get(number, 0)) for number, legs in lines.items()]
    return sorted(transfers, key=lambda transfer: -transfer.id)


def reversal_key(number: int) -> str:
    """Name the entry that reverses a transfer: there is one at the most."""
    return f"reverse:{number}"


_KEYED: Final = sa.select(entries.c.id).where(
    entries.c.key == sa.any_(sa.bindparam("keys", type_=bulk.TEXTS))
)
_FOUND: Final = (
    sa.select(
        *(
            entries.c[name]
            for name in (
                "id",
                "key",
                "kind",
                "cause_id",
                "reference_type",
                "reference",
                "metadata",
                "created",
            )
        ),
        *(postings.c[name] for name in ("account_id", "asset", "amount")),
        sa.func.coalesce(accounts.c.foreign_id, "").label("name"),
        assets.c.decimals,
    )
    .join(postings, postings.c.entry_id == entries.c.id)
    .join(assets, assets.c.code == postings.c.asset)
    .outerjoin(accounts, accounts.c.id == postings.c.account_id)
    .where(entries.c.id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)))
    .where(entries.c.kind == sa.any_(sa.literal(list(KINDS), bulk.TEXTS)))
)
_REVERSED: Final = (
    sa.select(entries.c.cause_id, sa.func.sum(postings.c.amount).label("amount"))
    .join(postings, sa.and_(postings.c.entry_id == entries.c.id, postings.c.amount > 0))
    .where(entries.c.key == sa.any_(sa.bindparam("keys", type_=bulk.TEXTS)))
    .group_by(entries.c.cause_id)
)


async def _reversed(db: Db, ids: Sequence[int]) -> dict[int, int]:
    """Return what came back of those transfers of which anything did."""
    sums = await db.execute(_REVERSED, {"keys": [reversal_key(number) for number in ids]})
    return {int(row.cause_id): int(row.amount) for row in sums}


def _of(lines: Sequence[Row], came_back: int) -> Transfer:
    """Read the lines of an entry."""
    sides = [(_name(line), line["amount"]) for line in lines]
    values: dict[str, Any] = {name: lines[0][name] for name in Transfer._fields if name in lines[0]}
    givers, takers = _sides(sides, -1), _sides(sides, 1)
    values |= {"amount": sum(giver.amount for giver in givers), "reversed": came_back}
    reverses = _reverses(values["kind"], lines[0]["cause_id"])
    return Transfer(**values, givers=givers, takers=takers, reverses=reverses)


def _reverses(kind: str, cause: str) -> int | None:
    return int(cause) if kind == "REVERSAL" else None


def _sides(lines: Sequence[tuple[str, int]], sign: int) -> tuple[Share, ...]:
    """Return those who give (-1) or take (1), by name: entries do not keep the order in which they were asked for."""
    shares = [Share(name, amount * sign) for name, amount in lines if amount * sign > 0]
    if len(shares) > 1:
        shares.sort()
    return tuple(shares)


def _name(line: Row) -> str:
    return TREASURY_NAME if line["account_id"] == TREASURY else str(line["name"])
