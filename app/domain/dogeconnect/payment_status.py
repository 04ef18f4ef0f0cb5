"""How far a payment is, as wallets hear it (DogeConnect 1.0)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import blocks, chain_state, deposits
from app.domain.dogecoin import Network
from app.domain.dogeconnect import submission
from app.domain.dogeconnect.submission import Submission
from app.domain.invoices import Invoice


@dataclass(frozen=True, slots=True)
class PaymentStatus:
    """What a wallet hears; None is left out.

    The `status` is `unpaid`, `accepted`, `confirmed`, or `declined` for a `reason`. `confirmed` counts
    confirmations, of which there are to be as many as `required`; in `due_sec` seconds, as it seems.
    """

    id: str
    status: str
    reason: str | None = None
    txid: str | None = None
    confirmed_at: datetime | None = None
    required: int | None = None
    confirmed: int | None = None
    due_sec: int | None = None


@dataclass(frozen=True, slots=True)
class _Deposit:
    """The newest deposit of an invoice that is in a block."""

    txid: bytes
    confirmations: int
    confirmed_at: datetime | None


async def payment_status(db: Db, network: Network, invoice: Invoice) -> PaymentStatus:
    """Return how far the invoice is paid, by whatever wallet."""
    row = (await db.execute(_NEWEST, {"account": invoice.owner.id, "index": invoice.index})).first()
    submitted = (await submission.load(db, [invoice.address])).get(invoice.address)
    return _status(network, invoice, submitted, _Deposit(*row) if row else None)


def _status(
    network: Network, invoice: Invoice, submitted: Submission | None, deposit: _Deposit | None
) -> PaymentStatus:
    paid = invoice.total_payment_confirmed or invoice.total_payment_detected
    if not paid and (submitted is None or submitted.state != "accepted"):
        return PaymentStatus(invoice.address, "unpaid")
    txid = deposit.txid if deposit and (paid or submitted is None) else submitted and submitted.txid
    required, confirmed = invoice.required_confirmations, deposit.confirmations if deposit and paid else 0
    shown_txid = txid[::-1].hex() if txid else None
    if invoice.total_payment_confirmed:  # also by a deposit before the newest one, or without a block
        at = deposit.confirmed_at if deposit else None
        confirmed = max(confirmed, required)
        return PaymentStatus(invoice.address, "confirmed", None, shown_txid, at, required, confirmed, 0)
    seconds = invoice.estimate_seconds_to_confirm or max(required, 1) * network.spacing_seconds
    return PaymentStatus(invoice.address, "accepted", None, shown_txid, None, required, confirmed, seconds)


_TIP: Final = sa.select(chain_state.c.height).scalar_subquery()
_NEWEST: Final = (
    sa.select(
        deposits.c.txid,
        _TIP - deposits.c.height + 1,
        sa.func.to_timestamp(blocks.c.time),
    )
    .outerjoin(blocks, blocks.c.height == deposits.c.confirm_height)
    .where(
        deposits.c.account_id == sa.bindparam("account", type_=sa.BigInteger),
        deposits.c.invoice == sa.bindparam("index", type_=sa.BigInteger),
        deposits.c.height.is_not(None),
    )
    .order_by(deposits.c.height.desc(), deposits.c.txid)
    .limit(1)
)
