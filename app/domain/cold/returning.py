"""Money that comes back from cold storage: addresses whose deposits are nobody's new money."""

from collections.abc import Sequence
from typing import Final

from app.db import Db
from app.domain import accounts, dogecoin
from app.domain.accounts import AccountOrder
from app.domain.accounts.receiving import lock_branches, write_addresses
from app.domain.audit_log import Audited, Shown
from app.domain.commands import Command, plain
from app.domain.installation import Installation, NotCurrent, why_not_current
from app.domain.refusals import Refusal

PURPOSE: Final = "cold"
"""The purpose of such an address. What comes there is booked against `cold_storage`."""


async def give(db: Db, orders: Sequence[None], installation: Installation) -> list[str | Refusal]:
    """Return a fresh address for each order; the platform's account has its key, and not its money.

    NotCurrent while the next address may be in use already.
    """
    if (reason := await why_not_current(db)) is not None:
        return [NotCurrent(reason=reason) for _ in orders]
    name = installation.platform
    [platform] = await accounts.put(db, [AccountOrder(name, {})], installation.network)
    if isinstance(platform, Refusal):
        return [platform for _ in orders]
    branch = (await lock_branches(db, [name]))[name]
    rows = []
    for _ in orders:
        branch, row = branch.next_address(PURPOSE)
        rows.append(row)
    await write_addresses(db, [branch], rows)
    return [dogecoin.to_address(installation.network, row["script"]) or "" for row in rows]


async def _themselves(_: Db, ids: Sequence[str]) -> dict[str, str]:
    """An address is its own id."""
    return {address: address for address in ids}


def _shown(address: str) -> Shown:
    return {"address": address}


_AUDITED: Final[Audited[None, str]] = Audited(_shown, str)
GIVE_ADDRESS: Final = Command(
    "cold return", give, plain(_themselves), str,
    audited=_AUDITED,
)  # fmt: skip
