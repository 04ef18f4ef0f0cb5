"""What a transaction of ours weighs, what it pays for that, and who bears it. Amounts in koinu, sizes in bytes, rates in koinu/kB.

The numbers are Dogecoin Core 1.14's. There is more than one floor: at 0.001 DOGE/kB a transaction is relayed, but default miners
take it from 0.01 DOGE/kB on (-blockmintxfee); what lies between is forgotten after 24 hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from app import money
from app.domain.refusals import Conflict, Invalid
from app.money import COIN, DUST, Koinu

MINED_RATE: Final = Koinu(COIN // 100)
"""What is relayed and mined by default, per kB (-blockmintxfee, doc/fee-recommendation.md)."""

HIGHEST_RATE: Final = COIN
"""What we believe a node's estimate up to, per kB: a hundred times what is usual."""

HIGHEST_FEE: Final = Koinu(100 * COIN)
"""Of one transaction; the node calls more "absurdly-high-fee" (-maxtxfee)."""

USUAL_MAX_FEE: Final = COIN
"""What a payment may cost where its request does not say (GigaWallet's default)."""

MAX_BYTES: Final = 99_999
"""Of a transaction that is relayed: its weight is below 400,000 (policy/policy.h)."""

INPUT_BYTES: Final = 148
"""At most, spending P2PKH with a compressed key: outpoint 36, script length 1, signature 1 + 72, key 1 + 33, sequence 4.

A low-S signature is 71 bytes of DER at most, and a byte for the kind of hash. Every second one is a byte shorter.
"""

PERCENT: Final = 10**8
"""One percent, in the unit of shares: `money.parse` reads them as it reads DOGE."""

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
    """The rate that is paid and the lowest that is relayed and mined, with `MINED_RATE <= floor <= rate <= HIGHEST_RATE`."""

    rate: Koinu = MINED_RATE
    floor: Koinu = MINED_RATE

    def __post_init__(self) -> None:
        if not MINED_RATE <= self.floor <= self.rate <= HIGHEST_RATE:
            raise ValueError(f"a rate of {self.rate} above a floor of {self.floor} koinu/kB")

    @classmethod
    def of(cls, estimate: Koinu | None, node_minimum: Koinu = money.NOTHING) -> "Policy":
        """Believe the node within bounds: `estimate` of estimatesmartfee, None where it says -1.

        `node_minimum` is what it takes into its mempool: the larger of `relayfee` and `mempoolminfee`.
        """
        floor = min(max(node_minimum, MINED_RATE), HIGHEST_RATE)
        return cls(min(max(estimate or money.NOTHING, floor), HIGHEST_RATE), floor)


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """What one transaction may cost: `explicit` replaces the computed fee, `most` caps it. Never below the policy's floor."""

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
        """Read a payment's `explicit_fee` and `max_fee`, where 0 or less means that it says nothing; else `FeeAboveLimit`."""
        limit = explicit_fee if explicit_fee > 0 else max_fee if max_fee > 0 else USUAL_MAX_FEE
        if explicit_fee > HIGHEST_FEE:
            raise above_limit(explicit_fee, HIGHEST_FEE).about("explicit_fee")
        most = Koinu(min(limit, HIGHEST_FEE))
        return cls(policy, most, most if explicit_fee > 0 else None)

    def within(self, reserved: Koinu) -> "FeeTerms":
        """Return the terms where only `reserved` was set aside for the fee; `FeeAboveLimit` if the explicit fee is more."""
        if self.explicit is not None and self.explicit > reserved:
            raise above_limit(self.explicit, reserved)
        return replace(self, most=min(self.most, reserved))

    @property
    def largest(self) -> int:
        """The most bytes that these terms get relayed and mined."""
        return min(MAX_BYTES, self.most * _KB // self.policy.floor)

    @property
    def input_fee(self) -> Koinu:
        """What one input more adds to the fee, rounded down."""
        return money.NOTHING if self.explicit is not None else Koinu(INPUT_BYTES * self.policy.rate // _KB)

    def fee(self, size_bytes: int) -> Koinu:
        """Return what is paid for `size_bytes`; `FeeAboveLimit` where `most` is below the floor."""
        if size_bytes > self.most * _KB // self.policy.floor:
            raise above_limit(fee(size_bytes, self.policy.floor), self.most)
        return self.asked(size_bytes)

    def asked(self, size_bytes: int) -> Koinu:
        """Return what these terms offer for `size_bytes`, whether or not that reaches the floor."""
        return (
            self.explicit if self.explicit is not None else min(fee(size_bytes, self.policy.rate), self.most)
        )


def fee(size_bytes: int, rate: Koinu) -> Koinu:
    """Fee of `size_bytes` at `rate` koinu/kB, rounded up: Core rounds down, so this is never below what it asks."""
    return Koinu(-(-size_bytes * rate // _KB))


def size(inputs: int, output_scripts: Sequence[bytes]) -> int:
    """Bytes of a transaction that spends `inputs` P2PKH coins, at most: with every signature at its longest."""
    return frame(inputs, len(output_scripts)) + inputs * INPUT_BYTES + sum(map(output_bytes, output_scripts))


def frame(inputs: int, outputs: int) -> int:
    """Bytes of a transaction besides its inputs and outputs; it grows where a count takes more bytes."""
    return _OUTER_BYTES + _count_bytes(inputs) + _count_bytes(outputs)


def output_bytes(script: bytes) -> int:
    """Bytes of one output: 34 for P2PKH, 32 for P2SH."""
    return 8 + _count_bytes(len(script)) + len(script)


def deduct(amounts: Sequence[Koinu], shares: Sequence[int], paid: Koinu) -> list[Koinu]:
    """Take the fee `paid` out of `amounts` by `shares` (see `PERCENT`) and return what each output gets, in the same order.

    To the koinu: what is taken sums to `paid`. `BelowDust` where an output that bears a share would be left with less than 0.01 DOGE.
    """
    remaining = [Koinu(amount - part) for amount, part in zip(amounts, apportion(paid, shares), strict=True)]
    for requested, amount in zip(amounts, remaining, strict=True):
        if amount < DUST:
            raise BelowDust(amount=money.show(amount), requested=money.show(requested), dust=money.show(DUST))
    return remaining


def apportion(total: Koinu, weights: Sequence[int]) -> list[Koinu]:
    """Divide `total` by `weights`, rounded down; what that leaves over goes to the largest, the first among equals."""
    if min(weights, default=0) < 0 or not any(weights):
        raise ValueError(f"nobody bears {total} koinu by the weights {list(weights)}")
    whole = sum(weights)
    parts = [Koinu(total * weight // whole) for weight in weights]
    largest = max(range(len(weights)), key=lambda at: (weights[at], -at))
    parts[largest] = Koinu(parts[largest] + total - sum(parts))
    return parts


def reapportion(parts: Sequence[Koinu], total: Koinu, rooms: Sequence[int]) -> list[Koinu]:
    """Divide another `total` so that each part moves in the same direction, and grows by no more than its room."""
    more = total - sum(parts)
    if more < 0:
        return [Koinu(part - less) for part, less in zip(parts, _within(-more, parts), strict=True)]
    return [Koinu(part + plus) for part, plus in zip(parts, _within(more, rooms), strict=True)]


def _within(total: int, rooms: Sequence[int]) -> list[int]:
    """Divide by the rooms and into them; ValueError where they do not hold it."""
    whole = sum(rooms)
    if total > whole:
        raise ValueError(f"{total} koinu do not fit into {list(rooms)}")
    parts = [total * room // whole if whole else 0 for room in rooms]
    rest = total - sum(parts)
    for at, room in enumerate(rooms):
        if rest and parts[at] < room:
            parts[at] += 1
            rest -= 1
    return parts


def checked_shares(shares: Sequence[int]) -> tuple[int, ...]:
    """Return the `deduct_fee_percent` of a payment's outputs: empty where none bears the fee. They sum to 100, else `Invalid`."""
    if not any(shares):
        return ()
    if min(shares) < 0 or sum(shares) != 100 * PERCENT:
        reason = "deduct_fee_percent must sum to exactly 100, with none below 0."
        raise Invalid(reason=reason, field="deduct_fee_percent")
    return tuple(shares)


def above_limit(needed: int, limit: int) -> FeeAboveLimit:
    """Say what is needed and what is allowed, in DOGE."""
    return FeeAboveLimit(needed=money.show(needed), limit=money.show(limit))


def _count_bytes(count: int) -> int:
    """Bytes of a CompactSize."""
    return 1 if count < 253 else 3 if count < 2**16 else 5
