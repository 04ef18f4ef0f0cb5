"""How payments are found and locked: by account and id, as lists, or as a rule wants them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Prepared, ReadDb, Row, bulk
from app.db.tables import accounts as account_rows
from app.db.tables import chain_state, payment_outputs, payments, transactions
from app.domain import accounts, owner, pages, rates
from app.domain.commands import plain
from app.domain.owner import Owner
from app.domain.pages import Page, PageRequest
from app.domain.payments import versions
from app.domain.payments.payment import Payment, PaymentOutput
from app.domain.queries import Query
from app.domain.refusals import NotFound, Refusal


class NoSuchPayment(NotFound):
    """There is no payment {id} in this account."""


class PaymentKey(NamedTuple):
    """Names a payment of an account."""

    foreign_id: str
    id: int


async def fetch_many(db: ReadDb, keys: Sequence[PaymentKey]) -> list[Payment | Refusal]:
    """Return the accounts' payments, in order; refuses with NoSuchAccount or NoSuchPayment."""
    rows = await bulk.fetch_all(db, _BY_IDS, {"ids": [key.id for key in keys]})
    known = {payment.id: payment for payment in await _whole(db, rows)}
    others = [name for name, number in keys if number not in known or known[number].owner.foreign_id != name]
    names = await accounts.by_names(db, others) if others else {}
    return [_of_account(key, known.get(key.id), known_account=key.foreign_id in names) for key in keys]


def _of_account(key: PaymentKey, payment: Payment | None, *, known_account: bool) -> Payment | Refusal:
    if payment is not None and payment.owner.foreign_id == key.foreign_id:
        return payment
    return NoSuchPayment(id=key.id, field="id") if known_account else owner.no_such(key.foreign_id)


FETCH: Final = Query("payment", plain(fetch_many))
"""An account's payment, by a PaymentKey."""


async def page(db: ReadDb, foreign_id: str, request: PageRequest[int]) -> Page[Payment, int]:
    """Return a page of the account's payments, newest first; refuses with NoSuchAccount."""
    before, limit = request.after_or(pages.BEHIND_IDS), request.rows
    rows = await bulk.fetch_all(db, _PAGE, {"foreign_id": foreign_id, "before": before, "limit": limit})
    if not rows:
        await accounts.fetch(db, foreign_id)
    listed = await _whole(db, rows)
    return request.page(listed[::-1], lambda payment: payment.id)


async def by_ids(db: ReadDb, ids: Sequence[str]) -> dict[str, Payment]:
    """Return the payments with these ids."""
    rows = await bulk.fetch_all(db, _BY_IDS, {"ids": [int(text) for text in ids]})
    return {str(payment.id): payment for payment in await _whole(db, rows)}


async def load(db: Db, where: sa.ColumnElement[bool], *, lock: bool = False) -> list[Payment]:
    """Return the payments that match `where`, by id, with outputs and transaction; `lock` locks them."""
    selected = _SELECT.where(where)
    rows = await bulk.fetch_all(
        db, selected.with_for_update(key_share=True, of=payments) if lock else selected
    )
    return await _whole(db, rows)


async def _whole(db: ReadDb, rows: Sequence[Row]) -> list[Payment]:
    outputs = await _outputs(db, rows) if rows else {}
    return [_payment(row, tuple(outputs[row["id"]])) for row in rows]


async def _outputs(db: ReadDb, rows: Sequence[Row]) -> dict[int, list[PaymentOutput]]:
    keys = bulk.columns(_KEY, [(row["account_id"], row["id"]) for row in rows])
    outputs: dict[int, list[PaymentOutput]] = {row["id"]: [] for row in rows}
    for row in await bulk.fetch_all(db, _OUTPUTS, keys):
        outputs[row["payment_id"]].append(PaymentOutput(*(row[name] for name in PaymentOutput._fields)))
    return outputs


_TIP: Final = sa.select(chain_state.c.height).scalar_subquery()
_SELECT: Final = (
    sa.select(
        payments,
        account_rows.c.foreign_id,
        account_rows.c.address,
        transactions.c.txid,
        transactions.c.raw,
        sa.func.coalesce(_TIP - transactions.c.height + 1, 0).label("confirmations"),
    )
    .join(account_rows, account_rows.c.id == payments.c.account_id)
    .outerjoin(transactions, transactions.c.id == versions.CURRENT)
    .order_by(payments.c.id)
)
_BY_IDS: Final = Prepared(_SELECT.where(payments.c.id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS))))
_ACCOUNT: Final = (
    sa.select(account_rows.c.id)
    .where(account_rows.c.foreign_id == sa.bindparam("foreign_id"))
    .scalar_subquery()
)
_NEWEST: Final = (
    sa.select(payments.c.id)
    .where(payments.c.account_id == _ACCOUNT, payments.c.id < sa.bindparam("before", type_=sa.BigInteger))
    .order_by(payments.c.id.desc())
    .limit(sa.bindparam("limit", type_=sa.BigInteger))
)
_PAGE: Final = Prepared(_SELECT.where(payments.c.account_id == _ACCOUNT, bulk.among(payments.c.id, _NEWEST)))
_KEY: Final = ("account_id", "payment_id")
_OF_PAYMENT: Final = bulk.unnested(payment_outputs, _KEY)
_OUTPUTS: Final = Prepared(
    sa.select(payment_outputs)
    .join(
        _OF_PAYMENT,
        sa.and_(*(payment_outputs.c[name] == _OF_PAYMENT.c[name] for name in _KEY)),
    )
    .order_by(payment_outputs.c.payment_id, payment_outputs.c.number)
)


def _payment(row: Row, outputs: tuple[PaymentOutput, ...]) -> Payment:
    account = Owner(row["account_id"], row["foreign_id"], row["address"])
    return Payment(
        owner=account, outputs=outputs, quote=rates.quote_in(row), **{name: row[name] for name in _READ}
    )


_READ: Final = tuple(
    name for name in Payment._fields if name not in ("owner", "outputs", "returned", "former", "quote")
)
"""What a row of a payment has; the rest is composed, or filled in by the code that ends or changes it."""
