"""Cold storage over HTTP."""

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine


async def test_an_address_for_money_from_cold_storage_is_a_fresh_one_each_time(
    admin: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    asked = [{"Idempotency-Key": "k"}, {"Idempotency-Key": "k"}, {}]

    answers = [await admin.post("/admin/cold/return", headers=headers) for headers in asked]

    first, again, fresh = [answer.json()["address"] for answer in answers]
    assert (first, len({first, fresh})) == (again, 2)
    assert answers[1].headers["idempotent-replayed"] == "true"
    listed = (await admin.get("/account/platform/addresses")).json()["items"]
    assert {item["address"]: item["purpose"] for item in listed if item["purpose"] == "cold"} == {
        first: "cold", fresh: "cold",
    }  # fmt: skip
    assert (await admin.get("/account/platform/deposits")).json()["items"] == []
