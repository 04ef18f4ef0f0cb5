"""The limit for creating invoices: the same server, request and response models, and nothing between."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import orjson
import uvloop
from fastapi import FastAPI
from starlette.responses import Response

from app.api import parameters, request_body, responses
from app.api.invoices import CreatedInvoice, InvoiceBody
from app.api.serving import serving

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
    "overpaid": "0",
    "expires": None,
    "late": False,
    "refunded": "0",
    "uri": "dogecoin:n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb?amount=42",
    "pay_url": "http://127.0.0.1:8082/pay/n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb?token=0123456789abcdef",
    "return_url": "",
    "cancel_url": "",
    "token": "0123456789abcdef",
    "items": orjson.Fragment(
        "["
        '{"type":"item","name":"Plush","sku":"P1","description":"","value":"10","quantity":3,'
        '"image_link":""},'
        '{"type":"shipping","name":"Post","sku":"","description":"","value":"2","quantity":1,'
        '"image_link":""},'
        '{"type":"tax","name":"Tax","sku":"","description":"","value":"10","quantity":1,"image_link":""}]'
    ),
}

app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False})


@app.post("/account/{foreign_id}/invoice", response_model=CreatedInvoice)
async def create_invoice(foreign_id: parameters.ForeignId, body: InvoiceBody) -> Response:
    return responses.show(CreatedInvoice(**FIXED))


async def main() -> None:
    async with serving(request_body.WholeBody(app), "127.0.0.1", 0) as port:
        print(f"Bare API on port {port}.", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main())
