"""What a DOGE was worth when the lines of a statement were made."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Prepared, ReadDb, Row, bulk
from app.db.tables import deposits, payments
from app.domain import rates
from app.domain.rates import Quote
from app.money import DOGE


class Cause(NamedTuple):
    """What caused an entry, as entries name it."""

    type: str
    id: str


_ACCOUNT: Final = sa.bindparam("account", type_=sa.BigInteger)
_OUTPUT: Final = ("txid", "vout")
_QUOTE_OF_DEPOSIT: Final = Prepared(
    sa.select(*(deposits.c[name] for name in (*_OUTPUT, *rates.COLUMNS))).where(
        deposits.c.account_id == _ACCOUNT,
        deposits.c.rate.is_not(None),
        sa.tuple_(deposits.c.txid, deposits.c.vout).in_(sa.select(bulk.unnested(deposits, _OUTPUT))),
    )
)
_QUOTE_OF_PAYMENT: Final = Prepared(
    sa.select(*(payments.c[name] for name in ("id", *rates.COLUMNS))).where(
        payments.c.account_id == _ACCOUNT,
        payments.c.rate.is_not(None),
        payments.c.id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)),
    )
)


_WITH_QUOTES: Final = frozenset({"deposit", "payment"})


async def of_lines(db: ReadDb, account: int, rows: Sequence[Row]) -> list[Quote | None]:
    """Return the quote of each posting, in order; None in another asset, and where no rate was known then.

    A deposit and a payment have theirs. Of anything else it is that of the second in which it was posted, by the
    table of rates: whoever posts looks up nothing.
    """
    causes = [Cause(row["cause_type"], row["cause_id"]) for row in rows]
    of_cause = await of_causes(db, account, causes)
    quotes = await of_seconds(db, rows)
    return [of_cause.get(cause) or quote for cause, quote in zip(causes, quotes, strict=True)]


async def of_seconds(db: ReadDb, rows: Sequence[Row]) -> list[Quote | None]:
    """Return the quote of the second of each posting, in order; None of deposits and payments, and of other assets."""
    seconds = [_second(row) for row in rows]
    wanted = {second for second in seconds if second is not None}
    of_second = await rates.of_times(db, wanted) if wanted else {}
    return [None if second is None else of_second.get(second) for second in seconds]


def _second(row: Row) -> int | None:
    """Return when a line without a quote of its own was posted, in whole seconds since 1970; None: it has no value."""
    if row["asset"] != DOGE or row["cause_type"] in _WITH_QUOTES:
        return None
    return int(row["created"].timestamp())


async def of_causes(db: ReadDb, account: int, causes: Sequence[Cause]) -> Mapping[Cause, Quote]:
    """Return the quotes of those causes that have one: a statement for deposits, and one for payments."""
    outputs = [_output(cause.id) for cause in set(causes) if cause.type == "deposit"]
    ids = [int(cause.id) for cause in set(causes) if cause.type == "payment"]
    quotes: dict[Cause, Quote] = {}
    if outputs:
        parameters = {"account": account, **bulk.columns(_OUTPUT, outputs)}
        for row in await bulk.fetch_all(db, _QUOTE_OF_DEPOSIT, parameters):
            quotes |= _of(Cause("deposit", f"{bytes(row['txid'])[::-1].hex()}:{row['vout']}"), row)
    if ids:
        for row in await bulk.fetch_all(db, _QUOTE_OF_PAYMENT, {"account": account, "ids": ids}):
            quotes |= _of(Cause("payment", str(row["id"])), row)
    return quotes


def _of(cause: Cause, row: Row) -> dict[Cause, Quote]:
    quote = rates.quote_in(row)
    return {} if quote is None else {cause: quote}


def _output(cause_id: str) -> tuple[bytes, int]:
    txid, _, vout = cause_id.partition(":")
    return bytes.fromhex(txid)[::-1], int(vout)
