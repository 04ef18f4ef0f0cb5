"""A small shop as a merchant would write it: it makes an invoice, opens the checkout, and asks whether it is paid."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from app.api import application, origins, tokens
from app.api.layers import Face
from app.api.serving import serving
from app.cli.demo.api import ACCOUNT, ORDER, DemoApi
from app.cli.demo.shop.wallet import Wallet

MINUTES: Final = 15
"""How long an order can be paid."""
PATIENCE_SECONDS: Final = 8.0
"""How long the wallet waits before it pays by itself, where the shop's page has made room for the checkout."""
_NUMBER: Final = re.compile(r"[0-9a-f]{8}")
_FILES: Final = Path(__file__).parent / "files"
_TYPES: Final = {"shop.css": "text/css", "shop.js": "text/javascript"}


class Shop:
    """Sells one thing at `url`. `public` is where payers reach Kennel: its checkout stands over the shop's page."""

    def __init__(self, url: str, public: str, api: DemoApi, wallet: Wallet) -> None:
        self._url = url
        self._public = public
        self._api = api
        self._wallet = wallet
        self._new_number = tokens.words(4, bytes.hex)
        self._payments: set[asyncio.Task[str | None]] = set()

    @asynccontextmanager
    async def running(self, host: str, port: int) -> AsyncIterator[None]:
        """Serve the shop within the block."""
        app = application.build(
            "Much Wow", [self._router()], tokens.words(8, bytes.hex), Face(callers=origins.Callers())
        )
        async with serving(app, host, port):
            yield
        for payment in self._payments:
            payment.cancel()

    def _router(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/", self.show)
        router.add_api_route("/orders", self.order, methods=["POST"])
        router.add_api_route("/orders/{number}", self.show_order)
        router.add_api_route("/orders/{number}/payment", self.pay, methods=["POST"])
        router.add_api_route("/{name:path}", self.file)
        return router

    async def show(self) -> Response:
        """The page with the thing that is sold."""
        return self._page("shop.html", items=ORDER["items"], account=ACCOUNT)

    async def file(self, name: str) -> Response:
        """A file that the pages load."""
        if name not in _TYPES:
            return self._page("order.html", 404, invoice=None)
        return Response((_FILES / name).read_bytes(), media_type=_TYPES[name])

    async def order(self) -> Response:
        """Make the invoice of a new order. The customer pays at `pay_url`, and comes back to the order's page."""
        number = self._new_number()
        pages = {"return_url": f"{self._url}/orders/{number}", "cancel_url": f"{self._url}/"}
        terms = {**ORDER, **pages, "reference": number, "expire_minutes": MINUTES}
        invoice = await self._api.ask("POST", f"/account/{ACCOUNT}/invoice", terms)
        pay_url = f"{self._public}/pay/{invoice['id']}?token={invoice['token']}"
        return JSONResponse({"number": number, "total": invoice["total"], "pay_url": pay_url})

    async def show_order(self, number: str) -> Response:
        """The page of an order. Whether it is paid the shop asks Kennel, and not the customer's browser."""
        invoice = await self._invoice(number)
        return self._page("order.html", 404 if invoice is None else 200, invoice=invoice)

    async def pay(self, number: str, request: Request) -> Response:
        """Let the wallet pay an order: at once, or `?later`, when the customer has seen the checkout."""
        invoice = await self._invoice(number)
        if invoice is None:
            return JSONResponse({"txid": None}, 404)
        if "later" in request.query_params:
            self._pay_later(invoice)
            return JSONResponse({"txid": None}, 202)
        txid = await self._wallet.pay(invoice["id"], invoice["total"])
        return JSONResponse({"txid": txid}, 409 if txid is None else 200)

    def _pay_later(self, invoice: dict[str, Any]) -> None:
        payment = self._wallet.pay(invoice["id"], invoice["total"], PATIENCE_SECONDS)
        self._payments.add(task := asyncio.create_task(payment))
        task.add_done_callback(self._payments.discard)

    async def _invoice(self, number: str) -> dict[str, Any] | None:
        """Return the invoice of an order, whose number is its reference."""
        if not _NUMBER.fullmatch(number):
            return None
        listed = await self._api.ask("GET", f"/account/{ACCOUNT}/invoices?limit=1&reference={number}")
        return next(iter(listed["items"]), None)

    def _page(self, name: str, status: int = 200, **shown: object) -> Response:
        """Return a page. Its policy has the two entries that kennel.js needs of a shop."""
        html = _templates().get_template(name).render(public=self._public, **shown)
        policy = (
            f"default-src 'none'; script-src 'self' {self._public}; frame-src {self._public}; "
            "style-src 'self'; connect-src 'self'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return HTMLResponse(html, status, {"Content-Security-Policy": policy, "Cache-Control": "no-store"})


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
