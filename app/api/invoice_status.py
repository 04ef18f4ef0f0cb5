"""How far an invoice is paid, to a payer's page that waits for it."""

from typing import Self

from fastapi import APIRouter
from starlette.responses import Response

from app.api import fields, parameters, responses
from app.api.context import Context, Reading
from app.domain import invoices
from app.domain.invoices import InvoiceStatus
from app.money import show

router = APIRouter()


class StatusView(responses.View):
    """How far an invoice is paid."""

    id: str
    state: str
    total: fields.KoinuShown
    received: fields.KoinuShown
    confirmed: fields.KoinuShown
    remaining: fields.KoinuShown
    confirmations: int
    required_confirmations: int
    estimate_seconds_to_confirm: int
    expires: responses.Time | None

    @classmethod
    def of(cls, status: InvoiceStatus) -> Self:
        """Show it; nothing in it is more than the chain shows to everybody, but the total and the times."""
        amounts = {
            name: show(getattr(status, name)) for name in ("total", "received", "confirmed", "remaining")
        }
        return cls.showing(status, expires=status.expires and status.expires.isoformat(), **amounts)


@router.get("/invoice/{invoice_id}/status", response_model=StatusView, summary="How far an invoice is paid")
async def get_status(invoice_id: parameters.InvoiceId, context: Context, db: Reading) -> Response:
    """The same for everybody who knows the invoice's address; 404 where it is none's."""
    return responses.show(StatusView.of(await invoices.status(db, context.network, invoice_id)))
