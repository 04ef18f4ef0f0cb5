"""Escrows over HTTP: money locked for an order, and who gets it in the end."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, Field
from starlette.responses import Response

from app.api import cursors, fast_route, fields, idempotency_keys, parameters, request_body, responses
from app.api.access.callers import Within
from app.api.access.guarded_route import GuardedRoute
from app.api.cells import merged
from app.api.cells.merged import Listing
from app.api.cells.routing import Cells, InCells
from app.api.context import Queries
from app.domain import escrows
from app.domain.access import Reach
from app.domain.escrows import End, Escrow, EscrowFilter, NewEscrow
from app.domain.idempotency import Claim
from app.domain.refusals import Forbidden

router = APIRouter(route_class=GuardedRoute)
busy = APIRouter(route_class=fast_route.FastRoute)

State = Literal["LOCKED", "RELEASED", "REFUNDED", "DISPUTED", "RESOLVED"]


class NamesNobody(Forbidden):
    """This key is for some accounts: name a buyer or a seller of those."""

    field = "buyer"


class EscrowOrder(request_body.Body):
    """The money to be locked, and for what. It is taken from the buyer's `available`, or from a `hold`."""

    model_config = request_body.examples(
        {
            "order_id": "order-7",
            "buyer": "alice",
            "seller": "shibe-shop",
            "asset": "DOGE",
            "amount": "100",
            "fee": "2.5",
        }
    )

    order_id: fields.Name
    buyer: fields.Name
    seller: fields.Name
    asset: fields.Name
    amount: fields.AmountIn
    fee: fields.AmountIn = 0
    hold: Annotated[int | None, Field(ge=1, le=2**63 - 1)] = None
    reference_type: fields.Label = ""
    reference: fields.Label = ""
    metadata: fields.Metadata = "{}"

    def escrow(self) -> NewEscrow:
        """Return the escrow to be locked."""
        return NewEscrow(
            order_id=self.order_id,
            buyer=self.buyer,
            seller=self.seller,
            asset=self.asset,
            amount=self.amount,
            fee=self.fee,
            hold=self.hold,
            reference=(self.reference_type, self.reference),
            metadata=self.metadata,
        )


class Resolution(request_body.Body):
    """What the seller gets, less the fee, and what the buyer gets back; together it is the whole amount."""

    model_config = request_body.examples({"to_seller": "60", "to_buyer": "40"})

    to_seller: fields.AmountIn
    to_buyer: fields.AmountIn


class EscrowView(responses.View):
    """An escrow; `to_seller`, `to_buyer` and `to_platform` are what each has got of it."""

    id: int
    order_id: str
    buyer: str
    seller: str
    asset: str
    amount: fields.AmountOut
    fee: fields.AmountOut
    hold: int | None
    state: State
    to_seller: fields.AmountOut
    to_buyer: fields.AmountOut
    to_platform: fields.AmountOut
    reference_type: str
    reference: str
    metadata: responses.JsonObject
    created: responses.Time

    @classmethod
    def of(cls, escrow: Escrow) -> "EscrowView":
        """Show it as events do."""
        return cls(**escrows.shown(escrow))


class EscrowPage(cursors.Page[EscrowView]):
    """A page of escrows, newest first."""


LockBody = Annotated[EscrowOrder, request_body.of(EscrowOrder)]
ResolveBody = Annotated[Resolution, request_body.of(Resolution)]
EscrowId = Annotated[int, parameters.row_id("The escrow's id")]
InState = Annotated[State | Literal[""], Query(description="Only those in this state")]
Name = Annotated[
    str,
    Query(max_length=fields.MAX_LABEL, description="Only those with this one; empty for all"),
    AfterValidator(fields.decoded),
]


async def _filters(
    order_id: Name = "", buyer: Name = "", seller: Name = "", state: InState = ""
) -> EscrowFilter:
    return EscrowFilter(order_id, buyer, seller, state)


Filters = Annotated[EscrowFilter, Depends(_filters)]


async def _end(cells: Cells, within: Reach, order: End, key: Claim) -> Response:
    """End it in the cells of both sides, of which it knows the names."""
    names: list[str] = []
    if within.limited or cells.only is None:
        escrow = await cells.of_number(order.escrow).queries.fetch(escrows.FETCH, order.escrow)
        escrows.within(escrow, within, all)
        names = [escrow.buyer.foreign_id, escrow.seller.foreign_id]
    result = await cells.submit_at(order.escrow, escrows.END, order, key, names)
    return responses.show(EscrowView.of(result.resource), replayed=result.replayed)


def _check_named(filters: EscrowFilter, within: Reach) -> None:
    """Refuse a list beyond the caller's reach. A list of all would read all escrows to find a few."""
    named = {name: text for name in ("buyer", "seller") if (text := getattr(filters, name))}
    for name, foreign_id in named.items():
        within.require(foreign_id, name)
    if within.limited and not named:
        raise NamesNobody


@router.post("/escrow", response_model=EscrowView, summary="Lock money for an order")
async def lock_escrow(
    body: LockBody, key: idempotency_keys.RequiredKey, cells: InCells, within: Within
) -> Response:
    """An order has one escrow at most; 409 where it has one already."""
    within.require(body.buyer, "buyer")
    within.require(body.seller, "seller")
    result = await cells.submit(escrows.LOCK, body.escrow(), key, [body.buyer, body.seller])
    return responses.show(EscrowView.of(result.resource), replayed=result.replayed)


@router.post("/escrow/{id}/release", response_model=EscrowView, summary="Pay the seller")
async def release_escrow(
    id: EscrowId, key: idempotency_keys.RequiredBodilessKey, cells: InCells, within: Within
) -> Response:
    """The seller gets the amount less the fee, and the platform's account gets the fee."""
    return await _end(cells, within, End(id, "RELEASED"), key)


@router.post("/escrow/{id}/refund", response_model=EscrowView, summary="Pay the buyer back")
async def refund_escrow(
    id: EscrowId, key: idempotency_keys.RequiredBodilessKey, cells: InCells, within: Within
) -> Response:
    """The buyer gets all of it; no fee is taken."""
    return await _end(cells, within, End(id, "REFUNDED"), key)


@router.post("/escrow/{id}/dispute", response_model=EscrowView, summary="Mark an escrow disputed")
async def dispute_escrow(
    id: EscrowId, key: idempotency_keys.RequiredBodilessKey, cells: InCells, within: Within
) -> Response:
    """The money stays locked; now it can be split as well."""
    return await _end(cells, within, End(id, "DISPUTED"), key)


@router.post("/escrow/{id}/resolve", response_model=EscrowView, summary="Split a disputed escrow")
async def resolve_escrow(
    id: EscrowId, body: ResolveBody, key: idempotency_keys.RequiredKey, cells: InCells, within: Within
) -> Response:
    """The fee is taken out of the seller's part: all of that part where it is smaller than the fee."""
    return await _end(cells, within, End(id, "RESOLVED", body.to_seller, body.to_buyer), key)


@router.get("/escrow", response_model=EscrowPage, summary="Escrows")
async def list_escrows(
    cells: InCells, filters: Filters, request: cursors.ByIdOverCells, within: Within
) -> Response:
    """Newest first. A key of some accounts names a `buyer` or a `seller` of those."""
    _check_named(filters, within)
    listing = Listing(
        lambda db, page: escrows.page(db, filters, page),
        lambda escrow: escrow.id,
        lambda escrow: escrow.created,
        is_copy=lambda escrow, cell: cells.cell_map.of_number(escrow.id) != cell,
    )
    # An escrow lies where its buyer is, and has a copy where its seller is.
    page = await merged.page(await cells.readers_of(filters.buyer or filters.seller), listing, request)
    return responses.show(EscrowPage.over_cells(page, EscrowView.of))


@busy.get("/escrow/{id}", response_model=EscrowView, summary="An escrow")
async def get_escrow(id: EscrowId, queries: Queries, within: Within) -> Response:
    """404 where no escrow has this id."""
    return responses.show(EscrowView.of(escrows.within(await queries.fetch(escrows.FETCH, id), within)))
