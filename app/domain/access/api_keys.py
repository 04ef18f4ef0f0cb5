"""API keys: made, found by their numbers, revoked, and when they were last used.

A key is 256 random bits, and only its SHA-256 is stored. A slow hash protects words that people choose, because
those can be guessed; nobody guesses 256 random bits, so the fast hash is as good, and each request affords it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import NOW, STATEMENT_NOW, api_keys
from app.domain import pages
from app.domain.access import key_payees, scopes
from app.domain.access.reach import Reach
from app.domain.audit_log import Audited, Shown
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.pages import Page, PageRequest
from app.domain.refusals import Conflict, Invalid, NotFound, Refusal
from app.money import Koinu, show

KEYS: Final = 10_000
"""The most keys that are not revoked: each can be held in memory."""
MOST_ACCOUNTS: Final = 100
"""The most accounts that a key names; a prefix reaches more."""
NOTED_EVERY: Final = timedelta(minutes=1)
"""How often it is written that a key is in use."""


class NoSuchKey(NotFound):
    """There is no key {id}."""


class TooManyKeys(Conflict):
    """There are {count} keys already: revoke one that is not needed."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be made: the SHA-256 of its secret, and what it opens. `expires` None: never.

    `requests_per_second` None: as many as the settings say. `limits` are those of its payments, by column; `payees`
    are the addresses that it may pay, None: all.
    """

    digest: bytes = field(repr=False)
    scopes: frozenset[str]
    reach: Reach = field(default_factory=Reach)
    description: str = ""
    expires: datetime | None = None
    requests_per_second: int | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    payees: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what opens nothing, or would open more than it says."""
        scopes.checked(self.scopes)
        if self.reach.names and self.reach.prefix:
            raise Invalid(reason="A key names accounts or a prefix of theirs, not both.", field="prefix")
        if len(self.reach.names) > MOST_ACCOUNTS:
            raise Invalid(reason=f"A key names at most {MOST_ACCOUNTS} accounts.", field="accounts")
        if self.reach.limited and scopes.ADMIN in self.scopes:
            raise Invalid(
                reason="The scope admin is for all accounts: name no accounts and no prefix.", field="scopes"
            )


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key. `digest` is the SHA-256 of its secret, `now` the database's time when this was read."""

    id: int
    digest: bytes = field(repr=False)
    scopes: frozenset[str]
    reach: Reach
    description: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    revoked: datetime | None
    requests_per_second: int | None
    per_payment: Koinu
    per_day: Koinu
    approve_above: Koinu
    only_payees: bool
    payee_delay_seconds: int
    now: datetime

    @staticmethod
    def number_in(caller: str) -> int | None:
        """Return the number in the name of a caller who holds a key; None: another caller."""
        kind, _, number = caller.partition(":")
        return int(number) if kind == "key" else None

    @property
    def state(self) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= self.now else "active"


async def create(db: Db, new: NewKey) -> ApiKey | Refusal:
    """Store a key. One that would have ended already is refused."""
    if (await db.scalar(_COUNT) or 0) >= KEYS:
        return TooManyKeys(count=KEYS)
    if new.expires is not None and new.expires <= (await db.execute(sa.select(NOW))).scalar_one():
        return Invalid(reason="expires must be later than now.", field="expires")
    values = {
        "digest": new.digest,
        "scopes": sorted(new.scopes),
        "accounts": sorted(new.reach.names),
        "prefix": new.reach.prefix,
        "description": new.description,
        "expires": new.expires,
        "requests_per_second": new.requests_per_second,
        "only_payees": new.payees is not None,
        **new.limits,
    }
    key_id = await db.scalar(sa.insert(api_keys).values(values).returning(api_keys.c.id))
    await key_payees.put(db, key_id or 0, new.payees or ())
    return await fetch(db, key_id or 0)


async def limit(db: Db, key_id: int, limits: Mapping[str, int], payees: Sequence[str] | None) -> None:
    """Give a key other limits, by column, in place of those before; its row is locked."""
    values = {**limits, "only_payees": payees is not None}
    await db.execute(sa.update(api_keys).where(api_keys.c.id == key_id).values(values))
    await key_payees.put(db, key_id, payees or ())


async def lock(db: Db, ids: Collection[int]) -> None:
    """Lock the keys, in the order of their ids, as payments do that they ask for."""
    wanted = api_keys.c.id == sa.any_(sa.literal(sorted(ids), bulk.BIGINTS))
    locked = sa.select(api_keys.c.id).where(wanted).order_by(api_keys.c.id)
    await db.execute(locked.with_for_update(key_share=True))


async def _create_all(db: Db, orders: Sequence[NewKey]) -> list[ApiKey | Refusal]:
    return [await create(db, new) for new in orders]


async def revoke(db: Db, key_id: int) -> ApiKey | Refusal:
    """End a key for good; one that has ended stays as it is."""
    lasting = sa.and_(api_keys.c.id == key_id, api_keys.c.revoked.is_(None))
    await db.execute(sa.update(api_keys).where(lasting).values(revoked=STATEMENT_NOW))
    keys = await by_ids(db, [str(key_id)])
    return keys.get(str(key_id)) or NoSuchKey(id=key_id, field="id")


async def _revoke_all(db: Db, ids: Sequence[int]) -> list[ApiKey | Refusal]:
    return [await revoke(db, key_id) for key_id in ids]


async def by_ids(db: Db, ids: Collection[str]) -> dict[str, ApiKey]:
    """Return the keys that exist of these, by their ids as text."""
    wanted = sa.literal([int(text) for text in ids], bulk.BIGINTS)
    rows = await bulk.fetch_all(db, _SELECT.where(api_keys.c.id == sa.any_(wanted)))
    return {str(row["id"]): _key(row) for row in rows}


def _id(key: ApiKey) -> str:
    return str(key.id)


async def _before(db: Db, ids: Sequence[int], _: Installation) -> list[Shown | None]:
    """Lock the keys, and return them as they are."""
    wanted = _SELECT.where(api_keys.c.id == sa.any_(sa.literal(list(ids), bulk.BIGINTS)))
    rows = await bulk.fetch_all(db, wanted.order_by(api_keys.c.id).with_for_update(key_share=True))
    known = {row["id"]: key_shown(_key(row)) for row in rows}
    return [known.get(key_id) for key_id in ids]


def key_shown(key: ApiKey) -> dict[str, Any]:
    """Return the key as the API shows it: never its secret."""
    return {
        "id": key.id,
        "scopes": sorted(key.scopes),
        "accounts": sorted(key.reach.names),
        "prefix": key.reach.prefix,
        "description": key.description,
        "state": key.state,
        "requests_per_second": key.requests_per_second,
        **{name: show(getattr(key, name)) for name in ("per_payment", "per_day", "approve_above")},
        "only_payees": key.only_payees,
        "payee_delay_seconds": key.payee_delay_seconds,
        "expires": key.expires and key.expires.isoformat(),
        "last_used": key.last_used and key.last_used.isoformat(),
        "created": key.created.isoformat(),
    }


_AUDITED: Final[Audited[NewKey, ApiKey]] = Audited(key_shown, _id)
CREATE: Final = Command("key", plain(_create_all), plain(by_ids), _id, audited=_AUDITED)
REVOKE: Final = Command(
    "key-revoke", plain(_revoke_all), plain(by_ids), _id, audited=Audited(key_shown, _id, _before)
)


async def fetch(db: Db, key_id: int) -> ApiKey:
    """Return the key, or raise NoSuchKey."""
    keys = await by_ids(db, [str(key_id)])
    if not keys:
        raise NoSuchKey(id=key_id, field="id")
    return keys[str(key_id)]


async def page(db: Db, request: PageRequest[int]) -> Page[ApiKey, int]:
    """Return a page of the keys, newest first, those that have ended too."""
    before = api_keys.c.id < request.after_or(pages.BEHIND_IDS)
    newest = _SELECT.where(before).order_by(api_keys.c.id.desc()).limit(request.rows)
    return request.page([_key(row) for row in await bulk.fetch_all(db, newest)], lambda key: key.id)


async def usable_exists(db: Db) -> bool:
    """Say whether there is any key that opens something."""
    ends_later = sa.or_(api_keys.c.expires.is_(None), api_keys.c.expires > NOW)
    return bool(await db.scalar(sa.select(sa.exists().where(api_keys.c.revoked.is_(None), ends_later))))


async def note_uses(db: Db, ids: Collection[int]) -> None:
    """Write that these keys are in use now, where that was not written in the last minute."""
    used = sa.literal(sorted(ids), bulk.BIGINTS)
    before = sa.or_(api_keys.c.last_used.is_(None), api_keys.c.last_used < STATEMENT_NOW - NOTED_EVERY)
    stale = sa.select(api_keys.c.id).where(api_keys.c.id == sa.any_(used), before).order_by(api_keys.c.id)
    stale = stale.with_for_update(key_share=True, skip_locked=True)
    await db.execute(sa.update(api_keys).where(api_keys.c.id.in_(stale)).values(last_used=STATEMENT_NOW))


async def rename(db: Db, old: str, new: str) -> None:
    """Let keys that name the account `old` name it `new`."""
    naming = (
        sa.select(api_keys.c.id)
        .where(sa.literal(old, sa.Text) == sa.any_(api_keys.c.accounts))
        .order_by(api_keys.c.id)
    )
    ids = (await db.scalars(naming.with_for_update(key_share=True))).all()
    renamed = sa.func.array_replace(api_keys.c.accounts, old, new)
    await db.execute(sa.update(api_keys).where(api_keys.c.id.in_(ids)).values(accounts=renamed))


_COLUMNS: Final = (*api_keys.c, NOW.label("now"))
_SELECT: Final = sa.select(*_COLUMNS)
_COUNT: Final = sa.select(sa.func.count()).select_from(api_keys).where(api_keys.c.revoked.is_(None))
_COMPOSED: Final = ("scopes", "reach")


def _key(row: Row) -> ApiKey:
    plain_columns = {name: row[name] for name in ApiKey.__slots__ if name not in _COMPOSED}
    reach = Reach(frozenset(row["accounts"]), row["prefix"])
    return ApiKey(scopes=frozenset(row["scopes"]), reach=reach, **plain_columns)
