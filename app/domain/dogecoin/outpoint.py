"""An outpoint: the name of one output of a transaction. And what a node says of an output."""

from typing import NamedTuple

from app.money import Koinu


class Outpoint(NamedTuple):
    """An output of a transaction; the txid in internal byte order."""

    txid: bytes
    vout: int

    def __str__(self) -> str:
        """Show it as explorers do."""
        return f"{self.txid[::-1].hex()}:{self.vout}"


class UnspentOutput(NamedTuple):
    """An output that nothing spends; without confirmations it waits in the mempool."""

    value: Koinu
    confirmations: int
    coinbase: bool
