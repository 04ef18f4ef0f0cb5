"""Submissions: a wallet's transaction for an invoice, stored before it is sent and offered until a block decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Row, bulk
from app.db.tables import NOW, STATEMENT_NOW, dogeconnect_payments, invoices
from app.domain.commands import Command
from app.domain.dogeconnect.transaction import WalletTransaction
from app.domain.installation import Installation
from app.domain.invoices import Invoice
from app.domain.payments import broadcast
from app.domain.refusals import Refusal

UNANSWERED: Final = timedelta(seconds=5)
"""After so long a transaction is offered again to which the node has said nothing."""
LASTING: Final = timedelta(days=14)
"""How long a transaction is offered where the invoice never expires."""


@dataclass(frozen=True, slots=True)
class SubmissionOrder:
    """A transaction that was checked, and the address for refunds, "" for none."""

    invoice: Invoice
    transaction: WalletTransaction
    refund: str = ""

    def row(self) -> Row:
        """Return what is stored."""
        return {
            "address": self.invoice.address,
            "account_id": self.invoice.owner.id,
            "index": self.invoice.index,
            "txid": self.transaction.txid,
            "raw": self.transaction.raw,
            "refund": self.refund,
            "state": "stored",
        }


@dataclass(frozen=True, slots=True)
class Submission:
    """What was submitted for the invoice to be paid to `address`.

    Its state is `stored` until the node has answered, then `accepted`, or `declined` for the `reason`.
    """

    address: str
    txid: bytes
    state: str
    reason: str


class Offer(NamedTuple):
    """A transaction that the node is to be given; `first`: it has not answered before."""

    address: str
    txid: bytes
    raw: bytes
    first: bool


async def submit(
    db: Db, orders: Sequence[SubmissionOrder], installation: Installation
) -> list[Submission | Refusal]:
    """Store the first transaction for each invoice, or return the one that is there.

    One that the node has declined makes room for another.
    """
    by_address = {order.invoice.address: order.row() for order in reversed(orders)}
    rows = [by_address[address] for address in sorted(by_address)]
    await db.execute(_STORE, bulk.arrays(rows))
    submitted = await load(db, list(by_address), installation)
    return [submitted[order.invoice.address] for order in orders]


async def load(db: Db, addresses: Sequence[str], _: Installation | None = None) -> dict[str, Submission]:
    """Return the submissions for the invoices to be paid to these addresses."""
    rows = await bulk.fetch_all(db, _LOAD, {"addresses": list(addresses)})
    return {
        row["address"]: Submission(row["address"], bytes(row["txid"]), row["state"], row["reason"])
        for row in rows
    }


SUBMIT: Final = Command("dogeconnect", submit, load, lambda submission: submission.address)


async def take_due(db: Db, limit: int) -> list[Offer]:
    """Return transactions that the node is to be given now. Each is due again in a while.

    It is not when its invoice is settled or over. While blocks hold what is enough, nothing is offered.
    """
    rows = await bulk.fetch_all(db, _TAKE, {"limit": limit})
    if rows:
        await bulk.update(
            db, _T, ("address",), [{"address": row["address"], "offer_at": row["offer_at"]} for row in rows]
        )
    return [
        Offer(row["address"], bytes(row["txid"]), bytes(row["raw"]), row["state"] == "stored")
        for row in rows
        if row["offered"]
    ]


async def answered(db: Db, held: Sequence[Offer], declined: Mapping[Offer, str]) -> None:
    """Note which transactions the node has, and which it will not have, and why."""
    await db.execute(_LOCK, {"addresses": [offer.address for offer in (*held, *declined)]})
    for offers, state in ((held, "accepted"), (list(declined), "declined")):
        rows = [
            {"address": offer.address, "txid": offer.txid, "state": state, "reason": declined.get(offer, "")}
            for offer in offers
        ]
        if rows:
            await bulk.update(db, dogeconnect_payments, ("address", "txid"), rows)


_T: Final = dogeconnect_payments
_DUE: Final = _T.c.offer_at <= STATEMENT_NOW
ANY_DUE: Final = (
    sa.select(_T.c.address).where(_DUE).order_by(_T.c.offer_at).limit(1).scalar_subquery().is_not(None)
)
"""Whether the node is to be given any transaction now."""
_ROWS: Final = bulk.unnested(_T, ("address", "account_id", "index", "txid", "raw", "refund", "state"))
_INSERT: Final = insert(_T).from_select(
    [*_ROWS.c.keys(), "offer_at"], sa.select(*_ROWS.c, NOW).order_by(_ROWS.c.address)
)
_STORE: Final = _INSERT.on_conflict_do_update(
    index_elements=["address"],
    set_={
        **{name: _INSERT.excluded[name] for name in ("txid", "raw", "refund", "state", "offer_at")},
        "reason": bulk.constant(""),
    },
    where=_T.c.state == bulk.constant("declined"),
)
_LOAD: Final = sa.select(_T.c.address, _T.c.txid, _T.c.state, _T.c.reason).where(
    _T.c.address == sa.any_(sa.bindparam("addresses", type_=bulk.TEXTS))
)
_LOCK: Final = _LOAD.with_only_columns(_T.c.address).order_by(_T.c.address).with_for_update(key_share=True)
_OVER: Final = sa.or_(
    _T.c.state == "declined",
    invoices.c.settled,
    invoices.c.cancelled,
    sa.func.coalesce(invoices.c.expires, _T.c.created + LASTING) <= STATEMENT_NOW,
)
_OFFER_AGAIN: Final = sa.case(
    (_OVER, None),
    (_T.c.state == "stored", STATEMENT_NOW + UNANSWERED),
    else_=STATEMENT_NOW + broadcast.RESEND,
)
_TAKE: Final = (
    sa.select(
        _T.c.address,
        _T.c.txid,
        _T.c.raw,
        _T.c.state,
        _OFFER_AGAIN.label("offer_at"),
        sa.and_(sa.not_(_OVER), invoices.c.received < invoices.c.due).label("offered"),
    )
    .join(invoices, sa.and_(_T.c.account_id == invoices.c.account_id, _T.c.index == invoices.c.index))
    .where(_DUE)
    .order_by(_T.c.offer_at)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .with_for_update(of=_T, skip_locked=True)
)
