"""Opening accounts: they are opened, with credits from the treasury where that is asked for, or changed."""

from collections.abc import Mapping, Sequence
from typing import Final

from app.db import Db
from app.domain import accounts, batch, ledger
from app.domain.accounts import Account, AccountOrder
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
    """Put accounts as `accounts.put` does, and top those up that open with something, in the same transaction.

    What a wrong opening is asked for is not opened.
    """
    codes = {code for order in orders for code in order.opening}
    assets = await ledger.assets_by_code(db, codes) if codes else {}
    decided = [_refusal(order, assets) or order for order in orders]
    outcomes = batch.outcomes(decided, await accounts.put(db, batch.accepted(decided), installation.network))
    opened = [
        (order, outcome)
        for order, outcome in zip(orders, outcomes, strict=True)
        if order.opening and isinstance(outcome, Account)
    ]
    if opened:
        await _top_up(db, [top_up for order, account in opened for top_up in _topups(order, account)])
    return outcomes


PUT_ACCOUNT: Final = Command("account", put, plain(accounts.load), accounts.key_of)


async def _top_up(db: Db, top_ups: Sequence[TransferOrder]) -> None:
    for made in await making.make(db, top_ups):
        if isinstance(made, Refusal):
            raise made


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


def _topups(order: AccountOrder, account: Account) -> list[TransferOrder]:
    """One transfer for each credit; an account is opened once, so its number makes their keys."""
    return [
        TransferOrder(
            f"opening:{account.id}:{code}", ISSUER, (Payee(order.foreign_id, amount),), code, kind="TOPUP"
        )
        for code, amount in sorted(order.opening.items())
    ]
