"""DogeConnect over HTTP: wallets read payment requests, submit transactions, and hear what became of them."""

import hmac
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Final, Literal

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from app.api import errors, fields, invoice_links, parameters, request_body, responses
from app.api.access.guarded_route import GuardedRoute
from app.api.context import AppContext, Context
from app.api.routes.lazy_route import LazyRoute
from app.domain import accounts, dogeconnect, invoices
from app.domain.dogeconnect import PaymentStatus
from app.domain.invoices import Invoice, NoSuchInvoice
from app.domain.refusals import Invalid, NotFound, Refusal


class ConnectError(responses.View):
    """An error in DogeConnect's form."""

    error: str
    message: str


class Envelope(responses.View):
    """A payment request: JSON in base64, the relay's key, and its signature over the JSON (BIP-340)."""

    version: str
    payload: str
    pubkey: str
    sig: str


class SubmittedTransaction(request_body.Body):
    """A wallet's transaction for the payment `id`, and where refunds are to go."""

    model_config = request_body.examples(
        {"id": "D...", "tx": "0100000001...", "refund": "D...", "relay_token": "..."}
    )

    id: fields.Label
    tx: str
    refund: fields.Label = ""
    relay_token: fields.Label = ""


class StatusQuery(request_body.Body):
    """The payment that is asked about."""

    model_config = request_body.examples({"id": "D..."})

    id: fields.Label


class PaymentStatusView(responses.View):
    """How far a payment is; what is null here is left out."""

    id: str
    status: Literal["unpaid", "accepted", "confirmed", "declined"]
    reason: str | None = None
    txid: str | None = None
    confirmed_at: responses.Time | None = None
    required: int | None = None
    confirmed: int | None = None
    due_sec: int | None = None


class NotAnswered(Refusal):
    """The node has not answered yet; try again."""

    code: ClassVar[str | None] = "not-available"


_WORDS: Final = ("not_found", "expired", "invalid_tx", "invalid_outputs", "invalid_token")
_FIELD_WORDS: Final = {
    "id": "not_found",
    "foreign_id": "not_found",
    "token": "invalid_token",
    "relay_token": "invalid_token",
}
"""What is wrong where a field of the request is; any other one belongs to the transaction."""
_OF_BODIES: Final = ("bad-request", "too-large")
_DECLINED: Final[dict[int | str, dict[str, Any]]] = {
    403: {"model": PaymentStatusView, "description": "The transaction is declined for good"}
}
ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ConnectError, "description": "Wrong for good: the same request is answered so again"},
    404: {"model": ConnectError, "description": "There is no such payment"},
}
"""How OpenAPI describes the errors."""


class ConnectRoute(LazyRoute):
    """Answers refusals in DogeConnect's form; what may succeed later is answered as everywhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function that answers a request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Refusal as refusal:
                return _refused(refusal)
            except RequestValidationError as error:
                field, sentence = errors.fault_of_parameters(error)
                return _refused(Invalid(reason=sentence, field=field))

        return answer


class OwnConnectRoute(ConnectRoute, GuardedRoute):
    """The same for the merchant's API, for callers who may see it."""


def _refused(refusal: Refusal) -> Response:
    """Answer in DogeConnect's form; raise what may be another answer later."""
    word = _word(refusal)
    if word not in _WORDS:
        raise refusal
    status = HTTPStatus.NOT_FOUND if word == "not_found" else HTTPStatus.BAD_REQUEST
    return responses.show(ConnectError(error=word, message=str(refusal)), status=status)


def _word(refusal: Refusal) -> str:
    """Return DogeConnect's word for a refusal."""
    if isinstance(refusal, NotFound):
        return "not_found"
    code = errors.code_of(refusal)
    return _FIELD_WORDS.get(refusal.field or "", "invalid_tx") if code in _OF_BODIES else code


SUBMISSIONS: Final = request_body.LargeBodies(re.compile("/dc/[^/]+/pay"), 256 * 1024, _refused)
"""A transaction in hexadecimal, and the rest of the body."""
public = APIRouter(route_class=ConnectRoute)
admin = APIRouter(route_class=OwnConnectRoute)


@public.get("/dc/{invoice_id}", response_model=Envelope, responses=ERRORS, summary="A request for wallets")
@public.get("/invoice/{invoice_id}/connect", response_model=Envelope, responses=ERRORS, summary="The same")
async def get_envelope(
    invoice_id: parameters.InvoiceId, context: Context, token: parameters.Token = ""
) -> Response:
    """DogeConnect 1.0. With the invoice's token it has the items; 400 once nothing is to be paid any more."""
    invoice = await context.queries.fetch(invoices.FETCH, invoice_id)
    vendor = await context.queries.fetch(accounts.FETCH, invoice.owner.foreign_id)
    with_items = context.open_items or invoice_links.has_token(invoice, token)
    return await _envelope(context, invoice, vendor, with_items=with_items)


@admin.get(
    "/account/{foreign_id}/invoice/{invoice_id}/connect",
    response_model=Envelope,
    responses=ERRORS,
    summary="An invoice's request for wallets",
)
async def get_own_envelope(
    foreign_id: parameters.ForeignId, invoice_id: parameters.InvoiceId, context: Context
) -> Response:
    """What a wallet reads at the URL of the QR code that has the token."""
    invoice = await context.queries.fetch(invoices.FETCH_OF, invoices.InvoiceKey(foreign_id, invoice_id))
    vendor = await context.queries.fetch(accounts.FETCH, foreign_id)
    return await _envelope(context, invoice, vendor, with_items=True)


async def _envelope(
    context: AppContext, invoice: Invoice, vendor: accounts.Account, *, with_items: bool
) -> Response:
    now = datetime.now(UTC)
    dogeconnect.check_open(invoice, now)
    relay, policy = context.relay, await context.relay.policy()
    url, shop = f"{context.public_url}/dc/{invoice.address}", context.branding.name
    shop = shop or context.public_url.partition("://")[2]
    terms = dogeconnect.Terms(url, relay.token(invoice.address), policy.floor, shop)
    content = dogeconnect.payload(invoice, vendor, terms, now, with_items=with_items)
    return responses.show(Envelope(**dogeconnect.envelope(content, relay.public_key, relay.sign)))


@public.post(
    "/dc/{invoice_id}/pay",
    response_model=PaymentStatusView,
    responses=ERRORS | _DECLINED,
    summary="Submit a wallet's transaction",
)
async def pay(
    invoice_id: parameters.InvoiceId,
    submitted: Annotated[SubmittedTransaction, request_body.of(SubmittedTransaction)],
    context: Context,
) -> Response:
    """It is checked, stored and given to the node. What is accepted already is answered as it is now."""
    invoice, status = await _look(context, invoice_id, submitted.id)
    if status.status != "unpaid":
        return _shown(status)
    try:
        await _submit(context, await _order(context, invoice, submitted))
    except dogeconnect.Declined as refusal:
        return _shown(PaymentStatus(invoice_id, "declined", str(refusal)), HTTPStatus.FORBIDDEN)
    _, status = await _look(context, invoice_id, invoice_id)
    return _shown(status)


@public.post(
    "/dc/{invoice_id}/status",
    response_model=PaymentStatusView,
    responses=ERRORS,
    summary="How far a wallet's payment is",
)
async def get_payment_status(
    invoice_id: parameters.InvoiceId,
    query: Annotated[StatusQuery, request_body.of(StatusQuery)],
    context: Context,
) -> Response:
    """The same for every wallet, and also where the invoice was paid in another way."""
    _, status = await _look(context, invoice_id, query.id)
    return _shown(status)


async def _look(context: AppContext, invoice_id: str, named: str) -> tuple[Invoice, PaymentStatus]:
    """Return the invoice, which the body must have `named` too, and how far it is paid."""
    if named != invoice_id:
        raise NoSuchInvoice(address=named, field="id")
    async with context.reads.connect() as db:
        invoice = await invoices.fetch(db, context.network, invoice_id)
        return invoice, await dogeconnect.payment_status(db, context.network, invoice)


async def _order(
    context: AppContext, invoice: Invoice, submitted: SubmittedTransaction
) -> dogeconnect.SubmissionOrder:
    """Check what was submitted; the node is asked last."""
    relay, network = context.relay, context.network
    if not hmac.compare_digest(submitted.relay_token.encode(), relay.token(invoice.address).encode()):
        raise dogeconnect.InvalidToken
    dogeconnect.check_open(invoice, datetime.now(UTC))
    if submitted.refund:
        dogeconnect.check_refund(network, submitted.refund)
    transaction = relay.read(submitted.tx)
    dogeconnect.check_inputs(transaction)
    paid = dogeconnect.output_to(network, invoice, transaction)
    known, *coins = await relay.unspent((paid, *transaction.inputs))
    if known is None:  # what the node has, it has checked itself
        dogeconnect.check_coins(network, transaction, coins, await relay.policy())
    return dogeconnect.SubmissionOrder(invoice, transaction, submitted.refund)


async def _submit(context: AppContext, order: dogeconnect.SubmissionOrder) -> None:
    """Store the transaction, and return once the node has it; or raise Declined or NotAnswered."""
    stored = (await context.commits.submit(dogeconnect.SUBMIT, order)).resource
    answer = await context.submissions.answer(stored, context.pay_wait_seconds)
    if answer.state == "stored":
        raise NotAnswered
    if answer.state == "declined":
        raise dogeconnect.Declined(reason=answer.reason)


def _shown(status: PaymentStatus, code: HTTPStatus = HTTPStatus.OK) -> Response:
    at = status.confirmed_at and status.confirmed_at.isoformat()
    view = PaymentStatusView.showing(status, confirmed_at=at)
    return responses.Json(view.model_dump_json(exclude_none=True).encode(), code)
