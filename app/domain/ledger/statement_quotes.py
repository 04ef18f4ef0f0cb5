"""What a DOGE was worth when the deposits and payments behind a statement's lines were made."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import deposits, payments
from app.domain import rates
from app.domain.rates import Quote


class Cause(NamedTuple):
    """What caused an entry, as entries name it."""

    type: str
    id: str


_ACCOUNT: Final = sa.bindparam("account", type_=sa.BigInteger)
_OUTPUT: Final = ("txid", "vout")
_QUOTE_OF_DEPOSIT: Final = sa.select(*(deposits.c[name] for name in (*_OUTPUT, *rates.COLUMNS))).where(
    deposits.c.account_id == _ACCOUNT,
    deposits.c.rate.is_not(None),
    sa.tuple_(deposits.c.txid, deposits.c.vout).in_(sa.select(bulk.unnested(deposits, _OUTPUT))),
)
_QUOTE_OF_PAYMENT: Final = sa.select(*(payments.c[name] for name in ("id", *rates.COLUMNS))).where(
    payments.c.account_id == _ACCOUNT,
    payments.c.rate.is_not(None),
    payments.c.id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)),
)


async def of_causes(db: Db, account: int, causes: Sequence[Cause]) -> Mapping[Cause, Quote]:
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
