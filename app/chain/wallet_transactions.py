"""Gives the node what wallets submit for invoices, by the rules by which our own transactions are sent."""

import logging
from collections.abc import Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import broadcast_answers, header, wire
from app.chain.broadcast_answers import BroadcastAnswer
from app.chain.header import Unreadable
from app.chain.node import Node
from app.domain import dogeconnect
from app.domain.dogecoin import Outpoint
from app.domain.dogeconnect import Offer, WalletTransaction
from app.money import Koinu

_log = logging.getLogger(__name__)
OFFERED: Final = 50
"""Transactions given to the node in one step."""
_SPENT: Final = "18: bad-txns-inputs-spent"
"""What the node says where a block has spent one of its coins, and not all outputs beside that."""
_GONE: Final = "its coins are unknown, or were spent by another transaction"


def read(text: str) -> WalletTransaction:
    """Read a wallet's transaction in hexadecimal, or raise InvalidTransaction."""
    if len(text) > 2 * dogeconnect.MAX_BYTES:
        reason = f"The transaction is larger than {dogeconnect.MAX_BYTES} bytes."
        raise dogeconnect.InvalidTransaction(reason=reason)
    try:
        raw = bytes.fromhex(text)
        transaction = wire.parse_transaction(raw)
    except (ValueError, Unreadable) as error:
        raise dogeconnect.InvalidTransaction(reason=f"The transaction cannot be read: {error}.") from None
    inputs = tuple(Outpoint(spent.txid, spent.vout) for spent in transaction.inputs)
    outputs = tuple((Koinu(output.value), output.script) for output in transaction.outputs)
    return WalletTransaction(transaction.txid, raw, inputs, outputs)


class WalletTransactions:
    """Any number of processes may run this: each takes others' turns. Calls `answered` after each step."""

    def __init__(self, engine: AsyncEngine, node: Node, answered: Callable[[], None]) -> None:
        self._engine = engine
        self._node = node
        self._answered = answered

    async def step(self) -> bool:
        """Give the node what is due; return whether anything was. Raises the errors of node and database."""
        async with self._engine.begin() as db:
            offers = await dogeconnect.take_due(db, OFFERED)
        if not offers:
            return False
        outcomes = await self._node.send([offer.raw for offer in offers])
        answers = [broadcast_answers.read(outcome) for outcome in outcomes]
        held = [
            offer for offer, answer in zip(offers, answers, strict=True) if answer is BroadcastAnswer.HELD
        ]
        declined = {
            offer: reason
            for offer, answer, outcome in zip(offers, answers, outcomes, strict=True)
            if (reason := _decline(offer, answer, str(outcome)))
        }
        async with self._engine.begin() as db:
            await dogeconnect.answered(db, held, declined)
        _report(declined)
        self._answered()
        return True


def _decline(offer: Offer, answer: BroadcastAnswer, outcome: str) -> str:
    """Return why it is not offered again, or "": at the first time the node decides, later only its coins do.

    What was accepted once and is refused now may still be mined.
    """
    if answer is BroadcastAnswer.UNSURE or outcome.startswith(_SPENT):
        return _GONE
    return outcome if offer.first and answer is not BroadcastAnswer.HELD else ""


def _report(declined: dict[Offer, str]) -> None:
    for offer, reason in declined.items():
        if not offer.first:
            txid = header.display(offer.txid)
            _log.warning("transaction %s does not pay invoice %s: %s", txid, offer.address, reason)
