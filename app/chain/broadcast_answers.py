"""What the node's answer to a transaction of ours means: no answer proves that it can never be mined."""

from enum import Enum
from typing import Final

from app.chain.rpc import NodeError, NodeTrouble

_SAFE_MODE: Final = -2
_NO_NETWORK: Final = -31
_AMBIGUOUS: Final = -25
"""Missing inputs: of what never was, was spent elsewhere, or was mined long ago and is all spent."""
_IN_CHAIN: Final = -27
_FEE_REFUSED: Final = ("66: mempool min fee not met", "66: mempool full", "66: insufficient priority")
_KNOWN: Final = "257:"  # reject code of what the mempool has already, after Core's -26


class BroadcastAnswer(Enum):
    """`HELD`: the node has it, or a block does. `UNSURE`: our own blocks will tell. `REFUSED`: not now, for its reason.

    `OUTBID`: refused, because others pay more.
    """

    HELD = 1
    UNSURE = 2
    REFUSED = 3
    OUTBID = 4


class NodeSendsNothing(NodeTrouble):
    """The node takes no transactions now: it is in safe mode, or without its network."""


def read(said: bytes | NodeError) -> BroadcastAnswer:
    """Read what sendrawtransaction said (Core 1.14, src/rpc/rawtransaction.cpp); NodeSendsNothing is for a later time."""
    if isinstance(said, bytes):
        return BroadcastAnswer.HELD
    if said.code in (_SAFE_MODE, _NO_NETWORK):
        raise NodeSendsNothing(str(said)) from said
    if said.code == _IN_CHAIN or said.message.startswith(_KNOWN):
        return BroadcastAnswer.HELD
    if said.code == _AMBIGUOUS:
        return BroadcastAnswer.UNSURE
    return BroadcastAnswer.OUTBID if said.message.startswith(_FEE_REFUSED) else BroadcastAnswer.REFUSED
