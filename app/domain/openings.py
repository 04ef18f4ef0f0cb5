"""Openings: accounts are opened, with credits from the treasury where that is asked for, or changed."""

from collections.abc import Mapping, Sequence
from functools import partial

from app.db import Db
from app.domain import account_things, accounts, assets, transfer_orders
from app.domain.accounts import Account, Wish
from app.domain.assets import Asset, BadAmount, NoSuchAsset
from app.domain.networks import Network
from app.domain.refusals import Invalid, Refusal
from app.domain.transfer_orders import ISSUER, Order, Payee
from app.domain.verbs import Verb
from app.money import DOGE


class NoDogecoin(Invalid):
    """Dogecoin comes from the chain: an account opens with credits only."""


def putting(network: Network) -> Verb[Wish, Account]:
    """Open the accounts that are missing and change the others."""
    return Verb("account", partial(put, network=network), account_things.load, account_things.name)


async def put(db: Db, wishes: Sequence[Wish], network: Network) -> list[Account | Refusal]:
    """Put accounts as `accounts.put` does, and top those up that open with something, in the same transaction.

    What a wrong opening is asked for is not opened.
    """
    codes = {code for wish in wishes for code in wish.opening}
    found = await assets.known(db, codes) if codes else {}
    refused = [_refusal(wish, found) for wish in wishes]
    put = iter(await accounts.put(db, [wish for wish, no in zip(wishes, refused, strict=True) if no is None], network))
    outcomes = [next(put) if no is None else no for no in refused]
    opened = [(w, one) for w, one in zip(wishes, outcomes, strict=True) if w.opening and isinstance(one, Account)]
    if opened:
        await _top_up(db, [order for wish, account in opened for order in _topups(wish, account)])
    return outcomes


async def _top_up(db: Db, orders: Sequence[Order]) -> None:
    for made in await transfer_orders.make(db, orders):
        if isinstance(made, Refusal):
            raise made


def _refusal(wish: Wish, found: Mapping[str, Asset]) -> Refusal | None:
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


def _topups(wish: Wish, account: Account) -> list[Order]:
    """One transfer for each credit; an account is opened once, so its number makes their keys."""
    return [
        Order(f"opening:{account.id}:{code}", ISSUER, (Payee(wish.foreign_id, amount),), code, kind="TOPUP")
        for code, amount in sorted(wish.opening.items())
    ]
