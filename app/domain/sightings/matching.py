"""Matches transactions of the mempool with our addresses, and with what sighted transactions spend."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from app.db import Db, Prepared, Row, bulk
from app.db.tables import accounts, addresses, deposits, invoices, sighted_inputs, sightings
from app.domain import dogecoin
from app.domain.dogecoin import P2PKH_BYTES, Network, Outpoint
from app.domain.invoices import Invoice
from app.domain.owner import Owner
from app.domain.sightings.sighting import Sighting, WaitingOutput, WaitingTransaction

_SEEN: Final = Prepared(
    sa.select(sightings.c.txid).where(sightings.c.state == bulk.constant("seen")).distinct()
)


async def seen(db: Db) -> set[bytes]:
    """Return the txids of what is seen: as far as we know they wait in the mempool."""
    return {txid for (txid,) in await bulk.fetch_values(db, _SEEN)}


async def last_end(db: Db, invoice: Invoice) -> str:
    """Return how the last payment of the invoice ended that no block has: double_spent, dropped, or "" for none.

    Where a reorg has undone a payment, that one may come again, and nothing has ended.
    """
    undone = sa.exists().where(
        deposits.c.account_id == invoice.owner.id,
        deposits.c.invoice == invoice.index,
        deposits.c.state == "undone",
    )
    paid = sa.and_(sightings.c.account_id == invoice.owner.id, sightings.c.invoice == invoice.index, ~undone)
    newest = sa.select(sightings.c.state).where(paid).order_by(sightings.c.created.desc(), sightings.c.txid)
    state = await db.scalar(newest.limit(1))
    return "" if state in (None, "seen") else str(state)


async def find(
    db: Db, network: Network, confirmations: int, transactions: Sequence[WaitingTransaction]
) -> list[Sighting]:
    """Return what the transactions pay to us, one statement for all of them.

    SQL matches the scripts, and no cached set: it sees every address that was committed before its payment.
    Change is none: only our own transactions pay it; nor is what returns from cold storage. `acceptable` are those whose account accepts payments of
    such invoices before a block has them; whether their transactions are safe is for `accept` to say.
    """
    outputs = {
        output.outpoint: output
        for transaction in transactions
        for output in transaction.outputs
        if len(output.script) == P2PKH_BYTES and output.amount
    }
    scripts = {output.script for output in outputs.values()}
    rows = await bulk.fetch_all(db, _PAID, {"input_script": list(scripts)})
    paid = {bytes(row["script"]): row for row in rows}
    return [
        _sighting(network, confirmations, paid[output.script], output)
        for output in outputs.values()
        if output.script in paid
    ]


async def double_spends(db: Db, transactions: Sequence[WaitingTransaction]) -> dict[bytes, bytes]:
    """Return the sighted transactions that conflict with these, each with one that spends the same."""
    spenders = {outpoint: transaction.txid for transaction in transactions for outpoint in transaction.inputs}
    pairs = [(txid, spenders[outpoint]) for outpoint, txid in await spent(db, list(spenders))]
    return {sighted: spender for sighted, spender in pairs if sighted != spender}


async def spent(db: Db, outpoints: Sequence[Outpoint]) -> list[tuple[Outpoint, bytes]]:
    """Return those of the outpoints that sighted transactions spend, each with the transaction that does."""
    if not outpoints:
        return []
    rows = await bulk.fetch_all(db, _SPENT, bulk.columns(("txid", "vout"), outpoints))
    return [(Outpoint(bytes(row["txid"]), row["vout"]), bytes(row["spent_by"])) for row in rows]


def _sighting(network: Network, confirmations: int, row: Row, output: WaitingOutput) -> Sighting:
    for_invoice = row["purpose"] == "invoice"
    return Sighting(
        Owner(row["account_id"], row["foreign_id"], row["account_address"]),
        output.outpoint,
        row["branch"],
        row["index"],
        row["index"] if for_invoice else None,
        dogecoin.to_address(network, output.script) or "",
        output.amount,
        row["required_confirmations"] if for_invoice else confirmations,
        bool(row["acceptable"]),
    )


def _paid() -> Prepared:
    scripts = bulk.unnested(addresses, ("script",))
    of_invoice = sa.and_(
        addresses.c.purpose == "invoice",
        invoices.c.account_id == addresses.c.account_id,
        invoices.c.index == addresses.c.index,
    )
    owner = (accounts.c.foreign_id, accounts.c.address.label("account_address"))
    is_open = ~(invoices.c.expired | invoices.c.cancelled)
    acceptable = sa.and_(is_open, invoices.c.total < accounts.c.accept_unconfirmed_below).label("acceptable")
    return Prepared(
        sa.select(addresses, *owner, invoices.c.required_confirmations, acceptable)
        .join(scripts, scripts.c.script == addresses.c.script)
        .join(accounts, accounts.c.id == addresses.c.account_id)
        .outerjoin(invoices, of_invoice)
        .where(addresses.c.purpose.not_in([bulk.constant(purpose) for purpose in ("change", "cold")]))
    )


def _spent() -> sa.Select[tuple[object, ...]]:
    keys = ("txid", "vout")
    source = bulk.unnested(sighted_inputs, keys)
    same = (sighted_inputs.c[name] == source.c[name] for name in keys)
    return sa.select(sighted_inputs).join(source, sa.and_(*same))


_PAID: Final = _paid()
SPENT: Final = _spent()
"""What sighted transactions spend of some outpoints, each with the transaction that does."""
_SPENT: Final = Prepared(SPENT)
