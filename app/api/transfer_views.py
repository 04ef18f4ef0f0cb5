"""The shape of a transfer in answers, for whoever reads the API's description; `domain.transfer_text` writes them."""

from pydantic import ConfigDict

from app.api import amounts, answers


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
        frozen=True, extra="forbid", serialize_by_alias=True, alias_generator=lambda name: name.rstrip("_")
    )


class Refused(answers.View):
    """A transfer of many that was not made."""

    error: dict[str, str]


class TransferList(answers.View):
    """What came of many transfers, in their order."""

    items: list[TransferView | Refused]


class TransferPage(answers.View):
    """A page of transfers, newest first; where much else was looked through it may be short, and still go on."""

    items: list[TransferView]
    cursor: str
