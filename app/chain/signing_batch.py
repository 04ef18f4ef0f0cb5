"""Chooses coins and signs transactions for several payments, in memory, to be stored at once."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.chain import wire
from app.chain.signer import Signer
from app.chain.signing import CannotSign
from app.db import Db
from app.domain import dogecoin, payments
from app.domain.dogecoin import Outpoint
from app.domain.payments import (
    ChangeKey,
    Choice,
    Draft,
    Path,
    Payment,
    PaymentNeed,
    Signed,
    consolidation,
    signing_queue,
    spendable_coins,
)
from app.domain.refusals import Refusal
from app.money import NOTHING

Group = Sequence[Payment]


@dataclass(slots=True)
class SigningBatch:
    """What was signed (`drafts`), and what never can be (`failed`), for `signing_queue.store`.

    A payment whose coins are not there yet waits, and is in neither. `unsignable` says of payments, by their
    id, why there is no key to their coins. `loaded` are the accounts whose own coins are in the pool.

    Nothing that is signed here leaves the house before that is committed.
    """

    signer: Signer
    policy: payments.Policy
    change_keys: dict[int, ChangeKey]
    pool: payments.CoinPool = field(default_factory=payments.CoinPool)
    needs: Sequence[PaymentNeed] = ()
    loaded: set[int] = field(default_factory=set)
    drafts: list[Draft] = field(default_factory=list)
    failed: list[tuple[Payment, Refusal]] = field(default_factory=list)
    unsignable: dict[int, str] = field(default_factory=dict)
    _has_all_coins: bool = False

    @classmethod
    async def begin(
        cls, db: Db, signer: Signer, policy: payments.Policy, groups: Sequence[Group]
    ) -> "SigningBatch":
        """Read what all groups need: the coins of their own accounts, and where their change goes."""
        needs = [need for group in groups for need in _needs(group, policy)]
        own_coins = await spendable_coins.of_accounts(db, needs)
        keys = await signing_queue.change_keys(
            db, {payment.owner.id for group in groups for payment in group}
        )
        batch = cls(signer, policy, keys, needs=needs, loaded={need.account for need in needs})
        batch.pool.add(own_coins)
        return batch

    async def sign_group(self, db: Db, group: Group) -> None:
        """Sign a transaction for a group, or for its halves, so that a payment that waits stops no other."""
        await asyncio.sleep(0)  # choosing and signing take long, and other tasks want to run
        try:
            choice, paths = await self._choose(db, group)
            self.drafts.append(Draft(group, self.sign(group, choice, paths)))
        except Refusal as refusal:
            if len(group) > 1:
                await self.sign_group(db, group[: len(group) // 2])
                await self.sign_group(db, group[len(group) // 2 :])
            elif not isinstance(refusal, payments.InsufficientCoins) and not self.pool.taken:
                self.failed.append((group[0], refusal))
        except CannotSign as error:
            self.unsignable[group[0].id] = str(error)
            self.pool.take(choice.coins)

    def sign(self, group: Group, choice: Choice, paths: Mapping[Outpoint, Path]) -> Signed:
        """Sign what spends the chosen coins: to the outputs that the choice pays, and to fresh change."""
        scripts = [output.script for payment in group for output in payment.outputs] if choice.amounts else []
        outputs = [
            wire.Output(amount, script) for amount, script in zip(choice.amounts, scripts, strict=True)
        ]
        change = self._next_change(group[0].owner.id) if choice.change else None
        vout = len(outputs) if change is not None else None
        if change is not None:
            outputs.append(wire.Output(choice.change, change.script))
        transaction = self.signer.sign([coin.outpoint for coin in choice.coins], paths, outputs)
        sends = not choice.amounts or all(payment.kind != "paytx" for payment in group)
        ancestors = self.pool.ancestors_of(choice.coins)
        signed = Signed(
            transaction.txid,
            transaction.raw,
            choice,
            change,
            vout,
            broadcast_by_us=sends,
            ancestors=1 + len(ancestors),
        )
        self._spend(signed, ancestors)
        return signed

    def _spend(self, signed: Signed, ancestors: Mapping[bytes, int]) -> None:
        """Take the spent coins out of the pool, and put the change in for the next groups."""
        self.pool.take(signed.choice.coins)
        if signed.change is not None and signed.change_vout is not None and signed.broadcast_by_us:
            outpoint = Outpoint(signed.txid, signed.change_vout)
            coin = payments.Spendable(outpoint, signed.choice.change, payments.Tier.UNCONFIRMED)
            self.pool.add_change(coin, signed.change, {**ancestors, signed.txid: len(signed.raw)})

    def _next_change(self, account: int) -> Path:
        xpub, first = self.change_keys[account]
        index, script = dogecoin.next_script(xpub, dogecoin.CHANGE, first)
        self.change_keys[account] = ChangeKey(xpub, index + 1)
        return Path(account, dogecoin.CHANGE, index, script)

    async def _choose(self, db: Db, group: Group) -> tuple[Choice, Mapping[Outpoint, Path]]:
        payment = group[0]
        if payment.kind == payments.CONSOLIDATION:
            smallest = await spendable_coins.smallest(db, payments.LARGEST)
            free = [coin for coin in smallest.coins if coin.outpoint not in self.pool.taken]
            return consolidation.choose(free, payment.reserved, self.policy), smallest.paths
        order = signing_queue.selection_order(group, self.policy)
        return await self._choose_from_pool(db, payment.owner.id, order), self.pool.paths

    async def _choose_from_pool(self, db: Db, account: int, order: payments.SelectionOrder) -> Choice:
        """Choose among the account's own coins; read those of other accounts only where these do not do."""
        if account not in self.loaded:  # it comes first only where its group was split
            self.loaded.add(account)
            self.pool.add(
                await spendable_coins.of_accounts(
                    db, [PaymentNeed(account, payments.single_coin_amount(order))]
                )
            )
        without_spare = replace(order, spare=NOTHING)
        choice = self.pool.choose_own(account, without_spare)
        if choice is not None:
            return choice
        if not self._has_all_coins:
            self.pool.add(await spendable_coins.of_all_accounts(db, self.needs))
            self._has_all_coins = True
        try:
            return self.pool.choose(account, without_spare)
        except payments.InsufficientCoins:
            if not order.spare:
                raise
            return self.pool.choose(account, order)  # the remainder is too small for change


def _needs(group: Group, policy: payments.Policy) -> list[PaymentNeed]:
    if group[0].kind == payments.CONSOLIDATION:
        return []
    try:
        return [
            PaymentNeed(
                group[0].owner.id, payments.single_coin_amount(signing_queue.selection_order(group, policy))
            )
        ]
    except Refusal:  # it is refused again when the group is signed
        return []
