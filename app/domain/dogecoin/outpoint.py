"""An outpoint: the name of one output of a transaction."""

from typing import NamedTuple


class Outpoint(NamedTuple):
    """An output of a transaction; the txid in internal byte order."""

    txid: bytes
    vout: int

    def __str__(self) -> str:
        """Show it as explorers do."""
        return f"{self.txid[::-1].hex()}:{self.vout}"
