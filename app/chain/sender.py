"""Sends money, as the only signer: a step signs and stores several payments, or broadcasts what is due."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import broadcast_answers, fee_bumping, header, restore_check, wire
from app.chain.broadcast_answers import BroadcastAnswer
from app.chain.fee_rates import FeeRates
from app.chain.node import Node
from app.chain.sent_marker import NotRemembered
from app.chain.signer import Signer
from app.chain.signing import CannotSign
from app.chain.signing_batch import SigningBatch
from app.db import Db, reads
from app.domain import blocks, installation, payments
from app.domain.dogecoin import Outpoint
from app.domain.installation import InstallationState
from app.domain.payments import (
    broadcast,
    cancelling_transaction,
    renewals,
    replacements,
    sender_work,
    signing_queue,
    spendable_coins,
)
from app.domain.refusals import Refusal
from app.runtime.lease import Lease

_log = logging.getLogger(__name__)

REPORTED: Final = 1_000
"""Unsignable payments that are kept in mind, so that the log names each once."""
BROADCAST_SIZE: Final = 50
"""Transactions given to the node in one step: no fewer than are signed before it."""


class Sender:
    """Moves payments from PENDING to BROADCAST. Calls `committed` after each transaction of the database."""

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
        self._pause_reason: str | None = None
        self._signed = False
        self._at_tip = False
        self._sign_after = 0
        self._last_read = 0
        self._batch_size = signing_queue.BATCH_SIZE
        self._reported: set[int] = set()

    async def step(self) -> bool:
        """Sign the payments that are next, or broadcast what is due; False when there is nothing to do now.

        Raises DatabaseBehind, which no repetition mends, NotRemembered, and the errors of the node and of the
        database.
        """
        if not await self._lease.held():
            return False
        if self._signed:  # then what is due goes out first, even if more and more is requested
            self._signed = False
            await self._send()
            return True
        policy = await self._rates.policy()
        work = await self._find_work()
        self._signed = work.signs and await self._has_caught_up() and await self._sign(policy)
        return self._signed or (work.sends and await self._send())

    async def close(self) -> None:
        """Release the lease, so that another sender can take over."""
        await self._lease.release()

    async def _find_work(self) -> sender_work.Work:
        """Return what there is to do: nothing while payments are paused. To raise the marker is work too."""
        async with self._reads.connect() as db:
            work = await sender_work.look(db)
        if not self._is_current(work.database):
            self._at_tip = False
            await restore_check.compare(self._engine, self._signer.sent_marker)
        if self._is_paused(work.paused):
            return work._replace(signs=False, sends=False)
        return work._replace(sends=work.sends or work.database.highest > self._signer.sent_marker.highest)

    async def _has_caught_up(self) -> bool:
        """Say whether the ledger was at the node's tip since this sender began, or found another database.

        Before that, blocks to come may already hold a payment that seems to wait, or spend a coin that seems
        free.
        """
        if not self._at_tip:
            best = await self._node.chain_state()
            async with self._reads.connect() as db:
                tip = await blocks.tip(db)
            self._at_tip = tip is not None and tip.hash == best.hash
        return self._at_tip

    async def _sign(self, policy: payments.Policy) -> bool:
        """Sign a batch; or one by one, if the database refuses that, so that one payment stops no other."""
        try:
            moved = await self._sign_batch(policy)
        except (payments.CoinTaken, payments.PaymentTaken):
            return True
        except exc.DBAPIError:
            self._sign_after = self._last_read if self._batch_size == 1 else self._sign_after
            self._batch_size = 1
            raise
        self._batch_size = min(2 * self._batch_size, signing_queue.BATCH_SIZE)
        return moved

    async def _sign_batch(self, policy: payments.Policy) -> bool:
        """Choose coins, sign and store in one transaction: a kill anywhere in it leaves nothing signed."""
        async with self._engine.begin() as db:
            if self._is_paused(await signing_queue.paused(db)) or not self._is_current(
                await installation.read(db)
            ):
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

    def _is_current(self, database: InstallationState) -> bool:
        """Say whether this very database was compared with the marker, and is not behind it."""
        return self._signer.sent_marker.knows(database)

    def _is_paused(self, reason: str | None) -> bool:
        """Say whether nothing may be signed or sent. The log names each reason once."""
        if reason not in (self._pause_reason, signing_queue.NOT_FOLLOWED):
            self._pause_reason = reason
            _log.warning("payments are paused: %s", reason) if reason else _log.info("payments go on")
        return reason is not None

    async def _renew_one(self, db: Db) -> bool:
        """Sign again the first transaction whose parent was mined under another txid."""
        for renewal in await renewals.next_renewals(db):
            old = wire.parse_transaction(renewal.raw)
            coins = [renewal.spends[Outpoint(spent.txid, spent.vout)].outpoint for spent in old.inputs]
            outputs = list(old.outputs)
            if renewal.change_vout is not None:
                change = outputs[renewal.change_vout]
                outputs[renewal.change_vout] = change._replace(value=change.value + renewal.added)
            signed = self._signer.sign(coins, renewal.paths, outputs)
            await renewals.store(db, renewal, signed.txid, signed.raw)
            return True
        return False

    async def _cancel_one(self, db: Db, policy: payments.Policy) -> bool:
        """Sign the transaction that cancels the first payment for which one is wanted and possible."""
        for payment in await cancelling_transaction.lock_to_cancel(db):
            first = payment.transaction_id or 0
            refused_fee = await cancelling_transaction.take_refused_fee(db, first)
            spendable = await spendable_coins.of_all_versions(db, first)
            choice = cancelling_transaction.choose(spendable.coins, payment, policy)
            if choice is not None and choice.fee > refused_fee:
                keys = await signing_queue.change_keys(db, [payment.owner.id])
                batch = SigningBatch(self._signer, policy, keys)
                signed = batch.sign([payment], choice, spendable.paths)
                await cancelling_transaction.store(db, replace(signed, replaces=first, pays=False))
                return True
        return False

    async def _replace_one(self, db: Db, policy: payments.Policy) -> bool:
        """Sign again what the node refused for its fee, with what is built on it; or note what would help."""
        plan = await replacements.next_plan(db)
        if plan is None:
            return False
        try:
            await replacements.store(db, fee_bumping.sign(self._signer, policy, plan))
        except payments.NotHigher:
            pass  # the node does not want more than it pays any longer: it is broadcast again
        except (Refusal, CannotSign) as refusal:
            await replacements.note_reason(db, plan.stuck[0], str(refusal))
        return True

    async def _pay(self, db: Db, policy: payments.Policy) -> bool:
        """Sign the payments that are next. If all of them wait for coins, those behind them are next."""
        pending = await signing_queue.pending(db, self._sign_after, self._batch_size)
        self._last_read = pending[-1].id if pending else 0
        groups = signing_queue.groups(pending)
        batch = await SigningBatch.begin(db, self._signer, policy, groups)
        for group in groups:
            await batch.sign_group(db, group)
        self._report(batch.unsignable)
        await signing_queue.store(db, batch.drafts, batch.failed)
        if batch.drafts or batch.failed:
            return True
        self._sign_after = self._last_read if len(pending) == self._batch_size else 0
        return self._sign_after > 0

    def _report(self, unsignable: Mapping[int, str]) -> None:
        """Log each payment that cannot be signed once, though it is tried again and again."""
        for number, reason in unsignable.items():
            if number not in self._reported:
                self._reported = {*self._reported, number} if len(self._reported) < REPORTED else {number}
                _log.error("payment %s waits, and others go on without its coins: %s", number, reason)

    async def _send(self) -> bool:
        """Broadcast what the node was not given lately. Its answer is stored, and decides nothing else."""
        async with self._engine.begin() as db:
            database = await installation.read(db)
            if self._is_paused(await signing_queue.paused(db)) or not self._is_current(database):
                return False
            unsent = await broadcast.unsent(db, BROADCAST_SIZE)
        await self._remember(database.highest)
        if unsent:
            await self._broadcast(unsent)
            self._committed()
        return bool(unsent)

    async def _remember(self, highest: int) -> None:
        """Remember what is about to be sent, also by callers of paytx themselves, or raise NotRemembered."""
        if highest > self._signer.sent_marker.highest:
            try:
                await asyncio.to_thread(self._signer.sent_marker.raise_to, highest)
            except NotRemembered:
                self._signed = True  # so that the next step tries this again before it signs any more
                raise

    async def _broadcast(self, unsent: Sequence[broadcast.Unsent]) -> None:
        """Give the node these in their order: what spends the change of another comes after it."""
        raws = [transaction.raw for transaction in unsent]
        outcomes = dict(zip(unsent, await self._node.send(raws), strict=True))
        answers = {
            transaction.id: broadcast_answers.read(outcome) for transaction, outcome in outcomes.items()
        }
        held = [number for number, answer in answers.items() if answer is BroadcastAnswer.HELD]
        underpriced = [number for number, answer in answers.items() if answer is BroadcastAnswer.OUTBID]
        refused = {
            transaction.id: str(outcome)
            for transaction, outcome in outcomes.items()
            if answers[transaction.id] in (BroadcastAnswer.REFUSED, BroadcastAnswer.OUTBID)
        }
        if underpriced:
            self._rates.outdated()
        async with self._engine.begin() as db:
            newly_refused = await broadcast.note_answers(db, held, refused, answers, underpriced)
        for transaction in unsent:
            if transaction.id in newly_refused:
                txid = header.display(transaction.txid)
                _log.warning("the node does not take transaction %s: %s", txid, refused[transaction.id])
