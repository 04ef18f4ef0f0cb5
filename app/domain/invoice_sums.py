"""An invoice's sums under its lock: for whatever moves or ends it without the chain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db, Row
from app.domain import facts, receipts, scripts
from app.domain.facts import Owner
from app.domain.networks import Network
from app.domain.outbox import Fact
from app.domain.payments import RETURNED
from app.domain.receipts import Receipts
from app.money import Koinu
from app.tables import accounts, addresses, invoices, payments

_RECEIPTS: Final = tuple(field.name for field in fields(Receipts))


@dataclass(frozen=True, slots=True)
class Sums:
    """What an invoice has received, by either way, and given back to accounts."""

    owner: Owner
    index: int
    receipts: Receipts
    settled_inside: Koinu
    refunded_inside: Koinu

    @property
    def address(self) -> str:
        """The invoice's id."""
        return self.receipts.address

    def settled(self, amount: Koinu) -> tuple["Sums", list[Fact]]:
        """Return it with `amount` received and confirmed in the ledger, and what that tells."""
        moved = self.receipts.plus(amount, amount)
        now, events = receipts.judge(self.receipts, moved)
        after = replace(self, receipts=now, settled_inside=Koinu(self.settled_inside + amount))
        return after, [facts.invoice_payment(self.owner, event, now.sums) for event in events]

    def expired(self) -> tuple["Sums", Fact]:
        """Return it expired, and the fact."""
        after = replace(self, receipts=replace(self.receipts, expired=True))
        return after, facts.invoice_payment(self.owner, "INV_EXPIRED", self.receipts.sums)

    def cancelled(self) -> tuple["Sums", Fact]:
        """Return it cancelled, and the fact."""
        after = replace(self, receipts=replace(self.receipts, cancelled=True))
        return after, facts.invoice_payment(self.owner, "INV_CANCELLED", self.receipts.sums)


async def lock(db: Db, network: Network, given: Sequence[str]) -> dict[str, Sums]:
    """Lock the invoices to be paid to these addresses, by account and index; what is none is left out."""
    wanted = [script for address in given if (script := scripts.known(network, address)) is not None]
    same = sa.and_(addresses.c.account_id == invoices.c.account_id, addresses.c.index == invoices.c.index)
    where = sa.and_(addresses.c.script == sa.any_(sa.literal(wanted, bulk.BYTES)), addresses.c.purpose == "invoice")
    found = select().join(addresses, same).where(where).order_by(invoices.c.account_id, invoices.c.index)
    rows = await bulk.fetch_all(db, found.with_for_update(key_share=True, of=invoices))
    return {row["address"]: of(row) for row in rows}


def select() -> sa.Select[tuple[object, ...]]:
    """Invoices with their owners, as `of` reads them."""
    names = ("account_id", "index", "settled_inside", "refunded_inside", *_RECEIPTS)
    owner = (accounts.c.foreign_id, accounts.c.address.label("account_address"), accounts.c.state)
    columns = [invoices.c[name] for name in names]
    return sa.select(*columns, *owner).join(accounts, accounts.c.id == invoices.c.account_id)


def of(row: Row) -> Sums:
    """Read a row of `select`."""
    return Sums(
        Owner(row["account_id"], row["foreign_id"], row["account_address"], row["state"] == "open"),
        row["index"],
        Receipts(**{name: row[name] for name in _RECEIPTS}),
        Koinu(row["settled_inside"]),
        Koinu(row["refunded_inside"]),
    )


async def sent_back(db: Db, locked: Mapping[str, Sums]) -> dict[str, int]:
    """Sum the refunds to addresses; right under the invoices' locks, since a refund begins only under them.

    One that fails meanwhile counts still: that errs on the safe side.
    """
    given = [{"invoice_account": one.owner.id, "invoice_index": one.index} for one in locked.values()]
    if not given:
        return {}
    names = ("invoice_account", "invoice_index")
    keys = bulk.rows(payments, names, given)
    found = (
        sa.select(payments.c.invoice_account, payments.c.invoice_index, sa.func.sum(payments.c.amount).label("sum"))
        .join(keys, sa.and_(*(payments.c[name] == keys.c[name] for name in names)))
        .where(payments.c.state.not_in(RETURNED))
        .group_by(payments.c.invoice_account, payments.c.invoice_index)
    )
    sums = {(row.invoice_account, row.invoice_index): int(row.sum) for row in await db.execute(found)}
    return {address: sums.get((one.owner.id, one.index), 0) for address, one in locked.items()}


async def write(db: Db, changed: Sequence[Sums]) -> None:
    """Write the invoices back; they are locked."""
    if changed:
        names = ("received", "confirmed", "detected", "settled", "unsettled", "expired", "cancelled", "late")
        rows = [
            {
                "account_id": one.owner.id,
                "index": one.index,
                "settled_inside": one.settled_inside,
                "refunded_inside": one.refunded_inside,
                **{name: getattr(one.receipts, name) for name in names},
            }
            for one in changed
        ]
        await bulk.update(db, invoices, ("account_id", "index"), rows)
