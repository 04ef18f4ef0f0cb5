"""Our transactions, found by what a block asks for; a batch of blocks may hold thousands, and none is looked for among all."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.blocks.own_transactions import OwnTransaction
from app.domain.dogecoin import Outpoint


@dataclass(slots=True)
class SendingIndex:
    """The numbers of transactions: by txid, by what they spend, by the txids they are built on, and by family.

    A family is the transaction that carries payments and all that cancel it; it is named for the first.
    """

    by_txid: dict[bytes, int] = field(default_factory=dict)
    families: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    _spending: dict[Outpoint, list[int]] = field(default_factory=lambda: defaultdict(list))
    _built_on: dict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, sendings: Mapping[int, OwnTransaction]) -> "SendingIndex":
        """Index these."""
        index = cls()
        index.add(sendings[number] for number in sorted(sendings))
        return index

    def add(self, sendings: Iterable[OwnTransaction]) -> None:
        """Index these as well; none of what is indexed ever changes."""
        for sending in sendings:
            self.by_txid[sending.txid] = sending.id
            self.families[sending.first].append(sending.id)
            for outpoint in sending.inputs:
                self._spending[outpoint].append(sending.id)
            for txid in {outpoint.txid for outpoint in sending.inputs}:
                self._built_on[txid].append(sending.id)

    def spending(self, outpoint: Outpoint) -> Sequence[int]:
        """Return those that spend this output, in order."""
        return self._spending.get(outpoint, ())

    def built_on(self, txid: bytes) -> Sequence[int]:
        """Return those that spend any output of this transaction, in order."""
        return self._built_on.get(txid, ())
