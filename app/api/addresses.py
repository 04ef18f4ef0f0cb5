"""Deposit addresses over HTTP, and the deposits of an account."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.responses import Response

from app.api import cursors, fields, idempotency_keys, parameters, qr, request_body, responses, revalidation
from app.api.access.guarded_route import GuardedRoute
from app.api.client_limits import Client
from app.api.context import Commits, Context, Reading
from app.api.fiat import FiatView
from app.api.routes.lazy_route import LazyRoute
from app.domain import accounts, blocks, rates
from app.domain.accounts import AddressCursor, addresses
from app.domain.blocks import DepositCursor, ListedDeposit
from app.domain.pages import PageRequest

admin = APIRouter(route_class=GuardedRoute)
public = APIRouter(route_class=LazyRoute)

ADDRESSES: Final = cursors.Cursor(r"([0-9]) ([0-9]{1,10})", AddressCursor, cursors.NUMBER, cursors.NUMBER)
DEPOSITS: Final = cursors.Cursor(
    r"([0-9]{1,10} [0-9]{1,6}) ([0-9a-f]{64}) ([0-9]{1,9})",
    DepositCursor,
    cursors.SECONDS,
    cursors.HEX,
    cursors.NUMBER,
)
ByPlace = Annotated[PageRequest[AddressCursor], Depends(ADDRESSES.request)]
ByTime = Annotated[PageRequest[DepositCursor], Depends(DEPOSITS.request)]


class WantedAddress(request_body.Body):
    """`fresh` asks for a new address, even where nothing has come to the last one."""

    model_config = request_body.examples({}, {"fresh": True})

    fresh: bool = False


class GivenAddress(responses.View):
    """An address that can be paid any number of times; `qr` is the path of its QR code for payers."""

    address: str
    uri: str
    qr: str

    @classmethod
    def of(cls, address: str) -> "GivenAddress":
        """Show an address."""
        return cls(address=address, uri=qr.payment_uri(address), qr=f"/address/{address}/qr.png")


class AddressView(responses.View):
    """An address that was given out. Every deposit to it is credited, years later too."""

    address: str
    path: str
    purpose: str
    used: bool
    created: responses.Time


class AddressPage(cursors.Page[AddressView]):
    """A page of addresses, in the order of their key indices."""


class DepositView(responses.View):
    """A deposit; `invoice` is the invoice that it pays, empty where its address is not an invoice's."""

    txid: str
    vout: int
    address: str
    invoice: str
    amount: fields.KoinuOut
    confirmations: int
    required_confirmations: int
    state: str
    created: responses.Time
    fiat: FiatView | None

    @classmethod
    def of(cls, deposit: ListedDeposit) -> "DepositView":
        """Show a deposit; its txid is written as block explorers write it."""
        invoice = deposit.address if deposit.invoice else ""
        txid, vout = deposit.outpoint
        fiat = rates.worth_shown(deposit.quote, deposit.amount)
        return cls.showing(deposit, txid=txid[::-1].hex(), vout=vout, invoice=invoice, fiat=fiat)


class DepositPage(cursors.Page[DepositView]):
    """A page of deposits, newest first."""


AddressBody = Annotated[WantedAddress, request_body.optional(WantedAddress)]


@admin.post("/account/{foreign_id}/address", response_model=GivenAddress, summary="A deposit address")
async def give_address(
    foreign_id: parameters.ForeignId, body: AddressBody, key: idempotency_keys.Key, commits: Commits
) -> Response:
    """The last one while nothing has come to it, unless the caller asks for a fresh one."""
    order = accounts.AddressOrder(foreign_id, body.fresh)
    result = await commits.submit(accounts.GIVE_ADDRESS, order, key)
    return responses.show(GivenAddress.of(result.resource), replayed=result.replayed)


@admin.get("/account/{foreign_id}/addresses", response_model=AddressPage, summary="An account's addresses")
async def list_addresses(
    foreign_id: parameters.ForeignId, context: Context, db: Reading, request: ByPlace
) -> Response:
    """All that were ever given out, for invoices and deposits, then the account's own; none of change."""
    page = await addresses.page(db, context.network, foreign_id, request)
    return responses.show(AddressPage.of(page, AddressView.showing, ADDRESSES))


@admin.get("/account/{foreign_id}/deposits", response_model=DepositPage, summary="What came to an account")
async def list_deposits(
    foreign_id: parameters.ForeignId, context: Context, db: Reading, request: ByTime
) -> Response:
    """Newest first. One that a transaction in the mempool brings is `seen`, until a block has it."""
    page = await blocks.deposit_page(db, context.network, foreign_id, request)
    return responses.show(DepositPage.of(page, DepositView.of, DEPOSITS))


@public.get(
    "/address/{address}/qr.png",
    response_class=Response,
    responses=qr.PNG_RESPONSE,
    summary="The QR code of a deposit address",
)
async def get_qr(
    address: parameters.DepositAddress,
    context: Context,
    colours: qr.Colours,
    tags: revalidation.Tags = "",
    client: Client = "",
) -> Response:
    """A PNG of 512 x 512; a bad colour is black on white."""
    async with context.reads.connect() as db:  # painting needs no connection
        await accounts.check(db, context.network, address)
    picture = await context.painter.picture(qr.payment_uri(address), *colours, client)
    return revalidation.revalidated(picture, tags, qr.FIXED)
