"""Our transactions by what a block asks for: a batch may have thousands, and an index finds each."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from app.domain.blocks.own_transactions import OwnTransaction
from app.domain.dogecoin import Outpoint


class OwnTransactionIndex:
    """The ids of transactions by txid, by spent output, by parent and by family; none of these ever changes.

    A family is the transaction that carries payments and all that replace or cancel it; `first` is its id.
    """

    def __init__(self, transactions: Iterable[OwnTransaction]) -> None:
        self.by_txid: dict[bytes, int] = {}
        self.families: dict[int, list[int]] = defaultdict(list)
        self._spending: dict[Outpoint, list[int]] = defaultdict(list)
        self._children: dict[bytes, list[int]] = defaultdict(list)
        for transaction in sorted(transactions, key=lambda transaction: transaction.id):
            self.by_txid[transaction.txid] = transaction.id
            self.families[transaction.first].append(transaction.id)
            for outpoint in transaction.inputs:
                self._spending[outpoint].append(transaction.id)
            for txid in {outpoint.txid for outpoint in transaction.inputs}:
                self._children[txid].append(transaction.id)

    def spending(self, outpoint: Outpoint) -> Sequence[int]:
        """Return the ids of those that spend this output, in order."""
        return self._spending.get(outpoint, ())

    def children(self, txid: bytes) -> Sequence[int]:
        """Return the ids of those that spend any output of this transaction, in order."""
        return self._children.get(txid, ())
