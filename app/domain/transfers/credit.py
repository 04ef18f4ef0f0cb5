"""Credits: what the operator gives an account and takes from it; the treasury issues all of it but Dogecoin."""

from typing import Final, NamedTuple

from app.domain.ledger import RawAmount
from app.domain.refusals import Invalid
from app.domain.transfers.making import ISSUER, Payee, TransferOrder
from app.money import DOGE

SPEND: Final = "SPEND"


class Minting(Invalid):
    """DOGE comes from the chain or from another account, never by {kind}."""

    field = "asset"


class Credit(NamedTuple):
    """What an account is to get (TOPUP, BONUS) or to give (SPEND)."""

    foreign_id: str
    kind: str
    asset: str
    amount: RawAmount
    reference: tuple[str, str] = ("", "")
    metadata: str = "{}"

    def order(self, key: str, platform: str) -> TransferOrder:
        """Return the transfer that it is; DOGE that is spent goes to the account named `platform`."""
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
