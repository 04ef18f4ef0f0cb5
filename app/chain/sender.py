"""Sends money: one step signs for several payments and stores it, or gives the node what it has not seen; the only signer."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import broadcast_answers, fee_bumping, restore_check, wire
from app.chain.fee_rates import FeeRates
from app.chain.node import Node
from app.chain.sent_marker import NotRemembered
from app.chain.signer import Signer
from app.chain.signing import CannotSign
from app.chain.signing_batch import SigningBatch
from app.db import Db, reads
from app.domain import blocks, installation, payments
from app.domain.dogecoin import Outpoint
from app.domain.installation import Installation
from app.domain.payments import (
    CoinPool,
    CoinTaken,
    NotHigher,
    PaymentTaken,
    Unsent,
    Work,
    cancelling_transaction,
    renewals,
    replacements,
    sender_work,
    signing_queue,
)
from app.domain.refusals import Refusal
from app.runtime.lease import Lease

_log = logging.getLogger(__name__)

TOLD: Final = 1_000
"""Payments that wait without coins whose numbers are kept, so that the log hears of each once."""
AT_ONCE: Final = 50
"""Transactions given to the node in one step: no fewer than are signed before it."""


class Sender:
    """Moves payments from PENDING to BROADCAST. `committed` is called after each transaction of the database."""

    def __init__(
        self, engine: AsyncEngine, node: Node, signer: Signer, lease: Lease, committed: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._reads = reads(engine)
        self._node = node
        self._signer = signer
        self._lease = lease
        self._committed = committed
        self._rates = FeeRates(node)
        self._why: str | None = None
        self._signed = False
        self._at_tip = False
        self._after = 0
        self._last = 0
        self._most = payments.BATCH_SIZE
        self._stuck: set[int] = set()

    async def step(self) -> bool:
        """Sign for the payments whose turn it is, or send what is due; False when there is nothing to do now.

        Raises DatabaseBehind, which no repetition mends, NotRemembered, and the node's and the database's troubles.
        """
        if not await self._lease.held():
            return False
        if self._signed:  # then what is due goes out first, though more and more is asked for
            self._signed = False
            await self._send()
            return True
        policy = await self._rates.policy()
        work = await self._look()
        self._signed = work.signs and await self._has_caught_up() and await self._sign(policy)
        return self._signed or (work.sends and await self._send())

    async def close(self) -> None:
        """Let another take over."""
        await self._lease.release()

    async def _look(self) -> Work:
        """See what there is to do: nothing while payments are paused; and what was sent by others is to be remembered."""
        async with self._reads.connect() as db:
            work = await sender_work.look(db)
        if not self._is_known(work.database):
            self._at_tip = False
            await restore_check.compare(self._engine, self._signer.high_water)
        if self._is_paused(work.paused):
            return work._replace(signs=False, sends=False)
        return work._replace(sends=work.sends or work.database.highest > self._signer.high_water.highest)

    async def _has_caught_up(self) -> bool:
        """Say whether the ledger has been at the node's tip since we began, or found another database.

        Until then a payment that seems to wait may have been paid, and a coin that seems free be spent, by blocks to come.
        """
        if not self._at_tip:
            theirs = await self._node.chain_state()
            async with self._reads.connect() as db:
                ours = await blocks.tip(db)
            self._at_tip = ours is not None and ours.hash == theirs.hash
        return self._at_tip

    async def _sign(self, policy: payments.Policy) -> bool:
        """Sign what can be; where the database does not take that, one after the other, so that one stops no other."""
        try:
            moved = await self._sign_some(policy)
        except (CoinTaken, PaymentTaken):
            return True
        except exc.DBAPIError:
            self._after = self._last if self._most == 1 else self._after
            self._most = 1
            raise
        self._most = min(2 * self._most, payments.BATCH_SIZE)
        return moved

    async def _sign_some(self, policy: payments.Policy) -> bool:
        """Choose, sign and store, in one transaction: killed anywhere in it, nothing was signed."""
        async with self._engine.begin() as db:
            if self._is_paused(await payments.paused(db)) or not self._is_known(await installation.read(db)):
                return False
            moved = (
                await self._renew_one(db)
                or await self._cancel_one(db, policy)
                or await self._replace_one(db, policy)
                or await self._pay(db, policy)
            )
        if moved:
            self._committed()
        return moved

    def _is_known(self, database: Installation) -> bool:
        """Say whether it is the database that was compared, and not behind; one that takes its place is compared next time."""
        return self._signer.high_water.knows(database)

    def _is_paused(self, why: str | None) -> bool:
        """Say whether nothing may be signed or sent; the log hears of it once."""
        if why not in (self._why, payments.NOT_FOLLOWED):
            self._why = why
            _log.warning("payments are paused: %s", why) if why else _log.info("payments go on")
        return why is not None

    async def _renew_one(self, db: Db) -> bool:
        """Sign again the first of what was built on change that came under another txid: on what came, and for the same."""
        for renewal in await renewals.wanted(db):
            was = wire.parse_transaction(renewal.raw)
            coins = [renewal.spends[Outpoint(spent.txid, spent.vout)].outpoint for spent in was.inputs]
            outputs = list(was.outputs)
            if renewal.change_vout is not None:
                change = outputs[renewal.change_vout]
                outputs[renewal.change_vout] = change._replace(value=change.value + renewal.more)
            signed = self._signer.sign_coins(coins, renewal.paths, outputs)
            await renewals.store(db, renewal, signed.txid, signed.raw)
            return True
        return False

    async def _cancel_one(self, db: Db, policy: payments.Policy) -> bool:
        """Sign what cancels the first payment of which that is wanted and can be done."""
        for payment in await cancelling_transaction.wanted(db):
            first = payment.transaction_id or 0
            refused = await payments.refused_fee(db, first)
            held = await payments.of_all_versions(db, first)
            choice = cancelling_transaction.choose(held.coins, payment, policy)
            if choice is not None and choice.fee > refused:
                keys = await payments.change_keys(db, [payment.owner.id])
                batch = SigningBatch(self._signer, policy, CoinPool(), (), keys, set())
                signed = batch.sign([payment], choice, held.paths)
                await cancelling_transaction.store(db, replace(signed, replaces=first, pays=False))
                return True
        return False

    async def _replace_one(self, db: Db, policy: payments.Policy) -> bool:
        """Sign again what the node refused for its fee, with what stands on it; where that cannot be, say what would help."""
        plan = await replacements.wanted(db)
        if plan is None:
            return False
        try:
            await replacements.store(db, fee_bumping.sign(self._signer, policy, plan))
        except NotHigher:
            pass  # meanwhile the node asks for no more than it pays: it is offered again
        except (Refusal, CannotSign) as refusal:
            await payments.note(db, plan.stuck[0], str(refusal))
        return True

    async def _pay(self, db: Db, policy: payments.Policy) -> bool:
        """Sign for those whose turn it is; where all of them wait for coins, the turn goes to the ones after them."""
        given = await payments.pending(db, self._after, self._most)
        self._last = given[-1].id if given else 0
        groups = payments.groups(given)
        batch = await SigningBatch.begin(db, self._signer, policy, groups)
        for group in groups:
            await batch.serve(db, group)
        self._tell(batch.stuck)
        await signing_queue.store(db, batch.drafts, batch.failed)
        if batch.drafts or batch.failed:
            return True
        self._after = self._last if len(given) == self._most else 0
        return self._after > 0

    def _tell(self, stuck: Mapping[int, str]) -> None:
        """Tell once of each payment that cannot be signed, though it is tried again and again."""
        for number, why in stuck.items():
            if number not in self._stuck:
                self._stuck = {*self._stuck, number} if len(self._stuck) < TOLD else {number}
                _log.error("payment %s waits, and others go on without its coins: %s", number, why)

    async def _send(self) -> bool:
        """Give the node what it was not given lately; its answer decides nothing but what is written beside it."""
        async with self._engine.begin() as db:
            database = await installation.read(db)
            if self._is_paused(await payments.paused(db)) or not self._is_known(database):
                return False
            waiting = await payments.unsent(db, AT_ONCE)
        await self._remember(database.highest)
        if waiting:
            await self._give(waiting)
            self._committed()
        return bool(waiting)

    async def _remember(self, highest: int) -> None:
        """Remember what is about to be sent, and what the callers of paytx send themselves, or raise NotRemembered."""
        if highest > self._signer.high_water.highest:
            try:
                await asyncio.to_thread(self._signer.high_water.raise_to, highest)
            except NotRemembered:
                self._signed = True  # so that the next step tries this again before it signs any more
                raise

    async def _give(self, waiting: Sequence[Unsent]) -> None:
        """Give the node these, in their order: what spends another one's change comes after it."""
        outcomes = await self._node.send([transaction.raw for transaction in waiting])
        read = {
            given.id: broadcast_answers.read(outcome)
            for given, outcome in zip(waiting, outcomes, strict=True)
        }
        refused = {
            given.id: str(outcome)
            for given, outcome in zip(waiting, outcomes, strict=True)
            if read[given.id]
            in (broadcast_answers.BroadcastAnswer.REFUSED, broadcast_answers.BroadcastAnswer.OUTBID)
        }
        held, outbid = (
            [number for number, answer in read.items() if answer is wanted]
            for wanted in (broadcast_answers.BroadcastAnswer.HELD, broadcast_answers.BroadcastAnswer.OUTBID)
        )
        if outbid:
            self._rates.outdated()
        async with self._engine.begin() as db:
            news = await payments.answered(db, held, refused, read, outbid)
        for given in waiting:
            if given.id in news:
                name = given.txid[::-1].hex()
                _log.warning("the node does not take transaction %s: %s", name, refused[given.id])
