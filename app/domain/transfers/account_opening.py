"""Openings: accounts are opened, with credits from the treasury where that is asked for, or changed."""

from collections.abc import Mapping, Sequence
from functools import partial

from app.db import Db
from app.domain import accounts, ledger
from app.domain.accounts import Account, AccountOrder
from app.domain.commands import Command
from app.domain.dogecoin import Network
from app.domain.ledger import Asset, BadAmount, NoSuchAsset
from app.domain.refusals import Invalid, Refusal
from app.domain.transfers import making
from app.domain.transfers.making import ISSUER, Payee, TransferOrder
from app.money import DOGE


class NoDogecoin(Invalid):
    """Dogecoin comes from the chain: an account opens with credits only."""


def putting(network: Network) -> Command[AccountOrder, Account]:
    """Open the accounts that are missing and change the others."""
    return Command("account", partial(put, network=network), accounts.load, accounts.name)


async def put(db: Db, wishes: Sequence[AccountOrder], network: Network) -> list[Account | Refusal]:
    """Put accounts as `accounts.put` does, and top those up that open with something, in the same transaction.

    What a wrong opening is asked for is not opened.
    """
    codes = {code for wish in wishes for code in wish.opening}
    found = await ledger.known(db, codes) if codes else {}
    refused = [_refusal(wish, found) for wish in wishes]
    put = iter(await accounts.put(db, [wish for wish, no in zip(wishes, refused, strict=True) if no is None], network))
    outcomes = [next(put) if no is None else no for no in refused]
    opened = [(w, one) for w, one in zip(wishes, outcomes, strict=True) if w.opening and isinstance(one, Account)]
    if opened:
        await _top_up(db, [order for wish, account in opened for order in _topups(wish, account)])
    return outcomes


async def _top_up(db: Db, orders: Sequence[TransferOrder]) -> None:
    for made in await making.make(db, orders):
        if isinstance(made, Refusal):
            raise made


def _refusal(wish: AccountOrder, found: Mapping[str, Asset]) -> Refusal | None:
    for code, amount in wish.opening.items():
        field = f"opening.{code}"
        if code == DOGE:
            return NoDogecoin(field=field)
        if code not in found:
            return NoSuchAsset(code=code, field=field)
        try:
            found[code].parse(amount, field)
        except BadAmount as refusal:
            return refusal
    return None


def _topups(wish: AccountOrder, account: Account) -> list[TransferOrder]:
    """One transfer for each credit; an account is opened once, so its number makes their keys."""
    return [
        TransferOrder(f"opening:{account.id}:{code}", ISSUER, (Payee(wish.foreign_id, amount),), code, kind="TOPUP")
        for code, amount in sorted(wish.opening.items())
    ]
