"""What a transaction must be like to wait in the mempool: the checks of Core's `AcceptToMemoryPool`, in its order.

The node runs as with `-acceptnonstdtxn=0`, so that it is as strict as mainnet. Of all outputs it can spend P2PKH only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.chain import header
from app.chain.wire import Output, Transaction
from app.domain import dogecoin
from app.money import COIN, DUST, MAX_MONEY
from devnet import script, signatures
from devnet.chainstate import Chain, Coins, Outpoint
from devnet.mempool import INCREMENTAL_PER_KB, Mempool, Waiting

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
    """The transaction may not wait here: Core's reject code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        """Say it as the node does, "64: dust"."""
        super().__init__(f"{code}: {reason}")


class MissingInputs(Exception):
    """An input's transaction is unknown, or all its outputs are spent."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A transaction that may wait, and those that have to go for it."""

    waiting: Waiting
    replaced: tuple[Waiting, ...]


class Rules:
    """The checks, over one chain and one mempool."""

    def __init__(self, chain: Chain, mempool: Mempool) -> None:
        """Look at the chain and the mempool as they are whenever something is checked."""
        self._chain = chain
        self._mempool = mempool

    def accept(
        self, transaction: Transaction, now: int, max_fee: int | None = MAX_FEE, *, limited: bool = True
    ) -> Accepted:
        """Decide whether it may wait, `now` in seconds; raises `Refused` or `MissingInputs`. Changes nothing.

        What comes back from a block is not `limited` by what a full mempool takes.
        """
        check_alone(transaction)
        check_standard(transaction)
        if not self.is_final(transaction):
            raise Refused(NON_STANDARD, "non-final")
        conflicts = self._replaceable(transaction)
        spent = _available(transaction, self.find)
        if not self._is_due(transaction, spent):
            raise Refused(NON_STANDARD, "non-BIP68-final")
        waiting = self._weigh(transaction, spent, now)
        if limited:
            self._check_floor(waiting, now)
        self._check_fee(waiting, max_fee)
        replaced = self._replaced(waiting, conflicts)
        self._check_chain(waiting, {gone.txid for gone in replaced})
        self.check_spends(transaction, spent)
        return Accepted(waiting, replaced)

    def find(self, txid: bytes) -> Coins | None:
        """Look up what is left of a transaction's outputs, in the mempool or in the chain."""
        waiting = self._mempool.entries.get(txid)
        if waiting is None:
            return self._chain.coins.get(txid)
        return Coins(
            MEMPOOL_HEIGHT, False, waiting.transaction.version, dict(enumerate(waiting.transaction.outputs))
        )

    def is_final(self, transaction: Transaction) -> bool:
        """Tell whether the next block may hold it as far as its lock time goes."""
        limit = (
            self._chain.height + 1 if transaction.lock_time < _LOCK_BY_TIME else self._chain.tip.median_time
        )
        return transaction.lock_time < limit or all(spent.sequence == _FINAL for spent in transaction.inputs)

    def check_spends(
        self, transaction: Transaction, coins: list[tuple[Coins, Output]], *, in_block: bool = False
    ) -> None:
        """Check maturity, amounts and signatures; raises `Refused`."""
        for coin, _ in coins:
            if coin.coinbase and self._chain.height + 1 - coin.height < COINBASE_MATURITY:
                raise Refused(INVALID, "bad-txns-premature-spend-of-coinbase")
        value = sum(output.value for _, output in coins)
        if value > MAX_MONEY:
            raise Refused(INVALID, "bad-txns-inputvalues-outofrange")
        if value < sum(output.value for output in transaction.outputs):
            raise Refused(INVALID, "bad-txns-in-belowout")
        for at, (_, output) in enumerate(coins):
            fault = signatures.fault(transaction, at, output.script, in_block=in_block)
            if fault is not None:
                code, kind = (INVALID, "mandatory") if fault.mandatory else (NON_STANDARD, "non-mandatory")
                raise Refused(
                    code, f"{kind}-script-verify-flag{'-failed' if fault.mandatory else ''} ({fault.reason})"
                )

    def fees_in_block(self, transactions: Sequence[Transaction]) -> int:
        """Check the transactions of a block on the tip, in order; koinu they leave to it. Raises `Refused` or `MissingInputs`."""
        made: dict[bytes, Coins] = {}
        spent_here: set[Outpoint] = set()
        fees = 0
        for transaction in transactions:
            outpoints = [(spent.txid, spent.vout) for spent in transaction.inputs]
            if not spent_here.isdisjoint(outpoints):
                raise MissingInputs
            spent_here.update(outpoints)
            coins = _available(transaction, lambda txid: made.get(txid) or self._chain.coins.get(txid))
            check_alone(transaction)
            self.check_spends(transaction, coins, in_block=True)
            made[transaction.txid] = Coins(
                self._chain.height + 1, False, transaction.version, dict(enumerate(transaction.outputs))
            )
            fees += sum(output.value for _, output in coins) - sum(
                output.value for output in transaction.outputs
            )
        return fees

    def _replaceable(self, transaction: Transaction) -> list[bytes]:
        """Who has to go; refuses where one of them does not signal that it may be replaced (BIP125)."""
        conflicts = self._mempool.conflicts(transaction)
        for txid in conflicts:
            if all(spent.sequence >= _FINAL - 1 for spent in self._mempool.entries[txid].transaction.inputs):
                raise Refused(CONFLICT, "txn-mempool-conflict")
        return conflicts

    def _is_due(self, transaction: Transaction, coins: list[tuple[Coins, Output]]) -> bool:
        """Tell whether the relative locks of BIP68 have run out for the next block."""
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

    def _weigh(self, transaction: Transaction, coins: list[tuple[Coins, Output]], now: int) -> Waiting:
        height = self._chain.height
        fee = sum(output.value for _, output in coins) - sum(output.value for output in transaction.outputs)
        mined = [(coin.height, output.value) for coin, output in coins if coin.height <= height]
        age = sum(value * (height - at) for at, value in mined)
        return Waiting(transaction, fee, now, height, age, sum(value for _, value in mined))

    def _check_floor(self, waiting: Waiting, now: int) -> None:
        least = self._mempool.min_rate(now)
        if least and waiting.fee < rate(least, waiting.size):
            raise Refused(LOW_FEE, "mempool min fee not met")

    def _check_fee(self, waiting: Waiting, max_fee: int | None) -> None:
        """The fee that sendrawtransaction asks for: less than peers do, nothing at all of old and large coins."""
        if (
            waiting.fee < rate(MIN_RELAY_PER_KB, waiting.size)
            and waiting.priority(self._chain.height + 1) <= FREE_PRIORITY
        ):
            raise Refused(LOW_FEE, "insufficient priority")
        if max_fee is not None and waiting.fee > max_fee:
            raise Refused(HIGH_FEE, "absurdly-high-fee")

    def _check_chain(self, waiting: Waiting, leaving: set[bytes]) -> None:
        """Refuse what would make a chain of unconfirmed transactions too long (the transaction itself counts)."""
        ancestors = [
            entry for entry in self._mempool.ancestors(waiting.transaction) if entry.txid not in leaving
        ]
        too_long = (
            len(ancestors) + 1 > MAX_ANCESTORS
            or waiting.size + sum(entry.size for entry in ancestors) > MAX_CHAIN_BYTES
        )
        for ancestor in ancestors:
            below = self._mempool.descendants(ancestor.transaction)
            size = ancestor.size + waiting.size + sum(entry.size for entry in below)
            too_long = too_long or len(below) + 2 > MAX_ANCESTORS or size > MAX_CHAIN_BYTES
        if too_long:
            raise Refused(NON_STANDARD, "too-long-mempool-chain")

    def _replaced(self, waiting: Waiting, conflicts: list[bytes]) -> tuple[Waiting, ...]:
        """List who has to go; refuses a replacement that does not pay for it."""
        gone: dict[bytes, Waiting] = {}
        for txid in conflicts:
            direct = self._mempool.entries[txid]
            if waiting.fee * direct.size <= direct.fee * waiting.size:
                raise Refused(LOW_FEE, "insufficient fee")
            gone.update(
                {entry.txid: entry for entry in (direct, *self._mempool.descendants(direct.transaction))}
            )
        if len(gone) > MAX_REPLACED:
            raise Refused(NON_STANDARD, "too many potential replacements")
        if gone and waiting.fee < sum(entry.fee for entry in gone.values()) + rate(
            INCREMENTAL_PER_KB, waiting.size
        ):
            raise Refused(LOW_FEE, "insufficient fee")
        if any(spent.txid in gone for spent in waiting.transaction.inputs):
            raise Refused(INVALID, "bad-txns-spends-conflicting-tx")
        return tuple(gone.values())


def rate(per_kb: int, size: int) -> int:
    """Koinu for `size` bytes at a rate per 1,000 bytes, never less than 1 (Core: `CFeeRate::GetFee`)."""
    return max(per_kb * size // 1000, 1)


def check_alone(transaction: Transaction) -> None:
    """Check what needs no other knowledge (Core: `CheckTransaction`); raises `Refused`."""
    if sum(output.value for output in transaction.outputs) > MAX_MONEY:
        raise Refused(INVALID, "bad-txns-txouttotal-toolarge")
    if len({(spent.txid, spent.vout) for spent in transaction.inputs}) < len(transaction.inputs):
        raise Refused(INVALID, "bad-txns-inputs-duplicate")
    if transaction.is_coinbase:
        raise Refused(INVALID, "coinbase")
    if any(spent.txid == header.NO_HASH and spent.vout == 0xFFFFFFFF for spent in transaction.inputs):
        raise Refused(INVALID, "bad-txns-prevout-null")


def check_standard(transaction: Transaction) -> None:
    """Check the form that nodes pass on (Core: `IsStandardTx`); raises `Refused`."""
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
        (lambda: any(_is_dust(output, HARD_DUST) for output in transaction.outputs), "dust"),
        (lambda: sum(output.script[:1] == b"\x6a" for output in transaction.outputs) > 1, "multi-op-return"),
    ]
    for breaks, reason in rules:
        if breaks():
            raise Refused(NON_STANDARD, reason)


def relay_fee(transaction: Transaction) -> int:
    """What peers ask for passing it on, in koinu: the minimum, and the dust limit for each output below it."""
    return rate(MIN_RELAY_PER_KB, transaction.size) + DUST * sum(
        _is_dust(output, DUST) for output in transaction.outputs
    )


def _is_dust(output: Output, limit: int) -> bool:
    return output.value < limit and not script.is_unspendable(output.script)


def _available(transaction: Transaction, find: Callable[[bytes], Coins | None]) -> list[tuple[Coins, Output]]:
    """Look up what the inputs spend; raises `MissingInputs`, or `Refused` for what is spent already or is not P2PKH."""
    found = [(find(spent.txid), spent.vout) for spent in transaction.inputs]
    if any(coins is None for coins, _ in found):
        raise MissingInputs
    known = [(coins, coins.outputs.get(vout)) for coins, vout in found if coins is not None]
    available = [(coins, output) for coins, output in known if output is not None]
    if len(available) < len(known):
        raise Refused(DUPLICATE, "bad-txns-inputs-spent")
    if any(script.classify(output.script).name != "pubkeyhash" for _, output in available):
        raise Refused(NON_STANDARD, "bad-txns-nonstandard-inputs")
    return available
