"""The shape of a transfer in answers, for whoever reads the API's description; `domain.transfers.json` writes them."""

from pydantic import ConfigDict

from app.api import fields, responses


class ShareView(responses.View):
    """What one of several accounts gave or got."""

    account: str
    amount: fields.AmountOut


class TransferView(responses.View):
    """Money that went from one account to another; of several, each with its share. `reversed` is what came back of it."""

    id: int
    type: str
    from_: str | list[ShareView]
    to: str | list[ShareView]
    asset: str
    amount: fields.AmountOut
    reference_type: str
    reference: str
    metadata: responses.JsonObject
    reversed: fields.AmountOut
    reverses: int | None
    created: responses.Time

    model_config = ConfigDict(
        frozen=True, extra="forbid", serialize_by_alias=True, alias_generator=lambda name: name.rstrip("_")
    )


class Refused(responses.View):
    """A transfer of many that was not made."""

    error: dict[str, str]


class TransferList(responses.View):
    """What came of many transfers, in their order."""

    items: list[TransferView | Refused]


class TransferPage(responses.View):
    """A page of transfers, newest first; where much else was looked through it may be short, and still go on."""

    items: list[TransferView]
    cursor: str
