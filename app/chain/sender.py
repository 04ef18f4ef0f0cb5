"""Sends money: one step signs one transaction and stores it, or gives the node what it has not seen; the only signer."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import coincurve
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import offers, signing, wire
from app.chain.fee_rates import FeeRates
from app.chain.high_water import HighWater
from app.chain.keys import Keyring
from app.chain.node import Node, NodeError
from app.db import Db
from app.domain import accounts, cancellations, coin_choice, consolidations, dispatch, fees, funds, hd
from app.domain.coin_choice import Choice, InsufficientCoins
from app.domain.dispatch import PaymentTaken, Signed, Unsent
from app.domain.funds import CoinTaken, Funds, Path
from app.domain.networks import Network
from app.domain.pay_orders import CONSOLIDATION
from app.domain.payments import Payment
from app.domain.refusals import Refusal
from app.lease import Lease
from app.money import NOTHING

_log = logging.getLogger(__name__)

AT_ONCE: Final = 50
"""Transactions given to the node in one step, and signed before it: under any load what is signed is sent."""


@dataclass(frozen=True, slots=True)
class Signer:
    """What signing takes: the network, the keys, and what was ever sent."""

    network: Network
    keyring: Keyring
    high_water: HighWater

    def key_of(self, path: Path) -> coincurve.PrivateKey:
        """Derive the key of a path."""
        if path.branch == accounts.ACCOUNT_KEY:
            return self.keyring.account_key(path.account)
        return self.keyring.private_key(path.account, path.branch, path.index)

    def sign(self, choice: Choice, paths: Funds, outputs: Sequence[wire.Output]) -> wire.Transaction:
        """Return the signed transaction that spends the choice's coins, in their order, to the outputs."""
        spent = [paths.paths[coin.outpoint] for coin in choice.coins]
        unsigned = signing.build((coin.outpoint for coin in choice.coins), outputs)
        return signing.sign(unsigned, [path.script for path in spent], lambda index: self.key_of(spent[index]))


class Sender:
    """Moves payments from PENDING to BROADCAST. `committed` is called after each transaction of the database."""

    def __init__(
        self, engine: AsyncEngine, node: Node, signer: Signer, lease: Lease, committed: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._node = node
        self._signer = signer
        self._lease = lease
        self._committed = committed
        self._rates = FeeRates(node)
        self._why: str | None = None
        self._signed_since = 0
        self._after = 0

    async def step(self) -> bool:
        """Sign one transaction, or send what is due; False when there is nothing to do now.

        Raises DatabaseBehind, which no repetition mends, and the node's and the database's troubles.
        """
        if not await self._lease.held():
            return False
        policy = await self._rates.policy()
        try:
            signed = await self._sign_one(policy)
        except (CoinTaken, PaymentTaken):
            return True
        self._signed_since += signed
        if signed and self._signed_since < AT_ONCE:
            return True
        self._signed_since = 0
        return await self._send() or signed

    async def close(self) -> None:
        """Let another take over."""
        await self._lease.release()

    async def _sign_one(self, policy: fees.Policy) -> bool:
        """Choose, sign and store, in one transaction: killed anywhere in it, nothing was signed."""
        async with self._engine.begin() as db:
            if await self._paused(db):
                return False
            self._signer.high_water.check(await dispatch.highest(db))
            moved = await self._cancel_one(db, policy) or await self._pay_one(db, policy)
        if moved:
            self._committed()
        return moved

    async def _paused(self, db: Db) -> bool:
        """Say whether nothing may be signed or sent; the log hears of it once."""
        why = await dispatch.paused(db)
        if why not in (self._why, dispatch.NOT_FOLLOWED):
            self._why = why
            _log.warning("payments are paused: %s", why) if why else _log.info("payments go on")
        return why is not None

    async def _cancel_one(self, db: Db, policy: fees.Policy) -> bool:
        """Sign what cancels the first payment of which that is wanted and can be done."""
        for payment in await cancellations.wanted(db):
            held = await funds.of_transaction(db, payment.transaction_id or 0)
            choice = cancellations.choose(held.coins, payment, policy)
            if choice is not None:
                signed = await self._signed(db, [payment], choice, held)
                await cancellations.store(db, replace(signed, replaces=payment.transaction_id))
                return True
        return False

    async def _pay_one(self, db: Db, policy: fees.Policy) -> bool:
        """Sign for those whose turn it is; where all of them wait for coins, the turn goes to the ones after them."""
        given = await dispatch.pending(db, self._after)
        for group in dispatch.groups(given):
            if await self._try(db, group, policy):
                return True
        self._after = given[-1].id if len(given) == dispatch.TURN else 0
        return self._after > 0

    async def _try(self, db: Db, group: Sequence[Payment], policy: fees.Policy) -> bool:
        """Sign for a group, or end its payments where they can never be; False while their coins are not there yet."""
        try:
            choice, found = await self._choice(db, group, policy)
        except Refusal as refusal:
            if len(group) > 1:
                return await self._try_apart(db, group, policy)
            if isinstance(refusal, InsufficientCoins):
                return False
            await dispatch.fail(db, group[0], refusal)
            return True
        signed = await self._signed(db, group, choice, found)
        await dispatch.store(db, group, signed)
        return True

    async def _try_apart(self, db: Db, group: Sequence[Payment], policy: fees.Policy) -> bool:
        """Try the halves of a group that cannot go as one: a payment that must wait holds up no other. One is enough."""
        middle = len(group) // 2
        return await self._try(db, group[:middle], policy) or await self._try(db, group[middle:], policy)

    async def _choice(self, db: Db, group: Sequence[Payment], policy: fees.Policy) -> tuple[Choice, Funds]:
        first = group[0]
        if first.kind == CONSOLIDATION:
            found = await funds.smallest(db, coin_choice.LARGEST)
            return consolidations.choose(found.coins, first.reserved, policy), found
        wanted = dispatch.order(group, policy)
        found = await funds.find(db, first.owner.id, wanted)
        try:
            return coin_choice.choose(found.coins, replace(wanted, spare=NOTHING)), found
        except InsufficientCoins:
            if not wanted.spare:
                raise
            return coin_choice.choose(found.coins, wanted), found  # what is left over is too small for change

    async def _signed(self, db: Db, group: Sequence[Payment], choice: Choice, found: Funds) -> Signed:
        """Sign what spends the chosen coins: to the outputs that the choice pays, and to fresh change."""
        change = await self._change(db, group[0].owner.id) if choice.change else None
        scripts = [output.script for payment in group for output in payment.outputs] if choice.amounts else []
        outputs = [wire.Output(amount, script) for amount, script in zip(choice.amounts, scripts, strict=True)]
        vout = len(outputs) if change is not None else None
        if change is not None:
            outputs.append(wire.Output(choice.change, change.script))
        transaction = self._signer.sign(choice, found, outputs)
        sends = not choice.amounts or all(payment.kind != "paytx" for payment in group)
        return Signed(transaction.txid, transaction.raw, choice, change, vout, sends=sends)

    async def _change(self, db: Db, account: int) -> Path:
        while True:
            xpub, index = await dispatch.next_change(db, account)
            try:
                return Path(account, hd.CHANGE, index, hd.script_at(xpub, hd.CHANGE, index))
            except hd.InvalidChild:
                continue

    async def _send(self) -> bool:
        """Give the node what it was not given lately; its answer decides nothing but what is written beside it."""
        async with self._engine.begin() as db:
            if await self._paused(db):
                return False
            waiting = await dispatch.unsent(db, AT_ONCE)
            highest = await dispatch.highest(db)
        self._signer.high_water.check(highest)
        if highest > self._signer.high_water.highest:  # also of what the callers of paytx send themselves
            await asyncio.to_thread(self._signer.high_water.raise_to, highest)
        for transaction in waiting:
            await self._give(transaction)
        if waiting:
            self._committed()
        return bool(waiting)

    async def _give(self, transaction: Unsent) -> None:
        try:
            await self._node.send(transaction.raw)
        except NodeError as error:
            answer, reason = offers.read(error), str(error)
        else:
            answer, reason = offers.Answer.HELD, ""
        async with self._engine.begin() as db:
            if answer is offers.Answer.HELD:
                await dispatch.sent(db, transaction.id)
            elif answer is offers.Answer.UNSURE:
                await dispatch.tried(db, transaction.id)
            elif await dispatch.refused(db, transaction.id, reason):
                _log.warning("the node does not take transaction %s: %s", transaction.txid[::-1].hex(), reason)
