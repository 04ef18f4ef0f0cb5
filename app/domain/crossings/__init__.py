"""Crossings: money between accounts of several cells, in one transaction over all of them."""

from collections.abc import Mapping
from typing import Any, Final

from app.domain import escrows as _escrows
from app.domain import holds, transfers
from app.domain.commands import Command
from app.domain.crossings import captures, escrows, invoices, making, reversal
from app.domain.crossings.coins import even_out
from app.domain.crossings.counterparties import renamed
from app.domain.crossings.covering import cover
from app.domain.crossings.crossing import Crossing, Placed
from app.domain.crossings.gathering import GATHER, Gather, Gathered, gather
from app.domain.crossings.performing import Rule, perform
from app.domain.invoices.pay_from_account import PAY_FROM
from app.domain.invoices.refunds import REFUND_TO_ACCOUNT

RULES: Final[Mapping[Command[Any, Any], Rule]] = {
    transfers.MAKE: Rule(making.make),
    transfers.MAKE_ATOMIC: Rule(making.make_together, making.load_groups),
    transfers.REVERSE: Rule(reversal.reverse),
    holds.CAPTURE: Rule(captures.capture),
    _escrows.LOCK: Rule(escrows.lock),
    _escrows.END: Rule(escrows.end),
    PAY_FROM: Rule(invoices.settle),
    REFUND_TO_ACCOUNT: Rule(invoices.refund),
    GATHER: Rule(gather),
}
"""The commands that concern accounts of several cells, and how each is carried out over them."""
