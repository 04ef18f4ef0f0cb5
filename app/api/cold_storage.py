"""Cold storage over HTTP: an address by which money comes back."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api import idempotency_keys, responses
from app.api.access.acting import Acting
from app.api.access.guarded_route import GuardedRoute
from app.api.context import Commits
from app.domain import cold

router = APIRouter(route_class=GuardedRoute)


class ReturnAddress(responses.View):
    """An address of Kennel's. What is paid to it is money from cold storage, and no account's deposit."""

    address: str


@router.post(
    "/admin/cold/return", response_model=ReturnAddress, summary="An address for money from cold storage"
)
async def give_return_address(
    key: idempotency_keys.BodilessKey, commits: Commits, action: Acting
) -> Response:
    """A fresh one each time. What comes is booked against `cold_storage` once it has its confirmations."""
    result = await commits.submit(cold.GIVE_ADDRESS, None, key, action=action)
    return responses.show(ReturnAddress(address=result.resource), replayed=result.replayed)
