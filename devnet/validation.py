"""What the mempool accepts: the checks of Core's `AcceptToMemoryPool`, in its order.

The node runs as with `-acceptnonstdtxn=0`, so it is as strict as mainnet. It can spend P2PKH outputs only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.chain import header
from app.chain.wire import Output, Transaction
from app.domain import dogecoin
from app.money import COIN, MAX_MONEY
from devnet import script, signatures
from devnet.chainstate import Chain, Coins, Outpoint
from devnet.mempool import INCREMENTAL_PER_KB, Mempool, MempoolEntry

MEMPOOL_HEIGHT: Final = 0x7FFFFFFF
MIN_RELAY_PER_KB: Final = COIN // 1000
HARD_DUST: Final = COIN // 1000
MAX_FEE: Final = 100 * COIN
MAX_STANDARD_BYTES: Final = 100_000
MAX_ANCESTORS: Final = 25
MAX_CHAIN_BYTES: Final = 101_000
MAX_REPLACED: Final = 100
COINBASE_MATURITY: Final = dogecoin.REGTEST.maturity(0)  # at every height of regtest
FREE_PRIORITY: Final = COIN * 144 // 250  # Core: AllowFree

INVALID, DUPLICATE, NON_STANDARD, LOW_FEE, HIGH_FEE, CONFLICT = 16, 18, 64, 66, 256, 258

_LOCK_BY_TIME = 500_000_000
_FINAL = 0xFFFFFFFF
_NO_RELATIVE_LOCK, _RELATIVE_TIME = 1 << 31, 1 << 22


class Refused(Exception):
    """The mempool does not accept the transaction: Core's reject code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")


class MissingInputs(Exception):
    """An input's transaction is unknown, or all its outputs are spent."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A transaction that the mempool accepts, and those that it replaces."""

    entry: MempoolEntry
    replaced: tuple[MempoolEntry, ...]


class Rules:
    """The checks, over one chain and one mempool."""

    def __init__(self, chain: Chain, mempool: Mempool) -> None:
        """Use the chain and the mempool as they are at each check."""
        self._chain = chain
        self._mempool = mempool

    def accept(
        self, transaction: Transaction, now: int, max_fee: int | None = MAX_FEE, *, limited: bool = True
    ) -> Accepted:
        """Decide whether the mempool accepts it, `now` in seconds, or raise `Refused` or `MissingInputs`.

        Changes nothing. What comes back from a block is not `limited` by the lowest rate of a full mempool.
        """
        _check_transaction(transaction)
        _check_standard(transaction)
        if not self.is_final(transaction):
            raise Refused(NON_STANDARD, "non-final")
        conflicts = self._replaceable(transaction)
        coins = _available(transaction, self.find)
        if not self._is_due(transaction, coins):
            raise Refused(NON_STANDARD, "non-BIP68-final")
        entry = self._entry(transaction, coins, now)
        if limited:
            self._check_floor(entry, now)
        self._check_fee(entry, max_fee)
        replaced = self._replaced(entry, conflicts)
        self._check_chain(entry, {other.txid for other in replaced})
        self._check_spends(transaction, coins)
        return Accepted(entry, replaced)

    def find(self, txid: bytes) -> Coins | None:
        """Return the unspent outputs of a transaction in the mempool or in the chain."""
        entry = self._mempool.entries.get(txid)
        return _coins(entry.transaction, MEMPOOL_HEIGHT) if entry else self._chain.coins.get(txid)

    def is_final(self, transaction: Transaction) -> bool:
        """Say whether its lock time allows it in the next block."""
        limit = (
            self._chain.height + 1 if transaction.lock_time < _LOCK_BY_TIME else self._chain.tip.median_time
        )
        return transaction.lock_time < limit or all(spent.sequence == _FINAL for spent in transaction.inputs)

    def _check_spends(
        self, transaction: Transaction, coins: list[tuple[Coins, Output]], *, in_block: bool = False
    ) -> None:
        """Check maturity, amounts and signatures; raise `Refused`."""
        for coin, _ in coins:
            if coin.coinbase and self._chain.height + 1 - coin.height < COINBASE_MATURITY:
                raise Refused(INVALID, "bad-txns-premature-spend-of-coinbase")
        value = sum(output.value for _, output in coins)
        if value > MAX_MONEY:
            raise Refused(INVALID, "bad-txns-inputvalues-outofrange")
        if value < sum(output.value for output in transaction.outputs):
            raise Refused(INVALID, "bad-txns-in-belowout")
        for index, (_, output) in enumerate(coins):
            fault = signatures.fault(transaction, index, output.script, in_block=in_block)
            if fault is not None:
                code, kind = (INVALID, "mandatory") if fault.mandatory else (NON_STANDARD, "non-mandatory")
                raise Refused(
                    code, f"{kind}-script-verify-flag{'-failed' if fault.mandatory else ''} ({fault.reason})"
                )

    def fees_in_block(self, transactions: Sequence[Transaction]) -> int:
        """Check the transactions of a block on the tip, in order; return their fees in koinu.

        Raises `Refused` or `MissingInputs`.
        """
        created: dict[bytes, Coins] = {}
        spent_here: set[Outpoint] = set()
        fees = 0
        for transaction in transactions:
            outpoints = [(spent.txid, spent.vout) for spent in transaction.inputs]
            if not spent_here.isdisjoint(outpoints):
                raise MissingInputs
            spent_here.update(outpoints)
            coins = _available(transaction, lambda txid: created.get(txid) or self._chain.coins.get(txid))
            _check_transaction(transaction)
            self._check_spends(transaction, coins, in_block=True)
            created[transaction.txid] = _coins(transaction, self._chain.height + 1)
            fees += _fee(transaction, coins)
        return fees

    def _replaceable(self, transaction: Transaction) -> list[bytes]:
        """Return its conflicts; refuse if one of them does not signal that it may be replaced (BIP125)."""
        conflicts = self._mempool.conflicts(transaction)
        for txid in conflicts:
            if all(spent.sequence >= _FINAL - 1 for spent in self._mempool.entries[txid].transaction.inputs):
                raise Refused(CONFLICT, "txn-mempool-conflict")
        return conflicts

    def _is_due(self, transaction: Transaction, coins: list[tuple[Coins, Output]]) -> bool:
        """Say whether the relative locks of BIP68 allow it in the next block."""
        if transaction.version < 2:
            return True
        for spent, (coin, _) in zip(transaction.inputs, coins, strict=True):
            if spent.sequence & _NO_RELATIVE_LOCK:
                continue
            height, span = min(coin.height, self._chain.height + 1), spent.sequence & 0xFFFF
            if spent.sequence & _RELATIVE_TIME:
                since = self._chain.active[max(height - 1, 0)].median_time
                if self._chain.tip.median_time < since + span * 512:
                    return False
            elif self._chain.height + 1 < height + span:
                return False
        return True

    def _entry(self, transaction: Transaction, coins: list[tuple[Coins, Output]], now: int) -> MempoolEntry:
        height = self._chain.height
        mined = [(coin.height, output.value) for coin, output in coins if coin.height <= height]
        coin_age = sum(value * (height - mined_at) for mined_at, value in mined)
        value = sum(value for _, value in mined)
        return MempoolEntry(transaction, _fee(transaction, coins), now, height, coin_age, value)

    def _check_floor(self, entry: MempoolEntry, now: int) -> None:
        min_rate = self._mempool.min_rate(now)
        if min_rate and entry.fee < _fee_at(min_rate, entry.size):
            raise Refused(LOW_FEE, "mempool min fee not met")

    def _check_fee(self, entry: MempoolEntry, max_fee: int | None) -> None:
        """Check the fee as sendrawtransaction does: peers demand more; old and large coins need none."""
        if (
            entry.fee < _fee_at(MIN_RELAY_PER_KB, entry.size)
            and entry.priority(self._chain.height + 1) <= FREE_PRIORITY
        ):
            raise Refused(LOW_FEE, "insufficient priority")
        if max_fee is not None and entry.fee > max_fee:
            raise Refused(HIGH_FEE, "absurdly-high-fee")

    def _check_chain(self, entry: MempoolEntry, replaced: set[bytes]) -> None:
        """Refuse what would make a chain of unconfirmed transactions, itself included, too long."""
        ancestors = [
            ancestor
            for ancestor in self._mempool.ancestors(entry.transaction)
            if ancestor.txid not in replaced
        ]
        families = ([ancestor, *self._mempool.descendants(ancestor.transaction)] for ancestor in ancestors)
        for chain in (ancestors, *families):
            size = entry.size + sum(member.size for member in chain)
            if len(chain) + 1 > MAX_ANCESTORS or size > MAX_CHAIN_BYTES:
                raise Refused(NON_STANDARD, "too-long-mempool-chain")

    def _replaced(self, entry: MempoolEntry, conflicts: list[bytes]) -> tuple[MempoolEntry, ...]:
        """Return what it replaces; refuse a replacement that pays too little."""
        replaced: dict[bytes, MempoolEntry] = {}
        for txid in conflicts:
            conflict = self._mempool.entries[txid]
            if entry.fee * conflict.size <= conflict.fee * entry.size:
                raise Refused(LOW_FEE, "insufficient fee")
            family = (conflict, *self._mempool.descendants(conflict.transaction))
            replaced |= {member.txid: member for member in family}
        if len(replaced) > MAX_REPLACED:
            raise Refused(NON_STANDARD, "too many potential replacements")
        fees = sum(member.fee for member in replaced.values())
        if replaced and entry.fee < fees + _fee_at(INCREMENTAL_PER_KB, entry.size):
            raise Refused(LOW_FEE, "insufficient fee")
        if any(spent.txid in replaced for spent in entry.transaction.inputs):
            raise Refused(INVALID, "bad-txns-spends-conflicting-tx")
        return tuple(replaced.values())


def _fee_at(per_kb: int, size: int) -> int:
    """Return the koinu for `size` bytes at a rate per 1,000 bytes, at least 1 (Core: `CFeeRate::GetFee`)."""
    return max(per_kb * size // 1000, 1)


def _fee(transaction: Transaction, coins: list[tuple[Coins, Output]]) -> int:
    return sum(output.value for _, output in coins) - sum(output.value for output in transaction.outputs)


def _coins(transaction: Transaction, height: int) -> Coins:
    return Coins(height, False, transaction.version, dict(enumerate(transaction.outputs)))


def _check_transaction(transaction: Transaction) -> None:
    """Check the transaction by itself (Core: `CheckTransaction`); raise `Refused`."""
    if sum(output.value for output in transaction.outputs) > MAX_MONEY:
        raise Refused(INVALID, "bad-txns-txouttotal-toolarge")
    if len({(spent.txid, spent.vout) for spent in transaction.inputs}) < len(transaction.inputs):
        raise Refused(INVALID, "bad-txns-inputs-duplicate")
    if transaction.is_coinbase:
        raise Refused(INVALID, "coinbase")
    if any(spent.txid == header.NO_HASH and spent.vout == 0xFFFFFFFF for spent in transaction.inputs):
        raise Refused(INVALID, "bad-txns-prevout-null")


def _check_standard(transaction: Transaction) -> None:
    """Check the form that nodes relay (Core: `IsStandardTx`); raise `Refused`."""
    rules: list[tuple[Callable[[], bool], str]] = [
        (lambda: transaction.version not in (1, 2), "version"),
        (lambda: transaction.size >= MAX_STANDARD_BYTES, "tx-size"),
        (lambda: any(len(spent.script) > 1650 for spent in transaction.inputs), "scriptsig-size"),
        (
            lambda: not all(script.is_push_only(spent.script) for spent in transaction.inputs),
            "scriptsig-not-pushonly",
        ),
        (
            lambda: not all(script.is_standard(output.script) for output in transaction.outputs),
            "scriptpubkey",
        ),
        (lambda: any(map(_is_dust, transaction.outputs)), "dust"),
        (lambda: sum(output.script[:1] == b"\x6a" for output in transaction.outputs) > 1, "multi-op-return"),
    ]
    for breaks, reason in rules:
        if breaks():
            raise Refused(NON_STANDARD, reason)


def _is_dust(output: Output) -> bool:
    return output.value < HARD_DUST and not script.is_unspendable(output.script)


def _available(transaction: Transaction, find: Callable[[bytes], Coins | None]) -> list[tuple[Coins, Output]]:
    """Return what the inputs spend; raise `MissingInputs`, or `Refused` if that is spent or is not P2PKH."""
    parents = [coins for spent in transaction.inputs if (coins := find(spent.txid)) is not None]
    if len(parents) < len(transaction.inputs):
        raise MissingInputs
    outputs = [
        (coins, coins.outputs.get(spent.vout))
        for coins, spent in zip(parents, transaction.inputs, strict=True)
    ]
    available = [(coins, output) for coins, output in outputs if output is not None]
    if len(available) < len(outputs):
        raise Refused(DUPLICATE, "bad-txns-inputs-spent")
    if any(script.classify(output.script).name != "pubkeyhash" for _, output in available):
        raise Refused(NON_STANDARD, "bad-txns-nonstandard-inputs")
    return available
