"""What the node's answer to a transaction of ours means. No answer proves that it can never be mined."""

from enum import Enum
from typing import Final

from app.chain.rpc import NodeError, NodeTrouble

_SAFE_MODE: Final = -2
_NO_NETWORK: Final = -31
_MISSING_INPUTS: Final = -25
"""Its inputs never existed, were spent elsewhere, or it was mined long ago and is spent itself."""
_IN_CHAIN: Final = -27
_FEE_REFUSED: Final = ("66: mempool min fee not met", "66: mempool full", "66: insufficient priority")
_KNOWN: Final = "257:"  # reject code of what the mempool has already, behind Core's -26


class BroadcastAnswer(Enum):
    """`HELD`: the node has it, or a block has. `UNSURE`: our own blocks will tell.

    `REFUSED`: the node does not take it now. `OUTBID`: the same, because others pay more.
    """

    HELD = 1
    UNSURE = 2
    REFUSED = 3
    OUTBID = 4


class NodeSendsNothing(NodeTrouble):
    """The node takes no transactions now: it is in safe mode, or without its network."""


def read(outcome: bytes | NodeError) -> BroadcastAnswer:
    """Read the outcome of sendrawtransaction (Core 1.14, src/rpc/rawtransaction.cpp).

    Raises NodeSendsNothing where the transaction is to be sent at a later time.
    """
    if isinstance(outcome, bytes):
        return BroadcastAnswer.HELD
    if outcome.code in (_SAFE_MODE, _NO_NETWORK):
        raise NodeSendsNothing(str(outcome)) from outcome
    if outcome.code == _IN_CHAIN or outcome.message.startswith(_KNOWN):
        return BroadcastAnswer.HELD
    if outcome.code == _MISSING_INPUTS:
        return BroadcastAnswer.UNSURE
    return BroadcastAnswer.OUTBID if outcome.message.startswith(_FEE_REFUSED) else BroadcastAnswer.REFUSED
