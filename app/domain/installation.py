"""The installation: its terms, which history its database is, whether that may be behind, and its seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db
from app.db.tables import accounts, installation, ready_keys, transactions
from app.domain.dogecoin import Network
from app.domain.refusals import Refusal

UNDER_WAY: Final = "`kennel restored` was begun and has not ended; run `kennel restored` again"
NO_MARK: Final = "sent.json is missing beside it: put it back, or run `kennel restored`"
"""The one reason that goes by itself, once the file is there again."""
NOT_COMPARED: Final = "it was moved or restored, and the process that sends payments has not looked at it yet"


class NotCurrent(Refusal):
    """No address is given out that may be in use already: the database may be an old one, since {reason}."""

    code: ClassVar[str | None] = "not-available"


@dataclass(frozen=True, slots=True)
class Installation:
    """What the operator has set, and the rules need.

    `confirmations` is what an invoice asks for by default; `token` makes an unguessable word; `platform` is the
    foreign_id of the account that takes the platform's own money.
    """

    network: Network
    confirmations: int
    token: Callable[[], str]
    platform: str = "platform"


class InstallationState(NamedTuple):
    """The installation as this database knows it.

    `highest` is the highest number of a transaction that may have been sent, `restores` how often it was begun again. `marked`: a sender has held a database of this
    history against its sent.json; `compared`: it was this very database. `behind` says why it may be an older one.
    """

    epoch: str
    highest: int
    restores: int
    marked: bool
    compared: bool
    behind: str | None


class Beginning(NamedTuple):
    """Another history of the database, begun by a restore.

    Transactions up to the number `sent` were sent, though they may not be here. It is the one of number `restores`: what it
    gives out lies that many times a history's use above what the first gave out, so that no two give out the same,
    whichever of them a dump is from.
    """

    epoch: str
    sent: int
    restores: int


# Whatever restores a database makes another one of it, by one of these: the cluster, the database in it, the table in that,
# or, where a backup was rolled forward, the time line. Only a copy of files that were at rest looks like the original.
_THIS_DATABASE: Final = sa.literal_column(
    "concat_ws('.', (SELECT system_identifier FROM pg_control_system()), "
    "(SELECT oid FROM pg_database WHERE datname = current_database()), 'installation'::regclass::oid, "
    "left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))",
    sa.Text,
)
_COMPARED: Final = sa.func.coalesce(installation.c.compared == _THIS_DATABASE, sa.false())
HIGHEST: Final = sa.func.greatest(
    installation.c.sent, sa.select(sa.func.max(transactions.c.id)).scalar_subquery()
)
"""The highest number of a transaction that may have been sent; 0 if none. Of a statement that reads `installation`."""
COLUMNS: Final = (
    installation.c.epoch,
    HIGHEST.label("highest"),
    installation.c.restores,
    installation.c.compared.is_not(None).label("marked"),
    _COMPARED.label("compared"),
    installation.c.behind,
)
"""What an `InstallationState` is made of, in its order."""


_READ: Final = sa.select(*COLUMNS)
_ELSEWHERE: Final = sa.and_(installation.c.compared.is_not(None), ~_COMPARED)
_UNFIT: Final = sa.select(sa.func.coalesce(installation.c.behind, sa.case((_ELSEWHERE, NOT_COMPARED))))


async def read(db: Db) -> InstallationState:
    """Return the installation."""
    return InstallationState(*(await db.execute(_READ)).one())


async def lock(db: Db) -> InstallationState:
    """Return the installation, and let nobody else change it until the transaction ends; before its other locks."""
    row = (await db.execute(sa.select(*COLUMNS).with_for_update(of=installation))).one()
    return InstallationState(*row)


async def set_behind(db: Db, reason: str) -> None:
    """Give out no address from now on, because the database is or may be behind."""
    await db.execute(sa.update(installation).values(behind=reason))


async def set_compared(db: Db, epoch: str) -> None:
    """Note that this database, of the history `epoch`, is not behind what was sent."""
    usable = sa.or_(installation.c.behind.is_(None), installation.c.behind == NO_MARK)
    here = sa.update(installation).where(installation.c.epoch == epoch, usable)
    await db.execute(here.values(compared=_THIS_DATABASE, behind=None))


async def begin_again(db: Db, begun: Beginning) -> Beginning:
    """Begin another history, of which nothing is given out before `go_on`; returns how it must differ from this database.

    That is the highest number ever sent, and how many times what a history can use is to be left out.
    """
    database = await lock(db)
    sent = max(database.highest, begun.sent)
    values = {"epoch": begun.epoch, "sent": sent, "restores": begun.restores, "behind": UNDER_WAY}
    await db.execute(sa.update(installation).values(values))
    return Beginning(begun.epoch, sent, begun.restores - database.restores)


async def go_on(db: Db, epoch: str) -> None:
    """Give out addresses again, in the history `epoch`."""
    begun = sa.update(installation).where(installation.c.epoch == epoch)
    await db.execute(begun.values(compared=_THIS_DATABASE, behind=None))


async def unfit(db: Db) -> str | None:
    """Say why no address may be given out just now, for NotCurrent; in the transaction that would give it out.

    A database that no sender has ever looked at is a new one.
    """
    reason: str | None = await db.scalar(_UNFIT)
    return reason


# ---------------------------------------------------------------- its seed


async def seed(db: Db, *, changes: bool = False) -> str | None:
    """Return the fingerprint of the seed that the keys come from, None where that is not known yet.

    It stays so until the transaction ends. Who `changes` it waits for all who rely on it.
    """
    known: str | None = await db.scalar(sa.select(installation.c.seed).with_for_update(read=not changes))
    return known


async def set_seed(db: Db, fingerprint: str) -> None:
    """Note which seed the keys come from."""
    await db.execute(sa.update(installation).values(seed=fingerprint))


async def known_keys(db: Db) -> dict[int, str]:
    """Return xpubs that are in use or ready, by account number: the lowest and the highest of both kinds; empty if none."""
    found: dict[int, str] = {}
    for number, xpub in ((accounts.c.id, accounts.c.xpub), (ready_keys.c.number, ready_keys.c.xpub)):
        for order in (number, number.desc()):
            row = (await db.execute(sa.select(number, xpub).order_by(order).limit(1))).first()
            found |= {row[0]: row[1]} if row is not None else {}
    return found
