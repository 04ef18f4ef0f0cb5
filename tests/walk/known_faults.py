"""Known faults of the program: each is a condition under which a walk does not fail, until it is mended."""

from collections.abc import Mapping
from typing import Protocol

from app.chain.wire import Transaction
from app.domain.dogecoin import Outpoint
from app.domain.payments import Payment
from tests.walk.snapshot import Branch, Snapshot


class Memory(Protocol):
    """Everything that was ever seen."""

    known: dict[bytes, Transaction]

    @property
    def deposits_ever(self) -> Mapping[Outpoint, object]:
        """Every deposit that a block ever contained."""
        ...


class Findings(Protocol):
    """What is known of a transaction."""

    snapshot: Snapshot
    branch: Branch

    @property
    def model(self) -> Memory:
        """What was seen before."""
        ...

    def is_dead(self, txid: bytes) -> bool:
        """Whether a deep enough block spends its inputs, or those of an ancestor, otherwise."""
        ...


def waits_for_nothing(findings: Findings, payment: Payment) -> bool:
    """Whether one of the faults below keeps it from ever ending."""
    return payment.txid is not None and stands_on_a_lost_stranger(findings, payment.txid)


def stands_on_a_lost_stranger(findings: Findings, txid: bytes) -> bool:
    """Whether it depends on a deposit from a dead transaction that paid us nothing and so is not watched."""
    return findings.is_dead(txid) and not is_seen_to_be_hopeless(findings, txid)


def is_seen_to_be_hopeless(findings: Findings, txid: bytes) -> bool:
    """Whether the inputs of our transactions and of deposits show it: no others are watched."""
    watched = findings.snapshot.own.keys() | {outpoint.txid for outpoint in findings.model.deposits_ever}
    if txid in findings.branch.transactions or txid not in watched:
        return False
    inputs = [Outpoint(spent.txid, spent.vout) for spent in findings.model.known[txid].inputs]
    return any(
        outpoint in findings.branch.spender or is_seen_to_be_hopeless(findings, outpoint.txid)
        for outpoint in inputs
    )
