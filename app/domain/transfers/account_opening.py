"""Opening accounts with credits from the treasury."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.db import Db
from app.domain import accounts, batch, ledger
from app.domain.accounts import Account, AccountOrder
from app.domain.audit_log import Audited
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.ledger import Asset, BadAmount, NoSuchAsset
from app.domain.refusals import Invalid, Refusal
from app.domain.transfers import making
from app.domain.transfers.making import ISSUER, Payee, TransferOrder
from app.money import DOGE


class NoDogecoin(Invalid):
    """Dogecoin comes from the chain: an account opens with credits only."""


async def put(db: Db, orders: Sequence[AccountOrder], installation: Installation) -> list[Account | Refusal]:
    """Open or change accounts as `accounts.put` does, and give new ones their openings.

    An account with a wrong opening is not opened.
    """
    codes = {code for order in orders for code in order.opening}
    assets = await ledger.assets_by_code(db, codes) if codes else {}
    decided = [_refusal(order, assets) or order for order in orders]
    outcomes = batch.outcomes(decided, await accounts.put(db, batch.accepted(decided), installation.network))
    pairs = zip(orders, outcomes, strict=True)
    opened = [(order, account) for order, account in pairs if order.opening and isinstance(account, Account)]
    if opened:
        await _make(db, [top_up for order, account in opened for top_up in _top_ups(order, account)])
    return outcomes


async def _before(db: Db, orders: Sequence[AccountOrder], _: Installation) -> list[dict[str, Any] | None]:
    return await accounts.lock_shown(db, [order.foreign_id for order in orders])


PUT_ACCOUNT: Final = Command(
    "account", put, plain(accounts.load), accounts.key_of,
    audited=Audited(
        accounts.account_shown, lambda account: account.foreign_id, _before, only_changes=True
    ),
)  # fmt: skip


async def _make(db: Db, top_ups: Sequence[TransferOrder]) -> None:
    for outcome in await making.make(db, top_ups):
        if isinstance(outcome, Refusal):
            raise outcome


def _refusal(order: AccountOrder, assets: Mapping[str, Asset]) -> Refusal | None:
    for code, amount in order.opening.items():
        field = f"opening.{code}"
        if code == DOGE:
            return NoDogecoin(field=field)
        if code not in assets:
            return NoSuchAsset(code=code, field=field)
        try:
            assets[code].parse(amount, field)
        except BadAmount as refusal:
            return refusal
    return None


def _top_ups(order: AccountOrder, account: Account) -> list[TransferOrder]:
    """Return one transfer for each credit. An account is opened once, so its number is in their keys."""
    return [
        TransferOrder(
            f"opening:{account.id}:{code}", ISSUER, (Payee(order.foreign_id, amount),), code, kind="TOPUP"
        )
        for code, amount in sorted(order.opening.items())
    ]
