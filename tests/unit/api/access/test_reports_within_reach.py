"""A key of some accounts: reports are of those alone."""

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests import funding
from tests.funding import GOLD
from tests.unit.api.access.conftest import Made, bearer

REACHES: list[dict[str, Any]] = [{"prefix": "my."}, {"accounts": ["my.a", "my.b"]}]


@pytest.mark.parametrize("reach", REACHES)
async def test_a_report_is_of_the_accounts_within_reach(
    locked: httpx.AsyncClient, ready: AsyncEngine, make: Made, reach: dict[str, Any]
) -> None:
    await funding.fund(ready, {"other": 10_000, "my.a": 1_000, "my.b": 100, "mx": 10}, GOLD)
    key = bearer(await make("reports:read", **reach))

    async def asked(query: str) -> httpx.Response:
        return await locked.get(f"/reports/{query}", headers=key)

    [whole] = (await asked("balances")).json()["items"]
    accounts = (await asked("ledger?group_by=account")).json()["items"]
    listed = (await asked("ledger/rows?prefix=m")).json()["items"]
    beyond = (await asked("ledger/rows?prefix=o")).json()["items"]

    assert whole["closing"] == "11"
    assert [row["foreign_id"] for row in accounts] == ["my.a", "my.b"]
    assert [line["foreign_id"] for line in listed] == ["my.a", "my.b"]
    assert beyond == []
    for foreign in ("other", "mx", "nobody"):
        answers = [await asked(f"{path}?account={foreign}") for path in ("fees", "fees/rows")]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert {answer.json()["error"]["field"] for answer in answers} == {"account"}
