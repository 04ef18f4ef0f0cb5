"""The size of a transaction, its fee, and who bears it. Amounts in koinu, sizes in bytes, rates in koinu/kB.

The numbers are Dogecoin Core 1.14's. Nodes relay a transaction that pays 0.001 DOGE/kB, but miners take it by
default only from 0.01 DOGE/kB on (-blockmintxfee). Nodes forget what pays less than that after 24 hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from app import money
from app.domain.refusals import Conflict, Invalid
from app.money import COIN, DUST, Koinu

MINED_RATE: Final = Koinu(COIN // 100)
"""The lowest rate that is relayed and mined by default (-blockmintxfee, doc/fee-recommendation.md)."""

HIGHEST_RATE: Final = COIN
"""The highest estimate of a node that we believe: a hundred times the usual rate."""

HIGHEST_FEE: Final = Koinu(100 * COIN)
"""The highest fee of one transaction; the node calls more "absurdly-high-fee" (-maxtxfee)."""

USUAL_MAX_FEE: Final = COIN
"""The highest fee of a payment whose request names none (GigaWallet's default)."""

MAX_BYTES: Final = 99_999
"""The largest transaction that is relayed: its weight is below 400,000 (policy/policy.h)."""

INPUT_BYTES: Final = 148
"""The largest input that spends P2PKH with a compressed key.

Its parts are an outpoint of 36 bytes, a script length of 1, a signature of 1 + 72, a key of 1 + 33, and a
sequence of 4. A low-S signature has at most 71 bytes of DER, and one for the kind of hash. Every second
signature is a byte shorter.
"""

CHANGE_SCRIPT: Final = bytes(25)
"""Stands for the P2PKH script of a change output whose address is not known yet: it has the same size."""

PERCENT: Final = 10**8
"""One percent, in the unit of shares: `money.parse` reads shares as it reads DOGE."""

_OUTER_BYTES = 8  # version and lock time
_KB = 1000


class FeeAboveLimit(Conflict):
    """The transaction needs a fee of {needed}; at most {limit} may be paid."""

    code: ClassVar[str | None] = "fee-above-limit"


class BelowDust(Invalid):
    """An output of {amount} would be left of {requested} after the fee; outputs below {dust} are not made."""

    code: ClassVar[str | None] = "invalid-txn"


@dataclass(frozen=True, slots=True)
class Policy:
    """The rate that we pay, and the lowest rate (`floor`) that is relayed and mined.

    `MINED_RATE <= floor <= rate <= HIGHEST_RATE`, else ValueError.
    """

    rate: Koinu = MINED_RATE
    floor: Koinu = MINED_RATE

    def __post_init__(self) -> None:
        if not MINED_RATE <= self.floor <= self.rate <= HIGHEST_RATE:
            raise ValueError(f"a rate of {self.rate} above a floor of {self.floor} koinu/kB")

    @classmethod
    def of(cls, estimate: Koinu | None, node_minimum: Koinu = money.NOTHING) -> "Policy":
        """Believe the node within bounds. `estimate` is that of estimatesmartfee, None where it says -1.

        `node_minimum` is the lowest rate of its mempool: the larger of `relayfee` and `mempoolminfee`.
        """
        floor = min(max(node_minimum, MINED_RATE), HIGHEST_RATE)
        return cls(min(max(estimate or money.NOTHING, floor), HIGHEST_RATE), floor)


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """What one transaction may cost: `explicit` replaces the computed fee, and `most` caps it.

    The fee is never below the policy's floor.
    """

    policy: Policy
    most: Koinu = USUAL_MAX_FEE
    explicit: Koinu | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.most <= HIGHEST_FEE or self.explicit not in (None, self.most):
            raise ValueError(f"a fee of {self.explicit}, at most {self.most} koinu")

    @classmethod
    def of(
        cls, policy: Policy, explicit_fee: Koinu = money.NOTHING, max_fee: Koinu = money.NOTHING
    ) -> "FeeTerms":
        """Read a payment's `explicit_fee` and `max_fee`; one of 0 or less counts as not named.

        Raises FeeAboveLimit where `explicit_fee` is above `HIGHEST_FEE`.
        """
        limit = explicit_fee if explicit_fee > 0 else max_fee if max_fee > 0 else USUAL_MAX_FEE
        if explicit_fee > HIGHEST_FEE:
            raise above_limit(explicit_fee, HIGHEST_FEE).about("explicit_fee")
        most = Koinu(min(limit, HIGHEST_FEE))
        return cls(policy, most, most if explicit_fee > 0 else None)

    def within(self, reserved: Koinu) -> "FeeTerms":
        """Return the terms with a fee of at most `reserved`, which is what was set aside for it.

        Raises FeeAboveLimit where the explicit fee is more.
        """
        if self.explicit is not None and self.explicit > reserved:
            raise above_limit(self.explicit, reserved)
        return replace(self, most=min(self.most, reserved))

    @property
    def largest(self) -> int:
        """The size of the largest transaction that these terms get relayed and mined."""
        return min(MAX_BYTES, self.most * _KB // self.policy.floor)

    @property
    def input_fee(self) -> Koinu:
        """What another input adds to the fee, rounded down."""
        return money.NOTHING if self.explicit is not None else Koinu(INPUT_BYTES * self.policy.rate // _KB)

    def fee(self, size_bytes: int) -> Koinu:
        """Return the fee for `size_bytes`. Raises FeeAboveLimit where `most` is below the floor."""
        if size_bytes > self.most * _KB // self.policy.floor:
            raise above_limit(fee(size_bytes, self.policy.floor), self.most)
        return self.offer(size_bytes)

    def offer(self, size_bytes: int) -> Koinu:
        """Return what these terms offer for `size_bytes`, even where that is below the floor."""
        return min(fee(size_bytes, self.policy.rate), self.most) if self.explicit is None else self.explicit


def fee(size_bytes: int, rate: Koinu) -> Koinu:
    """Return the fee of `size_bytes` at `rate` koinu/kB, rounded up.

    Core rounds down, so this is never below what Core asks for.
    """
    return Koinu(-(-size_bytes * rate // _KB))


def size(inputs: int, output_scripts: Sequence[bytes]) -> int:
    """Return the size of a transaction with so many P2PKH `inputs`, each with the longest signature."""
    return frame(inputs, len(output_scripts)) + inputs * INPUT_BYTES + sum(map(output_bytes, output_scripts))


def frame(inputs: int, outputs: int) -> int:
    """Return the size of a transaction without inputs and outputs; a larger count may take more bytes."""
    return _OUTER_BYTES + _count_bytes(inputs) + _count_bytes(outputs)


def output_bytes(script: bytes) -> int:
    """Return the size of one output: 34 for P2PKH, 32 for P2SH."""
    return 8 + _count_bytes(len(script)) + len(script)


def deduct(amounts: Sequence[Koinu], shares: Sequence[int], paid: Koinu) -> list[Koinu]:
    """Take the fee `paid` out of `amounts` by `shares` (see `PERCENT`); return what each output gets.

    What is taken sums to `paid`, to the koinu. Raises BelowDust where less than 0.01 DOGE is left of an
    output.
    """
    remaining = [Koinu(amount - part) for amount, part in zip(amounts, apportion(paid, shares), strict=True)]
    for requested, amount in zip(amounts, remaining, strict=True):
        if amount < DUST:
            raise BelowDust(amount=money.show(amount), requested=money.show(requested), dust=money.show(DUST))
    return remaining


def apportion(total: Koinu, weights: Sequence[int]) -> list[Koinu]:
    """Divide `total` by `weights`, rounded down. The first of the largest weights gets the rest."""
    if min(weights, default=0) < 0 or not any(weights):
        raise ValueError(f"nobody bears {total} koinu by the weights {list(weights)}")
    whole = sum(weights)
    parts = [Koinu(total * weight // whole) for weight in weights]
    largest = max(range(len(weights)), key=lambda index: (weights[index], -index))
    parts[largest] = Koinu(parts[largest] + total - sum(parts))
    return parts


def reapportion(parts: Sequence[Koinu], total: Koinu, rooms: Sequence[int]) -> list[Koinu]:
    """Divide another `total`: all parts grow or all shrink, and none grows by more than its room.

    Raises ValueError where the rooms do not hold what is to be added.
    """
    added = total - sum(parts)
    if added < 0:
        return [Koinu(part - less) for part, less in zip(parts, _divide(-added, parts), strict=True)]
    return [Koinu(part + more) for part, more in zip(parts, _divide(added, rooms), strict=True)]


def _divide(total: int, rooms: Sequence[int]) -> list[int]:
    """Divide `total` in proportion to the rooms, and by no more than each of them holds."""
    whole = sum(rooms)
    if total > whole:
        raise ValueError(f"{total} koinu do not fit into {list(rooms)}")
    parts = [total * room // whole if whole else 0 for room in rooms]
    rest = total - sum(parts)
    for index, room in enumerate(rooms):
        if rest and parts[index] < room:
            parts[index] += 1
            rest -= 1
    return parts


def checked_shares(shares: Sequence[int]) -> tuple[int, ...]:
    """Return the `deduct_fee_percent` of a payment's outputs, empty where none bears the fee.

    Raises Invalid where they do not sum to 100, or one is below 0.
    """
    if not any(shares):
        return ()
    if min(shares) < 0 or sum(shares) != 100 * PERCENT:
        reason = "deduct_fee_percent must sum to exactly 100, with none below 0."
        raise Invalid(reason=reason, field="deduct_fee_percent")
    return tuple(shares)


def above_limit(needed: int, limit: int) -> FeeAboveLimit:
    """Return the refusal with both amounts in DOGE."""
    return FeeAboveLimit(needed=money.show(needed), limit=money.show(limit))


def _count_bytes(count: int) -> int:
    """Return the size of a CompactSize."""
    return 1 if count < 253 else 3 if count < 2**16 else 5
