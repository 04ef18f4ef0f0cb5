"""Credits over HTTP: what the operator gives an account and takes from it."""

from typing import Annotated, ClassVar, Literal

from fastapi import APIRouter
from pydantic import ConfigDict
from starlette.responses import Response

from app.api import amounts, answers, bodies, parameters, replays, routes, texts
from app.api.program import Given
from app.api.transfer_views import TransferView
from app.domain import transfer_text
from app.domain.crediting import Credit
from app.domain.idempotency import Claim
from app.domain.transfer_orders import Order

busy = APIRouter(route_class=routes.Straight)


class NewCredit(bodies.Body):
    """What an account is to get from the operator (TOPUP, BONUS), or to give (SPEND)."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={"examples": [{"asset": "gold_coins", "amount": "100", "type": "TOPUP"}]}
    )

    asset: texts.Name
    amount: amounts.GivenIn
    type: Literal["TOPUP", "SPEND", "BONUS"]
    reference_type: texts.Label = ""
    reference: texts.Label = ""
    metadata: texts.Metadata = "{}"

    def order(self, foreign_id: str, claim: Claim, platform: str) -> Order:
        """The transfer that it is."""
        reference = (self.reference_type, self.reference)
        credit = Credit(foreign_id, self.type, self.asset, self.amount, reference, self.metadata)
        return credit.order(f"{claim.scope}:{claim.key}", platform)


Crediting = Annotated[NewCredit, bodies.of(NewCredit)]


@busy.post("/account/{foreign_id}/transact", response_model=TransferView, summary="Give or take credits")
async def transact(
    foreign_id: parameters.ForeignId, credit: Crediting, key: replays.RequiredKey, given: Given
) -> Response:
    """TOPUP and BONUS come from the treasury, SPEND goes there; DOGE cannot be issued, and is spent to the platform."""
    done = await given.commits.submit(given.transfer, credit.order(foreign_id, key, given.platform), key)
    return answers.show_written(transfer_text.shown(done.thing), replayed=done.replayed)
