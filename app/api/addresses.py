"""Deposit addresses over HTTP, and what came to an account."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final

from fastapi import APIRouter
from pydantic import ConfigDict
from starlette.responses import Response

from app.api import fields, idempotency_keys, parameters, request_body, responses
from app.api.context import Given, Reading
from app.api.qr import PNG_RESPONSE, ColourText, payment_uri
from app.domain import accounts, blocks
from app.domain.accounts import Address, AddressCursor, addresses
from app.domain.blocks import NEWEST, Arrival, DepositCursor
from app.domain.dogecoin import Outpoint

admin = APIRouter()
public = APIRouter()

_FIRST: Final = AddressCursor(0, -1)
_PLACE: Final = re.compile(r"([0-9]) ([0-9]{1,10})", re.ASCII)
_SPOT: Final = re.compile(r"([0-9]{1,10}) ([0-9]{1,6}) ([0-9a-f]{64}) ([0-9]{1,9})", re.ASCII)


class WantedAddress(request_body.Body):
    """`fresh` asks for a new address also where nothing has come to the last one."""

    model_config: ClassVar[ConfigDict] = ConfigDict(json_schema_extra={"examples": [{}, {"fresh": True}]})

    fresh: bool = False


class GivenAddress(responses.View):
    """An address to be paid any number of times, as a URI, and where the public listener paints it."""

    address: str
    uri: str
    qr: str

    @classmethod
    def of(cls, address: str) -> "GivenAddress":
        """Show an address; `qr` is a path of the public listener."""
        return cls(address=address, uri=payment_uri(address), qr=f"/address/{address}/qr.png")


class AddressView(responses.View):
    """An address that was given out; whatever comes to it is credited, also years later."""

    address: str
    path: str
    purpose: str
    used: bool
    created: responses.Time


class AddressPage(responses.View):
    """A page of addresses, in the order of their key indices."""

    items: list[AddressView]
    cursor: str

    @classmethod
    def of(cls, found: Sequence[Address], limit: int) -> "AddressPage":
        """Show at most `limit` of what was found; the cursor is empty unless there is more."""
        names = AddressView.model_fields
        shown = [AddressView(**{name: getattr(one, name) for name in names}) for one in found[:limit]]
        if len(found) <= limit:
            return cls(items=shown, cursor="")
        last = found[limit - 1].place
        return cls(items=shown, cursor=parameters.opaque(f"{last.branch} {last.index}"))


class DepositView(responses.View):
    """A deposit; `invoice` is the invoice that it pays, empty where its address is none's."""

    txid: str
    vout: int
    address: str
    invoice: str
    amount: fields.KoinuOut
    confirmations: int
    required_confirmations: int
    state: str
    created: responses.Time

    @classmethod
    def of(cls, arrival: Arrival) -> "DepositView":
        """Show a deposit, its txid as explorers do."""
        names = ("address", "amount", "confirmations", "required_confirmations", "state", "created")
        return cls(
            txid=arrival.outpoint.txid[::-1].hex(),
            vout=arrival.outpoint.vout,
            invoice=arrival.address if arrival.invoice else "",
            **{name: getattr(arrival, name) for name in names},
        )


class DepositPage(responses.View):
    """A page of deposits, newest first."""

    items: list[DepositView]
    cursor: str

    @classmethod
    def of(cls, found: Sequence[Arrival], limit: int) -> "DepositPage":
        """Show at most `limit` of what was found; the cursor is empty unless there is more."""
        shown = [DepositView.of(arrival) for arrival in found[:limit]]
        return cls(
            items=shown,
            cursor=parameters.opaque(_spoken(found[limit - 1].spot)) if len(found) > limit else "",
        )


def _spoken(spot: DepositCursor) -> str:
    created = spot.created
    return f"{int(created.timestamp())} {created.microsecond} {spot.outpoint.txid.hex()} {spot.outpoint.vout}"


def _place(key: str) -> AddressCursor:
    if not key:
        return _FIRST
    if not (found := _PLACE.fullmatch(key)):
        raise parameters.ForeignCursor
    return AddressCursor(int(found[1]), int(found[2]))


def _spot(key: str) -> DepositCursor:
    if not key:
        return NEWEST
    if not (found := _SPOT.fullmatch(key)):
        raise parameters.ForeignCursor
    outpoint = Outpoint(bytes.fromhex(found[3]), int(found[4]))
    return DepositCursor(
        datetime.fromtimestamp(int(found[1]), UTC).replace(microsecond=int(found[2])), outpoint
    )


Wanted = Annotated[WantedAddress, request_body.optional(WantedAddress)]


@admin.post("/account/{foreign_id}/address", response_model=GivenAddress, summary="A deposit address")
async def give_address(
    foreign_id: parameters.ForeignId, wanted: Wanted, key: idempotency_keys.Key, given: Given
) -> Response:
    """The last one while nothing has come to it, unless a fresh one is asked for."""
    order = accounts.Wanted(foreign_id, wanted.fresh)
    done = await given.commits.submit(given.give_address, order, key)
    return responses.show(GivenAddress.of(done.thing), replayed=done.replayed)


@admin.get("/account/{foreign_id}/addresses", response_model=AddressPage, summary="An account's addresses")
async def list_addresses(
    foreign_id: parameters.ForeignId,
    given: Given,
    db: Reading,
    cursor: parameters.After = "",
    limit: parameters.Limit = parameters.DEFAULT_PAGE,
) -> Response:
    """All that were ever given out, for invoices and deposits, then the account's own; change is not among them."""
    found = await addresses.page(db, given.network, foreign_id, _place(cursor), limit + 1)
    return responses.show(AddressPage.of(found, limit))


@admin.get("/account/{foreign_id}/deposits", response_model=DepositPage, summary="What came to an account")
async def list_deposits(
    foreign_id: parameters.ForeignId,
    given: Given,
    db: Reading,
    cursor: parameters.After = "",
    limit: parameters.Limit = parameters.DEFAULT_PAGE,
) -> Response:
    """Newest first."""
    found = await blocks.page(db, given.network, foreign_id, _spot(cursor), limit + 1)
    return responses.show(DepositPage.of(found, limit))


@public.get(
    "/address/{address}/qr.png",
    response_class=Response,
    responses=PNG_RESPONSE,
    summary="The QR code of a deposit address",
)
async def get_qr(
    address: parameters.DepositAddress, given: Given, fg: ColourText = None, bg: ColourText = None
) -> Response:
    """A PNG of 512 x 512; a bad colour is black on white."""
    async with given.reads.connect() as db:  # painting needs none
        await accounts.check(db, given.network, address)
    return await given.painter.picture(payment_uri(address), fg, bg)
