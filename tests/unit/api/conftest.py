"""A small application behind the real edge: everything but the domain."""

import itertools
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import sqlalchemy.exc
from fastapi import APIRouter, Depends, FastAPI
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from app.api import (
    application,
    context,
    cursors,
    fields,
    idempotency_keys,
    layers,
    origins,
    parameters,
    request_body,
    responses,
)
from app.api.access.authentication import Lock
from app.batching.group_commit import GroupCommit
from app.chain import keys
from app.db.bulk import insert
from app.db.engine import open_engine
from app.db.tables import ready_keys
from app.domain import dogecoin, rates, refusals
from app.domain.installation import Installation
from app.domain.pages import PageRequest
from app.domain.rates import Rate

TOKEN = "such-token"
TEXTS = cursors.Cursor(r"([^\0]{1,300})", str, cursors.TEXT)


class Line(request_body.Body):
    name: fields.Label = ""
    description: fields.Text = ""
    value: fields.KoinuIn
    quantity: Annotated[int, Field(ge=1, le=10**9)]


class Order(request_body.Body):
    items: Annotated[list[Line], Field(min_length=1, max_length=500)]
    confirmations: int = -1
    metadata: fields.Metadata = "{}"


class Seen(responses.View):
    items: list[tuple[str, str, str, int]]
    confirmations: int
    metadata: str


class Sum(responses.View):
    total: fields.KoinuOut


class Insufficient(refusals.Conflict):
    """Not enough {what}."""

    code = "insufficient-funds"


router = APIRouter()
OrderBody = Annotated[Order, request_body.of(Order)]


@router.post("/order", response_model=Seen)
async def post_order(order: OrderBody) -> Response:
    rows = [(line.name, line.description, str(line.value), line.quantity) for line in order.items]
    return responses.show(Seen(items=rows, confirmations=order.confirmations, metadata=order.metadata))


@router.post("/sum", response_model=Sum)
async def post_sum(order: OrderBody) -> Response:
    return responses.show(Sum(total=sum(line.value * line.quantity for line in order.items)))


@router.post("/keyed/{foreign_id}")
async def post_keyed(
    foreign_id: parameters.ForeignId, order: OrderBody, once: idempotency_keys.Key
) -> Response:
    return Response(f"{once.scope} {once.key} {once.fingerprint.hex()}" if once else "none")


@router.get("/account/{foreign_id}")
async def get_account(foreign_id: parameters.ForeignId) -> Response:
    return Response(foreign_id)


@router.post("/account/{foreign_id}")
async def post_account(foreign_id: parameters.ForeignId) -> Response:
    return Response(foreign_id)


@router.get("/invoice/{invoice_id}")
async def get_invoice(invoice_id: parameters.InvoiceId) -> Response:
    return Response(invoice_id)


@router.get("/list")
async def get_list(cursor: parameters.Cursor = 0, limit: parameters.Limit = 10) -> Response:
    return Response(f"{cursor} {limit}")


@router.get("/after")
async def get_after(
    request: Annotated[PageRequest[str], Depends(TEXTS.request)], foreign_id: parameters.Account = None
) -> Response:
    return Response(f"{request.after}|{foreign_id}")


@router.get("/refused/{kind}")
async def get_refused(kind: str) -> Response:
    failures: dict[str, Exception] = {
        "missing": refusals.NotFound(),
        "funds": Insufficient(what="doge", field="amount"),
        "bug": ZeroDivisionError("secret detail"),
        "down": sqlalchemy.exc.OperationalError("SELECT secret", {}, OSError("refused")),
        "unconnected": ConnectionRefusedError("refused"),
    }
    raise failures[kind]


@router.get("/health")
async def get_health() -> Response:
    return responses.show(Sum(total=1))


def application_of(token: str = "", **options: Any) -> FastAPI:
    ids = itertools.count(1)
    lock = Lock(token=token, closed=bool(token))
    face = layers.Face(callers=origins.Callers(), lock=lock, **options)
    return application.build("Test", [router], lambda: f"id-{next(ids)}", face)


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@pytest.fixture
def plain() -> FastAPI:
    return application_of()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application_of()) as opened:
        yield opened


@pytest.fixture
async def locked() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application_of(TOKEN)) as opened:
        yield opened


@pytest.fixture
async def described() -> dict[str, Any]:
    return application_of(documented=True).openapi()


WORDS = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
"""BIP39's own example."""


@pytest.fixture
async def ready(engine: AsyncEngine) -> AsyncEngine:
    """The database with keys for a few accounts."""
    made = keys.Keyring(dogecoin.REGTEST, WORDS).account_xpubs(0, 15)
    rows = [
        {
            "number": k.number,
            "xpub": k.xpub,
            "address": dogecoin.to_address(dogecoin.REGTEST, k.address_script),
        }
        for k in made
    ]
    async with engine.begin() as db:
        await insert(db, ready_keys, rows)
    return engine


def context_on(engine: AsyncEngine) -> context.AppContext:
    tokens = itertools.count(1)
    installation = Installation(dogecoin.REGTEST, 6, lambda: f"token-{next(tokens)}")
    return context.of(engine, GroupCommit(engine, installation, lambda _: None))


@pytest.fixture
async def kennel(ready: AsyncEngine) -> context.AppContext:
    return context_on(ready)


@pytest.fixture
async def nowhere(tmp_path: Path) -> AsyncIterator[context.AppContext]:
    """A Kennel whose database is nowhere."""
    engine = open_engine(f"postgresql+asyncpg://kennel@/kennel?host={tmp_path}")
    yield context_on(engine)
    await engine.dispose()


@pytest.fixture
async def homeless(nowhere: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    """The admin API of a Kennel without a database."""
    async with client_of(application.admin(nowhere, lambda: "id")) as opened:
        yield opened


@pytest.fixture
async def admin(kennel: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application.admin(kennel, lambda: "id")) as opened:
        yield opened


@pytest.fixture
async def payer(kennel: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application.public(kennel, lambda: "id")) as opened:
        yield opened


async def rate_in_euros(kennel: context.AppContext, value: str, source: str = "a.example") -> None:
    """Let a source say what a DOGE is worth."""
    async with kennel.engine.begin() as db:
        await rates.configure(db, ["EUR"], 600)
        await rates.record(db, [Rate(source, "EUR", Decimal(value))])


@pytest.fixture
async def shop(admin: httpx.AsyncClient, kennel: context.AppContext) -> httpx.AsyncClient:
    """The merchant's API with an account, where a DOGE is worth 15 cents."""
    assert (await admin.post("/account/shop", json={})).status_code == 200
    await rate_in_euros(kennel, "0.15")
    return admin
