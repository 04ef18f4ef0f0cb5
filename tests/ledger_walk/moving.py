"""Accounts are opened and closed, and money moves between them: transfers of every form, credits, and back again."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from app.domain import accounts, ledger, transfers
from app.domain.accounts import AccountOrder
from app.domain.idempotency import Claim
from app.domain.ledger import NewAsset
from app.domain.refusals import Refusal
from app.domain.transfers import Credit, Payee, ReversalOrder, TransferOrder
from tests.ledger_walk.machine import AMOUNT, ASSETS, MAYBE, NEW, NTH, PART, THERE, WHAT, WHO, Deed, Ground
from tests.ledger_walk.model import PLATFORM

SHARES = st.lists(st.tuples(WHO, AMOUNT), min_size=1, max_size=2)
SANE = st.tuples(
    st.sampled_from(THERE),
    st.tuples(st.tuples(st.sampled_from(THERE), st.integers(1, 250))),
    st.sampled_from(tuple(ASSETS)),
)
"""Refused only on one and the same account, or where the money does not reach."""
TOO_MUCH = 10**9
WANTED = SANE | st.tuples(WHO, SHARES, WHAT)


class Moving(Ground):
    """Rules about money that moves at once."""

    @rule(name=st.sampled_from(MAYBE), opening=st.just({}) | st.dictionaries(WHAT, AMOUNT, max_size=2))
    def open(self, name: str, opening: dict[str, int]) -> None:
        opened = AccountOrder(name, {}, {code: self.given(code, amount) for code, amount in opening.items()})
        self.ask(transfers.PUT_ACCOUNT, Deed(opened, lambda: self.model.open(name, opening)))

    @rule(name=st.sampled_from((*MAYBE, *MAYBE, "ann", "nobody")))
    def close(self, name: str) -> None:
        self.ask(accounts.CLOSE, Deed(name, lambda: self.model.close(name)))

    @rule(code=st.sampled_from((NEW, *ASSETS)), decimals=st.integers(0, 2))
    def make_asset(self, code: str, decimals: int) -> None:
        """The same one again is the one that is there."""
        new = NewAsset(code, code, decimals)
        self.ask(ledger.CREATE_ASSET, Deed(new, lambda: self.model.make_asset(code, decimals)))

    @rule(wanted=WANTED)
    def transfer(self, wanted: Any) -> None:
        self._transfers([wanted], bulk=False)

    @rule(wanted=st.lists(WANTED, min_size=2, max_size=5), bulk=st.booleans())
    def transfer_many(self, wanted: Sequence[Any], *, bulk: bool) -> None:
        """At once, each for itself."""
        self._transfers(wanted, bulk=bulk)

    @rule(wanted=st.lists(st.lists(WANTED, min_size=1, max_size=3), min_size=1, max_size=3))
    def trade(self, wanted: Sequence[Sequence[Any]]) -> None:
        """Of each all or none."""
        self._trades(wanted)

    @rule(order=SANE)
    def break_a_trade(self, order: Any) -> None:
        """Its first half is not done, and does not count for the next."""
        payer, shares, asset = order
        self._trades([[order, (payer, [(name, TOO_MUCH) for name, _ in shares], asset)], [order]])

    @rule(who=WHO, kind=st.sampled_from(("TOPUP", "SPEND", "BONUS")), asset=WHAT, amount=AMOUNT)
    def transact(self, who: str, kind: str, asset: str, amount: int) -> None:
        claim = self.key()
        try:
            order = Credit(who, kind, asset, self.given(asset, amount)).order(claim.key, PLATFORM)
        except Refusal:
            assert self.model.credit(who, kind, asset, amount) is None
            return
        deed = Deed(order, lambda: self.model.credit(who, kind, asset, amount))
        self.ask(transfers.MAKE, deed, claims=[claim])

    @precondition(lambda self: self.model.transfers)
    @rule(wanted=st.lists(st.tuples(NTH, PART), min_size=1, max_size=3))
    def reverse(self, wanted: Sequence[tuple[int, int | None]]) -> None:
        """At once, the same one twice perhaps."""
        known = tuple(self.model.transfers)
        found = [(self.nth(known, n), part) for n, part in wanted]
        deeds = (
            Deed(ReversalOrder(one.id, self.part(one.asset, part)), partial(self.model.reverse, one, part))
            for one, part in found
        )
        self.ask(transfers.REVERSE, *deeds)

    # ------------------------------------------------------------ how

    def _transfers(self, wanted: Sequence[Any], *, bulk: bool) -> None:
        claims = [self.key() for _ in wanted]
        orders = [self._order(claim, *one) for one, claim in zip(wanted, claims, strict=True)]
        deeds = [
            Deed(order, partial(self.model.transfer, *one)) for order, one in zip(orders, wanted, strict=True)
        ]
        self.ask(transfers.MAKE, *deeds, claims=claims, bulk=bulk)

    def _trades(self, wanted: Sequence[Sequence[Any]]) -> None:
        deeds = (
            Deed([self._order(self.key(), *one) for one in orders], partial(self.model.trade, orders))
            for orders in wanted
        )
        self.ask(transfers.MAKE_ATOMIC, *deeds)

    def _order(
        self, claim: Claim, payer: str, shares: Sequence[tuple[str, int]], asset: str
    ) -> TransferOrder:
        payees = tuple(Payee(payee, self.given(asset, amount)) for payee, amount in shares)
        return TransferOrder(claim.key, payer, payees, asset)
