"""The limits for reading: the same response models from memory, and nothing between."""

from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from app.api import parameters, responses
from app.api.accounts import BalanceView
from app.api.invoices import AdminInvoice, InvoicePage, PublicInvoice

ITEMS = (
    "["
    '{"type":"item","name":"Plush","sku":"P1","description":"","value":"10","quantity":3,'
    '"image_link":""},'
    '{"type":"shipping","name":"Post","sku":"","description":"","value":"2","quantity":1,'
    '"image_link":""},'
    '{"type":"tax","name":"Tax","sku":"","description":"","value":"10","quantity":1,"image_link":""}]'
)
FIXED: dict[str, Any] = {
    "id": "n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb",
    "created": datetime(2026, 1, 1, tzinfo=UTC),
    "total": "42",
    "pay_to_address": "n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb",
    "required_confirmations": 6,
    "part_payment_detected": False,
    "total_payment_detected": False,
    "total_payment_confirmed": False,
    "payment_unconfirmed": False,
    "estimate_seconds_to_confirm": 0,
    "state": "unpaid",
    "reference": "",
    "metadata": orjson.Fragment("{}"),
    "seen": "0",
    "overpaid": "0",
    "expires": None,
    "late": False,
    "refunded": "0",
    "uri": "dogecoin:n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb?amount=42",
    "pay_url": "http://127.0.0.1:8082/pay/n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb?token=0123456789abcdef",
    "return_url": "",
    "cancel_url": "",
    "fiat_total": "",
    "fiat_currency": "",
    "rate": "",
    "rate_source": "",
    "rate_at": None,
    "link": "",
    "renewable_until": None,
    "renews": "",
    "renewed_by": "",
    "items": orjson.Fragment(ITEMS),
}
OWNED: dict[str, Any] = FIXED | {
    "account": "n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb",
    "token": "0123456789abcdef",
    "total_incoming": "0",
    "total_confirmed": "0",
}

router = APIRouter()


@router.get("/account/{foreign_id}/balance", response_model=BalanceView)
async def get_balance(foreign_id: parameters.ForeignId) -> Response:
    return responses.show(BalanceView(IncomingBalance=0, CurrentBalance=4_200_000_000, OutgoingBalance=0))


@router.get("/account/{foreign_id}/invoice/{invoice_id}", response_model=AdminInvoice)
async def get_invoice(foreign_id: parameters.ForeignId, invoice_id: parameters.InvoiceId) -> Response:
    return responses.show(AdminInvoice(**OWNED))


@router.get("/invoice/{invoice_id}", response_model=PublicInvoice)
async def get_public_invoice(invoice_id: parameters.InvoiceId, token: parameters.Token = "") -> Response:
    return responses.show(PublicInvoice(**FIXED))


@router.get("/account/{foreign_id}/invoices", response_model=InvoicePage)
async def list_invoices(
    foreign_id: parameters.ForeignId,
    cursor: parameters.Cursor = 0,
    limit: parameters.Limit = parameters.DEFAULT_PAGE,
) -> Response:
    page = [AdminInvoice(**OWNED) for _ in range(limit)]
    return responses.show(InvoicePage(items=page, cursor=cursor + limit))
