"""Rules: accounts are opened and closed, and money moves: transfers of every form, credits, reversals."""

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
from tests.ledger_walk.machine import (
    ACCOUNT,
    AMOUNT,
    ASSET,
    ASSETS,
    FUNDED,
    INDEX,
    NEW_ASSET,
    OTHERS,
    PART,
    Attempt,
    LedgerMachine,
)
from tests.ledger_walk.model import PLATFORM

SHARES = st.lists(st.tuples(ACCOUNT, AMOUNT), min_size=1, max_size=2)
SANE = st.tuples(
    st.sampled_from(FUNDED),
    st.tuples(st.tuples(st.sampled_from(FUNDED), st.integers(1, 250))),
    st.sampled_from(tuple(ASSETS)),
)
"""Refused only if payer and payee are the same, or the payer lacks the money."""
UNREACHABLE = 10**9
TERMS = SANE | st.tuples(ACCOUNT, SHARES, ASSET)


class TransferRules(LedgerMachine):
    """Rules about accounts and transfers."""

    @rule(name=st.sampled_from(OTHERS), opening=st.just({}) | st.dictionaries(ASSET, AMOUNT, max_size=2))
    def open(self, name: str, opening: dict[str, int]) -> None:
        opened = AccountOrder(name, {}, {code: self.shown(code, amount) for code, amount in opening.items()})
        self.submit(transfers.PUT_ACCOUNT, Attempt(opened, lambda: self.model.open(name, opening)))

    @rule(name=st.sampled_from((*OTHERS, *OTHERS, "ann", "nobody")))
    def close(self, name: str) -> None:
        self.submit(accounts.CLOSE, Attempt(name, lambda: self.model.close(name)))

    @rule(code=st.sampled_from((NEW_ASSET, *ASSETS)), decimals=st.integers(0, 2))
    def make_asset(self, code: str, decimals: int) -> None:
        """An asset that exists with the same terms is returned."""
        new = NewAsset(code, code, decimals)
        self.submit(ledger.CREATE_ASSET, Attempt(new, lambda: self.model.make_asset(code, decimals)))

    @rule(drawn=TERMS)
    def transfer(self, drawn: Any) -> None:
        self._transfers([drawn], bulk=False)

    @rule(drawn=st.lists(TERMS, min_size=2, max_size=5), bulk=st.booleans())
    def transfer_many(self, drawn: Sequence[Any], *, bulk: bool) -> None:
        """At once, each for itself."""
        self._transfers(drawn, bulk=bulk)

    @rule(drawn=st.lists(st.lists(TERMS, min_size=1, max_size=3), min_size=1, max_size=3))
    def transfer_together(self, drawn: Sequence[Sequence[Any]]) -> None:
        """Each group as a whole or not at all."""
        self._groups(drawn)

    @rule(order=SANE)
    def break_a_group(self, order: Any) -> None:
        """The first half of the group is not made, and does not count for the next group."""
        payer, shares, asset = order
        self._groups([[order, (payer, [(name, UNREACHABLE) for name, _ in shares], asset)], [order]])

    @rule(account=ACCOUNT, kind=st.sampled_from(("TOPUP", "SPEND", "BONUS")), asset=ASSET, amount=AMOUNT)
    def credit(self, account: str, kind: str, asset: str, amount: int) -> None:
        claim = self.key()
        try:
            order = Credit(account, kind, asset, self.shown(asset, amount)).order(claim.key, PLATFORM)
        except Refusal:
            assert self.model.credit(account, kind, asset, amount) is None
            return
        attempt = Attempt(order, lambda: self.model.credit(account, kind, asset, amount))
        self.submit(transfers.MAKE, attempt, claims=[claim])

    @precondition(lambda self: self.model.transfers)
    @rule(drawn=st.lists(st.tuples(INDEX, PART), min_size=1, max_size=3))
    def reverse(self, drawn: Sequence[tuple[int, int | None]]) -> None:
        """At once, perhaps one transfer twice."""
        transfers_now = tuple(self.model.transfers)
        chosen = [(self.nth(transfers_now, index), part) for index, part in drawn]
        attempts = (
            Attempt(
                ReversalOrder(transfer.id, self.part(transfer.asset, part)),
                partial(self.model.reverse, transfer, part),
            )
            for transfer, part in chosen
        )
        self.submit(transfers.REVERSE, *attempts)

    # ------------------------------------------------------------ used by the rules

    def _transfers(self, drawn: Sequence[Any], *, bulk: bool) -> None:
        claims = [self.key() for _ in drawn]
        attempts = [
            Attempt(self._order(claim, *terms), partial(self.model.transfer, *terms))
            for terms, claim in zip(drawn, claims, strict=True)
        ]
        self.submit(transfers.MAKE, *attempts, claims=claims, bulk=bulk)

    def _groups(self, drawn: Sequence[Sequence[Any]]) -> None:
        attempts = (
            Attempt(
                [self._order(self.key(), *terms) for terms in orders], partial(self.model.make_atomic, orders)
            )
            for orders in drawn
        )
        self.submit(transfers.MAKE_ATOMIC, *attempts)

    def _order(
        self, claim: Claim, payer: str, shares: Sequence[tuple[str, int]], asset: str
    ) -> TransferOrder:
        payees = tuple(Payee(payee, self.shown(asset, amount)) for payee, amount in shares)
        return TransferOrder(claim.key, payer, payees, asset)
