"""Credits: what the operator gives an account, or takes from it. The treasury never issues Dogecoin."""

from typing import Final, NamedTuple

from app.domain.ledger import RawAmount
from app.domain.refusals import Invalid
from app.domain.transfers.making import ISSUER, Payee, TransferOrder
from app.domain.transfers.transfer import Transfer
from app.money import DOGE

SPEND: Final = "SPEND"
CREDITS: Final = ("TOPUP", "BONUS", SPEND)
"""The kinds of entries by which the operator gives and takes."""


class Minting(Invalid):
    """DOGE comes from the chain or from another account, never by {kind}."""

    field = "asset"


class Credit(NamedTuple):
    """An amount that an account gets (TOPUP, BONUS) or gives (SPEND)."""

    foreign_id: str
    kind: str
    asset: str
    amount: RawAmount
    reference: tuple[str, str] = ("", "")
    metadata: str = "{}"

    def order(self, key: str, platform: str) -> TransferOrder:
        """Return it as a transfer; DOGE that is spent goes to the account named `platform`."""
        if self.kind != SPEND and self.asset == DOGE:
            raise Minting(kind=self.kind)
        other = platform if self.asset == DOGE else ISSUER
        payer, payee = (self.foreign_id, other) if self.kind == SPEND else (other, self.foreign_id)
        return TransferOrder(
            key,
            payer,
            (Payee(payee, self.amount, ("foreign_id", "amount", "asset")),),
            self.asset,
            self.kind,
            self.reference,
            self.metadata,
            field="foreign_id",
            opening=other or "",
        )


def is_credit(transfer: Transfer) -> bool:
    """Whether the operator has given or taken it."""
    return transfer.kind in CREDITS


def holder(credit: Transfer) -> str:
    """Return the foreign_id of the account that has got or given a credit."""
    return credit.payer if credit.kind == SPEND else credit.payee
