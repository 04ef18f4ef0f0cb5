"""A signing batch: coins chosen and transactions signed for several payments, in memory, to be stored at once."""

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
    CONSOLIDATION,
    ChangeKey,
    Choice,
    CoinPool,
    Draft,
    InsufficientCoins,
    Path,
    Payment,
    SelectionOrder,
    Signed,
    Spendable,
    Tier,
    Wanted,
    consolidation,
)
from app.domain.refusals import Refusal
from app.money import NOTHING

Group = Sequence[Payment]


@dataclass(slots=True)
class SigningBatch:
    """What was signed so far, and what can never be; whose coins are not there yet waits. `signing_queue.store` takes both.

    `stuck` are payments, by their number, to whose coins there are no keys.

    Nothing that is signed here leaves the house before that is committed.
    """

    signer: Signer
    policy: payments.Policy
    pool: CoinPool
    wanted: Sequence[Wanted]
    change_keys: dict[int, ChangeKey]
    known: set[int]
    drafts: list[Draft] = field(default_factory=list)
    failed: list[tuple[Payment, Refusal]] = field(default_factory=list)
    stuck: dict[int, str] = field(default_factory=dict)
    _filled: bool = False

    @classmethod
    async def begin(
        cls, db: Db, signer: Signer, policy: payments.Policy, groups: Sequence[Group]
    ) -> "SigningBatch":
        """Read what all groups need of their own: the coins that they would spend, and where their change goes."""
        wanted = [one for group in groups for one in _wanted(group, policy)]
        pool = CoinPool()
        pool.add(await payments.own(db, wanted))
        keys = await payments.change_keys(db, {payment.owner.id for group in groups for payment in group})
        return cls(signer, policy, pool, wanted, keys, {one.account for one in wanted})

    async def serve(self, db: Db, group: Group) -> None:
        """Sign for a group; where it cannot go as one, for its halves: a payment that must wait holds up no other."""
        await asyncio.sleep(0)  # choosing and signing take their time, and others have theirs
        try:
            choice, paths = await self._choice(db, group)
            self.drafts.append(Draft(group, self.sign(group, choice, paths)))
        except Refusal as refusal:
            if len(group) > 1:
                await self.serve(db, group[: len(group) // 2])
                await self.serve(db, group[len(group) // 2 :])
            elif not isinstance(refusal, InsufficientCoins) and not self.pool.taken:
                self.failed.append((group[0], refusal))
        except CannotSign as error:
            self.stuck[group[0].id] = str(error)
            self.pool.take(choice.coins)

    def sign(self, group: Group, choice: Choice, paths: Mapping[Outpoint, Path]) -> Signed:
        """Sign what spends the chosen coins: to the outputs that the choice pays, and to fresh change."""
        change = self._change(group[0].owner.id) if choice.change else None
        scripts = [output.script for payment in group for output in payment.outputs] if choice.amounts else []
        outputs = [
            wire.Output(amount, script) for amount, script in zip(choice.amounts, scripts, strict=True)
        ]
        vout = len(outputs) if change is not None else None
        if change is not None:
            outputs.append(wire.Output(choice.change, change.script))
        transaction = self.signer.sign(choice, paths, outputs)
        sends = not choice.amounts or all(payment.kind != "paytx" for payment in group)
        below = self.pool.stands_on(choice.coins)
        signed = Signed(
            transaction.txid, transaction.raw, choice, change, vout, sends=sends, ancestors=1 + len(below)
        )
        self._keep(signed, below)
        return signed

    def _keep(self, signed: Signed, below: Mapping[bytes, int]) -> None:
        """Leave the spent coins out from now on; those who come next may spend the change."""
        self.pool.take(signed.choice.coins)
        if signed.change is not None and signed.change_vout is not None and signed.sends:
            coin = Spendable(
                Outpoint(signed.txid, signed.change_vout), signed.choice.change, Tier.UNCONFIRMED
            )
            self.pool.grow(coin, signed.change, {**below, signed.txid: len(signed.raw)})

    def _change(self, account: int) -> Path:
        xpub, first = self.change_keys[account]
        index, script = dogecoin.next_script(xpub, dogecoin.CHANGE, first)
        self.change_keys[account] = ChangeKey(xpub, index + 1)
        return Path(account, dogecoin.CHANGE, index, script)

    async def _choice(self, db: Db, group: Group) -> tuple[Choice, Mapping[Outpoint, Path]]:
        first = group[0]
        if first.kind == CONSOLIDATION:
            found = await payments.smallest(db, payments.LARGEST)
            free = [coin for coin in found.coins if coin.outpoint not in self.pool.taken]
            return consolidation.choose(free, first.reserved, self.policy), found.paths
        return await self._paying(db, first.owner.id, payments.order(group, self.policy)), self.pool.paths

    async def _paying(self, db: Db, account: int, wanted: SelectionOrder) -> Choice:
        """Choose among the account's own coins, and read those of the others only where these do not do."""
        if account not in self.known:  # it comes first only where its group went apart
            self.known.add(account)
            self.pool.add(await payments.own(db, [Wanted(account, payments.alone(wanted))]))
        bare = replace(wanted, spare=NOTHING)
        choice = self.pool.choose_own(account, bare)
        if choice is not None:
            return choice
        if not self._filled:
            self.pool.add(await payments.everybodys(db, self.wanted))
            self._filled = True
        try:
            return self.pool.choose(account, bare)
        except InsufficientCoins:
            if not wanted.spare:
                raise
            return self.pool.choose(account, wanted)  # what is left over is too small for change


def _wanted(group: Group, policy: payments.Policy) -> list[Wanted]:
    if group[0].kind == CONSOLIDATION:
        return []
    try:
        return [Wanted(group[0].owner.id, payments.alone(payments.order(group, policy)))]
    except Refusal:  # its turn will tell
        return []
