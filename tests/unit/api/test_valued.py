"""What money was worth then, in lists, in the history and in its CSV."""

import csv
import io
import time
from decimal import Decimal
from typing import Any

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.context import AppContext
from app.domain import rates
from app.domain.rates import Rate
from tests import scenario
from tests.scenario import Chain, doge

PAYEE = "n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv"


async def deposited(shop: httpx.AsyncClient, engine: AsyncEngine, amount: int) -> None:
    address = (await shop.post("/account/shop/address", json={})).json()["address"]
    chain = await Chain(engine).start()
    await chain.connect(scenario.dated(chain, [(address, doge(amount))], int(time.time()) + 60))
    await chain.deepen(5)


async def older_rates(engine: AsyncEngine) -> None:
    """Let what the sources said be a second old: what is posted now is valued by what was said before."""
    async with engine.begin() as db:
        await db.execute(sa.text("UPDATE rates SET at = at - interval '1 second'"))


async def items(shop: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    return list((await shop.get(path)).json()["items"])


async def test_a_deposit_and_a_payment_say_what_they_were_worth(
    shop: httpx.AsyncClient, kennel: AppContext
) -> None:
    await deposited(shop, kennel.engine, 100)
    keyed = {"Idempotency-Key": "k"}
    await shop.post("/account/shop/pay", json={"to": PAYEE, "amount": "20"}, headers=keyed)

    [deposit] = await items(shop, "/account/shop/deposits")
    [payment] = await items(shop, "/account/shop/payments")

    assert {key: deposit["fiat"][key] for key in ("currency", "value", "rate")} == {
        "currency": "EUR", "value": "15.00", "rate": "0.15"
    }  # fmt: skip
    assert payment["fiat"]["value"] == "3.00"
    [event] = await scenario.event_messages(kennel.engine, "PAYMENT_REQUESTED")
    assert event["fiat"] == payment["fiat"]


async def test_the_history_and_its_csv_say_what_each_line_of_them_was_worth(
    shop: httpx.AsyncClient, kennel: AppContext
) -> None:
    await older_rates(kennel.engine)
    await deposited(shop, kennel.engine, 100)
    await shop.post("/account/other", json={})
    transfer = {"from": "shop", "to": "other", "asset": "DOGE", "amount": "1"}
    await shop.post("/transfers", json=transfer, headers={"Idempotency-Key": "t"})
    hold = {"asset": "DOGE", "amount": "2"}
    await shop.post("/account/shop/hold", json=hold, headers={"Idempotency-Key": "h"})
    credit = {"asset": "gold", "amount": "7", "type": "TOPUP"}
    await shop.post("/assets", json={"code": "gold", "decimals": 0})
    await shop.post("/account/shop/transact", json=credit, headers={"Idempotency-Key": "g"})
    body = {"to": PAYEE, "amount": "20", "max_fee": "0.5"}
    await shop.post("/account/shop/pay", json=body, headers={"Idempotency-Key": "k"})

    history = await items(shop, "/account/shop/history?limit=100")
    text = (await shop.get("/account/shop/history?format=csv")).text

    values = [
        (line["type"], line["debit"], line["credit"], (line["fiat"] or {}).get("value")) for line in history
    ]
    assert set(values) == {
        ("WITHDRAWAL", "0", "20.5", "3.08"),
        ("WITHDRAWAL", "20.5", "0", "3.08"),
        ("TRANSFER", "1", "0", "0.15"),
        ("HOLD", "2", "0", "0.30"),
        ("HOLD", "0", "2", "0.30"),
        ("TOPUP", "0", "7", None),
        ("DEPOSIT", "0", "100", "15.00"),
        ("DEPOSIT", "100", "0", "15.00"),
    }
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["fiat_value"] for row in rows] == [(line["fiat"] or {}).get("value", "") for line in history]
    assert {row["fiat_currency"] for row in rows} == {"EUR", ""}
    assert {row["fiat_rate"] for row in rows} == {"0.15", ""}


async def test_a_transfer_is_valued_by_the_last_rate_before_it_and_by_none_that_was_too_old_or_came_later(
    shop: httpx.AsyncClient, kennel: AppContext
) -> None:
    await older_rates(kennel.engine)
    await deposited(shop, kennel.engine, 100)
    await shop.post("/account/other", json={})
    transfer = {"from": "shop", "to": "other", "asset": "DOGE", "amount": "1"}
    await shop.post("/transfers", json=transfer, headers={"Idempotency-Key": "t"})
    path = "/account/shop/history?type=TRANSFER"
    async with kennel.engine.begin() as db:
        await rates.record(db, [Rate("a.example", "EUR", Decimal("0.9"))])

    [before] = await items(shop, path)
    async with kennel.engine.begin() as db:
        await db.execute(sa.text("UPDATE rates SET at = at - interval '10 minutes' WHERE value < 0.9"))
    [after] = await items(shop, path)

    assert (before["fiat"]["rate"], before["fiat"]["value"]) == ("0.15", "0.15")
    assert before["fiat"]["at"] <= before["created"]
    assert after["fiat"] is None
