"""How transfers are shown."""

from collections.abc import Sequence

from pydantic import ConfigDict

from app.api import amounts, answers
from app.domain.transfers import Share, Transfer


class ShareView(answers.View):
    """What one of several accounts gave or got."""

    account: str
    amount: amounts.ShownOut


class TransferView(answers.View):
    """Money that went from one account to another; of several, each with its share. `reversed` is what came back of it."""

    id: int
    type: str
    from_: str | list[ShareView]
    to: str | list[ShareView]
    asset: str
    amount: amounts.ShownOut
    reference_type: str
    reference: str
    metadata: answers.JsonObject
    reversed: amounts.ShownOut
    reverses: int | None
    created: answers.Time

    model_config = ConfigDict(
        frozen=True, extra="forbid", serialize_by_alias=True, alias_generator=lambda name: name.rstrip("_"),
        validate_by_name=True,
    )  # fmt: skip

    @classmethod
    def of(cls, transfer: Transfer) -> "TransferView":
        """Show a transfer."""
        return cls(
            id=transfer.id,
            type=transfer.kind,
            from_=_side(transfer, transfer.givers),
            to=_side(transfer, transfer.takers),
            asset=transfer.asset,
            amount=transfer.show(transfer.amount),
            reference_type=transfer.reference_type,
            reference=transfer.reference,
            metadata=transfer.metadata,
            reversed=transfer.show(transfer.reversed),
            reverses=transfer.reverses,
            created=transfer.created,
        )


def _side(transfer: Transfer, shares: Sequence[Share]) -> str | list[ShareView]:
    if len(shares) == 1:
        return shares[0].account
    return [ShareView(account=share.account, amount=transfer.show(share.amount)) for share in shares]


class Refused(answers.View):
    """A transfer of many that was not made."""

    error: dict[str, str]


class TransferList(answers.View):
    """What came of many transfers, in their order."""

    items: list[TransferView | Refused]
