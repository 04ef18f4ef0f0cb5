"""What a caller wants paid on the chain: outputs, who bears the fee, and how much it may be; checked at birth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.domain import dogecoin
from app.domain.dogecoin import Network
from app.domain.payments import fees
from app.domain.refusals import Invalid
from app.money import DUST, MAX_MONEY, NOTHING, Koinu, show

PAYEES: Final = 250
"""Outputs of one payment: well within one transaction, and within one byte of count."""
PAYOUT: Final = "payout"
"""The kind that an account's payout settings ask for."""
CONSOLIDATION: Final = "consolidation"
"""The kind that pays nobody: it merges coins of ours, and its fee is all that leaves."""


@dataclass(frozen=True, slots=True)
class Payee:
    """One output: `share` of the fee in `fees.PERCENT`, 0 where the payer bears it; `place` is its name in the request."""

    address: str
    script: bytes
    amount: Koinu
    share: int = 0
    place: str = ""

    @classmethod
    def of(cls, network: Network, place: str, address: str, amount: Koinu, share: int = 0) -> "Payee":
        """Check an output that the request names `place`; Invalid names the field."""
        try:
            script = dogecoin.to_script(network, address)
        except dogecoin.BadAddress as error:
            raise Invalid(reason=str(error), field=f"{place}to") from None
        if not DUST <= amount <= MAX_MONEY:
            raise Invalid(
                reason=f"An amount is from {show(DUST)} to {show(MAX_MONEY)} DOGE.", field=f"{place}amount"
            )
        return cls(address, script, amount, share, place)


@dataclass(frozen=True, slots=True)
class PayOrder:
    """A payment that is wanted. Fees of zero say nothing (GigaWallet).

    `batch` lets it share a transaction; None: as the account says.
    `invoice` is the (account, index) of the invoice that a refund gives back; `seconds` how long an unsent transaction
    of `paytx` may wait.
    """

    foreign_id: str
    payees: tuple[Payee, ...]
    kind: str = "pay"
    explicit_fee: Koinu = NOTHING
    max_fee: Koinu = NOTHING
    batch: bool | None = None
    reference: str = ""
    invoice: tuple[int, int] | None = None
    seconds: int | None = None

    def __post_init__(self) -> None:
        """Refuse what could never be paid."""
        if not (self.kind != CONSOLIDATION) <= len(self.payees) <= PAYEES:
            raise Invalid(reason=f"A payment has from 1 to {PAYEES} outputs.", field="pay")
        if self.amount > MAX_MONEY:
            raise Invalid(reason=f"A payment is at most {show(MAX_MONEY)} DOGE.", field="pay")
        for name in ("explicit_fee", "max_fee"):
            if getattr(self, name) < 0:
                raise Invalid(reason=f"{name} is not below zero.", field=name)
        if self.explicit_fee > self.max_fee > 0:
            raise Invalid(reason="explicit_fee is above max_fee.", field="explicit_fee")
        fees.checked_shares(self.shares)
        if self.largest_fee < self.least_fee:
            raise fees.above_limit(self.least_fee, self.largest_fee).about(
                "explicit_fee" if self.explicit_fee else "max_fee"
            )

    @property
    def amount(self) -> Koinu:
        """The sum of the outputs as asked for."""
        return Koinu(sum(payee.amount for payee in self.payees))

    @property
    def shares(self) -> Sequence[int]:
        """Who bears the fee."""
        return [payee.share for payee in self.payees]

    @property
    def deducts(self) -> bool:
        """Whether the fee comes out of the outputs."""
        return any(self.shares)

    @property
    def largest_fee(self) -> Koinu:
        """What the fee may be at most."""
        return fees.FeeTerms.of(fees.Policy(), self.explicit_fee, self.max_fee).most

    @property
    def least_fee(self) -> Koinu:
        """What the smallest transaction that does this pays: one input and no change."""
        return fees.fee(fees.size(1, [payee.script for payee in self.payees]), fees.MINED_RATE)
