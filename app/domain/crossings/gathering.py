"""The platform has an account in each cell, and gives as one: what it lacks in some, it gets from the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from app.db import Db
from app.domain import accounts, ledger, outbox
from app.domain.commands import Command, plain
from app.domain.crossings import posting
from app.domain.crossings.crossing import Crossing, Placed, enter
from app.domain.crossings.posting import Whole
from app.domain.ledger import Asset, Balance, Bucket, Entry, NoSuchAsset, Posted, Posting, RawAmount
from app.domain.owner import Owner
from app.domain.refusals import Refusal

KIND: Final = "GATHER"


class Gather(NamedTuple):
    """The platform's account at home is about to give so much of an asset, and at best `most`, and is to have it there."""

    asset: str
    amount: RawAmount
    most: RawAmount | None = None


class Gathered(NamedTuple):
    """Whether the platform has `enough` for it in all cells of the request; else nothing came for this.

    `available` is what it has there together, as a decimal text of the asset.
    """

    asset: str
    available: str
    enough: bool


@dataclass(slots=True)
class PlatformFunds:
    """What the platform has of an asset in each cell, and what it is to have in some of them."""

    balances: Mapping[int, Balance]
    targets: dict[int, int] = field(default_factory=dict)

    @property
    def available(self) -> dict[int, int]:
        """What it has in each cell; nowhere less than nothing."""
        return {cell: max(0, balance.available) for cell, balance in self.balances.items()}

    @property
    def total(self) -> int:
        """What it has in all cells."""
        return sum(self.available.values())

    def reserve(self, cell: int, amount: int, most: int) -> bool:
        """Let a cell have so much beside what it is to have anyway, and up to `most`, if there is enough for all."""
        rest = self.total - sum(self.targets.values())
        if cell not in self.balances or amount > rest:
            return False
        self.targets[cell] = self.targets.get(cell, 0) + max(amount, min(most, rest))
        return True

    def changes(self) -> dict[int, int]:
        """Return what cells give (-) and get (+): those who can spare most give first."""
        spare = {cell: has - self.targets.get(cell, 0) for cell, has in self.available.items()}
        changes = {cell: -rest for cell, rest in sorted(spare.items()) if rest < 0}
        lacking = sum(changes.values())
        for cell, rest in sorted(spare.items(), key=lambda pair: -pair[1]):
            part = min(rest, lacking)
            if part > 0:
                changes[cell] = -part
                lacking -= part
        return changes


async def gather(crossing: Crossing, placed: Sequence[Placed[Gather]]) -> list[Gathered | Refusal]:
    """Bring to each request's home what the platform lacks for it, in order, as far as what it has in all cells goes."""
    platform = crossing.installations[0].platform
    owners = await accounts_named(crossing, {cell for _, cells in placed for cell in cells}, platform)
    assets = await ledger.assets_by_code(crossing.db, {order.asset for order, _ in placed})
    by_asset = await lock(crossing, owners, sorted(assets))
    enough = [
        each.request.asset in by_asset and _reserve(each, assets[each.request.asset], by_asset)
        for each in placed
    ]
    await move(crossing, owners, by_asset)
    return [
        Gathered(order.asset, assets[order.asset].show(by_asset[order.asset].total), has)
        if order.asset in by_asset
        else NoSuchAsset(code=order.asset)
        for (order, _), has in zip(placed, enough, strict=True)
    ]


def _reserve(each: Placed[Gather], asset: Asset, by_asset: Mapping[str, PlatformFunds]) -> bool:
    _, amount, most = each.request
    least = asset.parse(amount)
    return by_asset[asset.code].reserve(each.home, least, least if most is None else asset.parse(most))


async def accounts_named(crossing: Crossing, cells: Iterable[int], name: str) -> dict[int, Owner]:
    """Return the platform's accounts, by cell; a cell may have none."""
    owners: dict[int, Owner] = {}
    for cell in sorted(cells):
        known = await accounts.owners(await enter(crossing, cell), [name])
        owners |= {cell: known[name]} if name in known else {}
    return owners


async def lock(
    crossing: Crossing, owners: Mapping[int, Owner], assets: Sequence[str]
) -> dict[str, PlatformFunds]:
    """Lock the platform's balances, cell by cell; return what it has, by asset."""
    balances: dict[str, dict[int, Balance]] = {asset: {} for asset in assets}
    for cell, owner in sorted(owners.items()):
        locked = await ledger.lock(await enter(crossing, cell), [(owner.id, asset) for asset in assets])
        for (_, asset), balance in locked.items():
            balances[asset][cell] = balance
    return {asset: PlatformFunds(of_asset) for asset, of_asset in balances.items()}


async def move(
    crossing: Crossing, owners: Mapping[int, Owner], by_asset: Mapping[str, PlatformFunds]
) -> None:
    """Move between the platform's accounts, whose balances are locked, until each has what it is to have."""
    wholes = [_whole(owners, asset, funds) for asset, funds in by_asset.items() if funds.changes()]
    outcomes, pending = await posting.decide(crossing, wholes)
    posted = [outcome for outcome in outcomes if isinstance(outcome, Posted)]
    if len(posted) < len(outcomes):
        raise AssertionError(outcomes)  # the balances are locked: the ledger is wrong
    events = outbox.balance_changes(owners.values(), [line for entry in posted for line in entry.lines])
    await posting.write(crossing, pending, [events], {owner.id: owner for owner in owners.values()})


def _whole(owners: Mapping[int, Owner], asset: str, funds: PlatformFunds) -> Whole:
    """Return the entry of what moves, those who give first. Its home is a cell that gets."""
    changes = sorted(funds.changes().items(), key=lambda change: change[1])
    home, _ = changes[-1]
    number = owners[home].id
    key = f"gather:{number}:{asset}:{funds.balances[home].seq}"
    lines = tuple(Posting(owners[cell].id, Bucket.AVAILABLE, amount, asset) for cell, amount in changes)
    return Whole(Entry(KIND, ("platform", str(number)), key, lines), home)


async def _in_one_cell(_: Db, orders: Sequence[Gather]) -> list[Gathered | Refusal]:
    return [Gathered(order.asset, "0", enough=False) for order in orders]


async def _load(_: Db, ids: Sequence[str]) -> dict[str, Gathered]:
    return {text: Gathered(text, "0", enough=False) for text in ids}


GATHER: Final = Command("gather", plain(_in_one_cell), plain(_load), lambda gathered: gathered.asset)
"""It takes no idempotency key: asked again, it moves only what is lacking then."""
