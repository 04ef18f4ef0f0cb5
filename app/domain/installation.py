"""The installation: its terms, its database's history, whether that may be an old one, and its seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Prepared, bulk
from app.db.tables import accounts, installation, ready_keys, transactions
from app.domain.dogecoin import Network
from app.domain.refusals import Refusal

RESTORE_UNFINISHED: Final = "`kennel restored` was begun and has not ended; run `kennel restored` again"
NO_MARKER: Final = "sent.json is missing beside it: put it back, or run `kennel restored`"
"""This reason alone goes away by itself, once the file is back."""
NOT_COMPARED: Final = "it was moved or restored, and the process that sends payments has not looked at it yet"


class NotCurrent(Refusal):
    """No address is given out that may be in use already: the database may be an old one, since {reason}."""

    code: ClassVar[str | None] = "not-available"


@dataclass(frozen=True, slots=True)
class Installation:
    """What the operator has set and the rules need.

    `confirmations` is what an invoice requires by default. `token` makes an unguessable word. `platform` is
    the foreign_id of the account that has the platform's own money. A quote holds for `quote_minutes`.
    """

    network: Network
    confirmations: int
    token: Callable[[], str]
    platform: str = "platform"
    quote_minutes: int = 15


class InstallationState(NamedTuple):
    """The installation as this database knows it.

    `highest` is the highest number of a transaction that may have been sent. `restores` counts its restores.
    `marked`: a sender has compared a database of this history with its sent.json. `compared`: that was this
    very database. `behind` says why it may be an older one.
    """

    epoch: str
    highest: int
    restores: int
    marked: bool
    compared: bool
    behind: str | None


class NewHistory(NamedTuple):
    """A history of the database that begins with a restore.

    Transactions up to the number `sent` were sent, though this database may not have them. `restores` counts
    the histories. Each history gives out other numbers: so many times the numbers of one history are skipped.
    """

    epoch: str
    sent: int
    restores: int


# Every way to restore a database changes one of these: the cluster, the database in it, the table in that, or
# the time line, where a backup was rolled forward. Only a copy of a stopped server's files looks the same.
_THIS_DATABASE: Final = sa.literal_column(
    "concat_ws('.', (SELECT system_identifier FROM pg_control_system()), "
    "(SELECT oid FROM pg_database WHERE datname = current_database()), 'installation'::regclass::oid, "
    "left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))",
    sa.Text,
)
_IDENTITY: Final = sa.select(_THIS_DATABASE).select_from(installation)
_COMPARED: Final = sa.func.coalesce(installation.c.compared == _THIS_DATABASE, sa.false())
HIGHEST: Final = sa.func.greatest(
    installation.c.sent, sa.select(sa.func.max(transactions.c.id)).scalar_subquery()
)
"""The highest number of a transaction that may have been sent, 0 if none; in statements on `installation`."""
COLUMNS: Final = (
    installation.c.epoch,
    HIGHEST.label("highest"),
    installation.c.restores,
    installation.c.compared.is_not(None).label("marked"),
    _COMPARED.label("compared"),
    installation.c.behind,
)
"""The columns of an `InstallationState`, in its order."""


_READ: Final = sa.select(*COLUMNS)
_NOT_COMPARED: Final = sa.and_(installation.c.compared.is_not(None), ~_COMPARED)
_NOT_CURRENT: Final = Prepared(
    sa.select(sa.func.coalesce(installation.c.behind, sa.case((_NOT_COMPARED, NOT_COMPARED))))
)


async def read(db: Db) -> InstallationState:
    """Return the installation's state."""
    return InstallationState(*(await db.execute(_READ)).one())


async def lock(db: Db) -> InstallationState:
    """Lock the installation and return its state. This lock comes before all others of a transaction."""
    row = (await db.execute(sa.select(*COLUMNS).with_for_update(of=installation))).one()
    return InstallationState(*row)


async def set_behind(db: Db, reason: str) -> None:
    """Give out no address from now on, because the database is or may be an old one."""
    await db.execute(sa.update(installation).values(behind=reason))


async def set_compared(db: Db, epoch: str) -> None:
    """Note that this database, of the history `epoch`, has all that was sent."""
    usable = sa.or_(installation.c.behind.is_(None), installation.c.behind == NO_MARKER)
    await _set_compared(db, sa.and_(installation.c.epoch == epoch, usable))


async def begin_history(db: Db, history: NewHistory) -> tuple[int, int]:
    """Begin another history. It gives out no address before `end_restore`.

    Returns the highest number of a transaction that was ever sent, and the numbers of how many histories to
    skip.
    """
    database = await lock(db)
    sent = max(database.highest, history.sent)
    values = {"epoch": history.epoch, "sent": sent, "restores": history.restores}
    await db.execute(sa.update(installation).values(behind=RESTORE_UNFINISHED, **values))
    return sent, history.restores - database.restores


async def end_restore(db: Db, epoch: str) -> None:
    """Give out addresses again, in the history `epoch`."""
    await _set_compared(db, installation.c.epoch == epoch)


async def _set_compared(db: Db, condition: sa.ColumnElement[bool]) -> None:
    """Write which database this is, read from where the row lies."""
    this_database = await db.scalar(_IDENTITY)
    compared = sa.update(installation).where(condition)
    await db.execute(compared.values(compared=this_database, behind=None))


async def why_not_current(db: Db) -> str | None:
    """Return the reason of NotCurrent, or None; ask in the transaction that would give an address out.

    A database that no sender has ever compared is a new one.
    """
    [found] = await bulk.fetch_values(db, _NOT_CURRENT)
    reason: str | None = found[0]
    return reason


# ---------------------------------------------------------------- its seed


async def seed(db: Db, *, changes: bool = False) -> str | None:
    """Lock and return the fingerprint of the keys' seed; None where that is not known yet.

    A transaction that `changes` it waits for all that have read it.
    """
    fingerprint: str | None = await db.scalar(
        sa.select(installation.c.seed).with_for_update(read=not changes)
    )
    return fingerprint


async def set_seed(db: Db, fingerprint: str) -> None:
    """Note which seed the keys come from."""
    await db.execute(sa.update(installation).values(seed=fingerprint))


async def known_keys(db: Db) -> dict[int, str]:
    """Return the xpubs of the lowest and the highest account and ready key, by number. There may be none."""
    xpubs: dict[int, str] = {}
    for number, xpub in ((accounts.c.id, accounts.c.xpub), (ready_keys.c.number, ready_keys.c.xpub)):
        for order in (number, number.desc()):
            row = (await db.execute(sa.select(number, xpub).order_by(order).limit(1))).first()
            xpubs |= {row[0]: row[1]} if row is not None else {}
    return xpubs
