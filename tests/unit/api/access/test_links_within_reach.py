"""A key of some accounts makes, lists and closes pay links of those, and knows no others."""

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.unit.api.access.conftest import ADMIN, Made, bearer


async def test_a_key_knows_the_pay_links_of_its_accounts_only(
    locked: httpx.AsyncClient, make: Made, ready: AsyncEngine
) -> None:
    links = {}
    for name in ("mine", "other"):
        await locked.post(f"/account/{name}", json={}, headers=ADMIN)
        made = await locked.post(f"/account/{name}/link", json={"amount": 5}, headers=ADMIN)
        links[name] = made.json()["id"]
    key = bearer(await make("invoices:read", "invoices:write", accounts=["mine"]))
    reader = bearer(await make("invoices:read"))

    statuses = {
        name: [
            (await locked.post(f"/account/{name}/link", json={"amount": 5}, headers=key)).status_code,
            (await locked.get(f"/account/{name}/links", headers=key)).status_code,
            (await locked.post(f"/link/{links[name]}/close", headers=key)).status_code,
            (await locked.post(f"/link/{links[name]}/close", headers=reader)).status_code,
        ]
        for name in links
    }
    other = (await locked.get("/account/other/links", headers=ADMIN)).json()["items"]

    assert statuses == {"mine": [200, 200, 200, 403], "other": [404, 404, 404, 403]}
    assert [link["state"] for link in other] == ["open"]
