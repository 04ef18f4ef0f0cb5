"""A hold: money of an account that is set aside until the hold is released, captured, converted, or expires.

How holds are placed, found, locked and written, and their events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db, Prepared, ReadDb, Row, bulk
from app.db.tables import NOW, holds
from app.db.tables import accounts as account_rows
from app.db.tables import assets as asset_rows
from app.domain import accounts, batch, ledger, pages, transfers
from app.domain.access import Reach
from app.domain.commands import Command, plain
from app.domain.ledger import Asset, Bucket, Entry, NoSuchAsset, Posting, RawAmount
from app.domain.owner import Owner, find_open
from app.domain.pages import Page, PageRequest
from app.domain.queries import Query
from app.domain.refusals import Conflict, NotFound, Refusal
from app.domain.transfers import AccountEvent, EntryGroup

AVAILABLE, HELD = Bucket.AVAILABLE, Bucket.HELD
LONGEST_SECONDS: Final = 10 * 366 * 24 * 3600
"""The longest time after which a hold may expire. A hold without such a time never expires."""


class NoSuchHold(NotFound):
    """There is no hold {id}."""


class HoldOver(Conflict):
    """The hold {id} is {state}: nothing of it is held any more."""


class AboveHold(Conflict):
    """The hold {id} has {left} left, and {amount} were asked for."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as it is now, in the asset's smallest unit. `movements` counts the entries that took from it."""

    owner: Owner
    id: int
    asset: Asset
    amount: int
    remaining: int
    captured: int
    state: str
    movements: int
    reference: tuple[str, str]
    expires: datetime | None
    created: datetime

    def over(self, now: datetime | None) -> HoldOver | None:
        """Refuse where nothing is held any more, or its time is over though it was not expired yet."""
        late = self.expires is not None and now is not None and self.expires <= now
        if self.state == "HELD" and not late:
            return None
        return HoldOver(id=self.id, state="EXPIRED" if self.state == "HELD" else self.state, field="id")

    def amount_of(self, amount: RawAmount | None) -> int | Refusal:
        """Read an amount of it, None for all that remains; refuse one that is too large or none."""
        parsed = self.remaining if amount is None else ledger.parse_amount(self.asset, amount)
        return parsed if isinstance(parsed, Refusal) else self.above(parsed) or parsed

    def above(self, amount: int) -> AboveHold | None:
        """Refuse more than remains."""
        if amount <= self.remaining:
            return None
        remaining = self.asset.show(self.remaining)
        return AboveHold(id=self.id, left=remaining, amount=self.asset.show(amount), field="amount")

    def give_back(self, amount: int, state: str) -> tuple["Hold", Entry]:
        """Return the hold with `amount` less, and the entry. Once nothing remains it is in `state`."""
        kind = "HOLD_EXPIRED" if state == "EXPIRED" else "HOLD_RELEASE"
        return self._reduce(kind, amount, self.owner, state)

    def capture(self, amount: int, payee: Owner) -> tuple["Hold", Entry]:
        """Return the hold with `amount` captured, and the entry that gives it to the payee."""
        after, entry = self._reduce("HOLD_CAPTURE", amount, payee, "CAPTURED")
        return replace(after, captured=self.captured + amount), entry

    def entry(self, kind: str, postings: tuple[Posting, ...]) -> Entry:
        """Return an entry of this hold. Its key has its number, so that it is posted once."""
        key = f"hold:{self.id}:{self.movements}"
        return Entry(kind, ("hold", str(self.id)), key, postings, self.reference)

    def _reduce(self, kind: str, amount: int, to: Owner, state: str) -> tuple["Hold", Entry]:
        rest = self.remaining - amount
        after = replace(
            self, remaining=rest, movements=self.movements + 1, state=self.state if rest else state
        )
        code = self.asset.code
        postings = (Posting(self.owner.id, HELD, -amount, code), Posting(to.id, AVAILABLE, amount, code))
        return after, after.entry(kind, postings)


@dataclass(frozen=True, slots=True)
class NewHold:
    """A hold to be placed, for `seconds` (None: until it is released or captured)."""

    foreign_id: str
    asset: str
    amount: RawAmount
    seconds: int | None = None
    reference: tuple[str, str] = ("", "")


async def place(db: Db, orders: Sequence[NewHold]) -> list[Hold | Refusal]:
    """Place holds, in order, as far as each account's money goes."""
    owners = await accounts.owners(db, [order.foreign_id for order in orders])
    assets = await ledger.assets_by_code(db, [order.asset for order in orders])
    now: datetime = (await db.execute(sa.select(NOW))).scalar_one()
    ids = await bulk.new_ids(db, holds, len(orders))
    decided = [
        _new(number, order, owners, assets.get(order.asset), now)
        for number, order in zip(ids, orders, strict=True)
    ]
    accepted = batch.accepted(decided)
    refusals = await transfers.post_groups(db, [_set_aside(hold) for hold in accepted])
    placed = [refusal or hold for refusal, hold in zip(refusals, accepted, strict=True)]
    if rows := [_row(hold) for hold in batch.accepted(placed)]:
        await bulk.insert(db, holds, rows)
    return batch.outcomes(decided, placed)


async def fetch_many(db: ReadDb, ids: Sequence[int]) -> list[Hold | Refusal]:
    """Return the holds, in order; NoSuchHold where there is none."""
    known = {row["id"]: of(row) for row in await bulk.fetch_all(db, _PREPARED, {"ids": ids})}
    return [known.get(hold_id) or NoSuchHold(id=hold_id, field="id") for hold_id in ids]


FETCH: Final = Query("hold", plain(fetch_many))
"""A hold, by its id."""


def within(hold: Hold, reach: Reach) -> Hold:
    """Return the hold, or refuse with NoSuchHold where its account is beyond reach."""
    if not reach.covers(hold.owner.foreign_id):
        raise NoSuchHold(id=hold.id, field="id")
    return hold


async def page(db: Db, foreign_id: str, request: PageRequest[int], state: str = "") -> Page[Hold, int]:
    """Return a page of the account's holds, newest first; only those in `state`, where that is not empty."""
    account = await accounts.fetch(db, foreign_id)
    same: dict[str, int | str] = {"account_id": account.id} | ({"state": state} if state else {})
    columns = [holds.c[name] for name in (*same, "id")]
    before = request.after_or(pages.BEHIND_IDS)
    ids = pages.newest(sa.select(holds.c.id), columns, [*same.values()], before, request.rows)
    statement = SELECT.where(bulk.among(holds.c.id, ids)).order_by(holds.c.id.desc())
    return request.page([of(row) for row in await bulk.fetch_all(db, statement)], lambda hold: hold.id)


async def by_ids(db: Db, ids: Sequence[str]) -> dict[str, Hold]:
    """Return the holds that exist of these, by id."""
    rows = await bulk.fetch_all(db, _BY_IDS, {"ids": [int(text) for text in ids]})
    return {str(row["id"]): of(row) for row in rows}


PLACE: Final = Command("hold", plain(place), plain(by_ids), lambda hold: str(hold.id))


async def lock(db: Db, ids: Sequence[int]) -> dict[int, Hold]:
    """Lock the holds that exist of these, in the order of their ids."""
    rows = await bulk.fetch_all(db, _LOCK, {"ids": sorted(set(ids))}) if ids else []
    return {row["id"]: of(row) for row in rows}


async def clock(db: Db, locked: Mapping[int, Hold]) -> datetime | None:
    """Return the database's time once the holds are locked; None where none of them can expire."""
    return await db.scalar(sa.select(NOW)) if any(hold.expires for hold in locked.values()) else None


async def write(db: Db, changed: Sequence[Hold]) -> None:
    """Write these holds, which are locked."""
    if changed:
        columns = ("remaining", "captured", "state", "movements")
        rows = [
            {"account_id": hold.owner.id, "id": hold.id, **{name: getattr(hold, name) for name in columns}}
            for hold in changed
        ]
        await bulk.update(db, holds, ("account_id", "id"), rows)


SELECT: Final = (
    sa.select(
        holds,
        account_rows.c.foreign_id,
        account_rows.c.address,
        (account_rows.c.state == "open").label("open"),
        *ledger.ASSET_COLUMNS,
    )
    .join(account_rows, account_rows.c.id == holds.c.account_id)
    .join(asset_rows, asset_rows.c.code == holds.c.asset)
)
_BY_IDS: Final = SELECT.where(holds.c.id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)))
_PREPARED: Final = Prepared(_BY_IDS)
_LOCK: Final = _BY_IDS.order_by(holds.c.id).with_for_update(key_share=True, of=holds)


def of(row: Row) -> Hold:
    """Read a row of `SELECT`."""
    plain = {name: row[name] for name in Hold.__slots__ if name not in ("owner", "asset", "reference")}
    return Hold(
        owner=Owner(row["account_id"], row["foreign_id"], row["address"], row["open"]),
        asset=ledger.asset_of(row),
        reference=(row["reference_type"], row["reference"]),
        **plain,
    )


def _new(
    number: int, order: NewHold, owners: Mapping[str, Owner], asset: Asset | None, now: datetime
) -> Hold | Refusal:
    owner = find_open(owners, order.foreign_id, "foreign_id")
    if isinstance(owner, Refusal):
        return owner
    if asset is None:
        return NoSuchAsset(code=order.asset)
    amount = ledger.parse_amount(asset, order.amount)
    if isinstance(amount, Refusal):
        return amount
    expires = None if order.seconds is None else now + timedelta(seconds=order.seconds)
    return Hold(owner, number, asset, amount, amount, 0, "HELD", 0, order.reference, expires, now)


def _set_aside(hold: Hold) -> EntryGroup:
    code, account = hold.asset.code, hold.owner.id
    postings = (Posting(account, AVAILABLE, -hold.amount, code), Posting(account, HELD, hold.amount, code))
    entry = hold.entry("HOLD", postings)
    return EntryGroup(hold.asset, (entry,), (created(hold),), alone=True)


def _row(hold: Hold) -> dict[str, Any]:
    reference_type, reference = hold.reference
    names = ("id", "amount", "remaining", "captured", "state", "movements", "expires", "created")
    return {
        "account_id": hold.owner.id,
        "asset": hold.asset.code,
        "reference_type": reference_type,
        "reference": reference,
        **{name: getattr(hold, name) for name in names},
    }


def shown(hold: Hold) -> dict[str, Any]:
    """Return the hold as the API and events show it."""
    return {
        "id": hold.id,
        "foreign_id": hold.owner.foreign_id,
        "asset": hold.asset.code,
        "amount": hold.asset.show(hold.amount),
        "remaining": hold.asset.show(hold.remaining),
        "captured": hold.asset.show(hold.captured),
        "state": hold.state,
        "reference_type": hold.reference[0],
        "reference": hold.reference[1],
        "expires": hold.expires and hold.expires.isoformat(),
        "created": hold.created.isoformat(),
    }


def created(hold: Hold) -> AccountEvent:
    """Return HOLD_CREATED."""
    return _of(hold, hold.owner, "HOLD_CREATED", hold.amount)


def released(hold: Hold, amount: int) -> AccountEvent:
    """Return HOLD_RELEASED: `amount` went back; some may remain."""
    return _of(hold, hold.owner, "HOLD_RELEASED", amount)


def expired(hold: Hold, amount: int) -> AccountEvent:
    """Return HOLD_EXPIRED: what remained, `amount`, went back."""
    return _of(hold, hold.owner, "HOLD_EXPIRED", amount)


def captured(hold: Hold, payee: Owner, amount: int) -> tuple[AccountEvent, AccountEvent]:
    """Return HOLD_CAPTURED for the hold's account and for the payee."""
    payer = _of(hold, hold.owner, "HOLD_CAPTURED", amount, payee)
    return payer, payer._replace(owner=payee)


def _of(hold: Hold, owner: Owner, event: str, amount: int, payee: Owner | None = None) -> AccountEvent:
    message: dict[str, Any] = {"amount": hold.asset.show(amount)}
    if payee is not None:
        message |= {"from": owner.foreign_id, "to": payee.foreign_id}
    return AccountEvent(owner, event, message | {"hold": shown(hold)})
