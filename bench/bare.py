"""The limits for requests: the same server, request and response models, and nothing between."""

import asyncio
import sys

import uvloop
from fastapi import FastAPI
from starlette.responses import Response

from app.api import parameters, request_body, responses
from app.api.invoices import CreatedInvoice, InvoiceBody
from app.api.serving import serving
from bench import bare_reads

app = FastAPI(
    routes=bare_reads.router.routes,
    telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
)


@app.post("/account/{foreign_id}/invoice", response_model=CreatedInvoice)
async def create_invoice(foreign_id: parameters.ForeignId, body: InvoiceBody) -> Response:
    return responses.show(CreatedInvoice(**bare_reads.FIXED, token="0123456789abcdef"))


async def main() -> None:
    async with serving(request_body.WholeBody(app), "127.0.0.1", 0) as port:
        print(f"Bare API on port {port}.", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main())
