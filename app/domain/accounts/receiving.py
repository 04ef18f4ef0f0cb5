"""The receiving branch: an account's next addresses, for invoices and for deposits alike."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.db import Db, Row, bulk
from app.db.tables import accounts, addresses
from app.domain import dogecoin
from app.domain.accounts.account import lock
from app.domain.owner import Owner


class ReceivingBranch(NamedTuple):
    """The branch of an account that is locked, up to its next index."""

    owner: Owner
    xpub: str
    next_index: int

    def next_address(self, purpose: str) -> tuple["ReceivingBranch", Row]:
        """Derive an address; return the branch after it, and the address as a row of `addresses`."""
        index, script = dogecoin.next_script(self.xpub, dogecoin.RECEIVE, self.next_index)
        row = {
            "script": script,
            "account_id": self.owner.id,
            "branch": dogecoin.RECEIVE,
            "index": index,
            "purpose": purpose,
        }
        return self._replace(next_index=index + 1), row


async def lock_branches(db: Db, foreign_ids: Iterable[str]) -> dict[str, ReceivingBranch]:
    """Lock the accounts, by id, and return their receiving branches, by foreign_id."""
    return {
        name: ReceivingBranch(
            Owner(row["id"], name, row["address"], row["state"] == "open"), row["xpub"], row["next_index"]
        )
        for name, row in (await lock(db, list(set(foreign_ids)))).items()
    }


async def write_addresses(db: Db, branches: Iterable[ReceivingBranch], rows: Sequence[Row]) -> None:
    """Write the next indices of the branches, of each as it is last, and the new addresses."""
    if rows:
        next_index = {branch.owner.id: branch.next_index for branch in branches}
        moved = [{"id": account, "next_index": index} for account, index in sorted(next_index.items())]
        await bulk.update(db, accounts, ("id",), moved)
        await bulk.insert(db, addresses, rows)
