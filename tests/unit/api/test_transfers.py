import asyncio
import json
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application
from app.api.transfer_views import ShareView, TransferPage, TransferView
from app.db.tables import ready_keys
from app.domain import transfers
from app.domain.transfers import Credit, LacksFunds, Transfer
from tests import scenario
from tests.scenario import Chain, doge
from tests.unit.api.conftest import client_of, context_on
from tests.unit.domain import bank

KEYS = count()
GIFT = {"from": "alice", "to": "bob", "asset": "gold", "amount": "0.5"}


@pytest.fixture
async def shop(engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """An admin API of a bank in which alice and bob have a coin each."""
    await bank.opened(engine, "alice", "bob", "carol")
    async with client_of(application.admin(context_on(engine), lambda: "id")) as opened:
        yield opened


async def post(client: httpx.AsyncClient, path: str, body: Any, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key or f"key-{next(KEYS)}"}
    return await client.post(path, content=json.dumps(body), headers=headers)


async def test_a_transfer_is_shown_as_it_is_and_can_be_looked_up(
    shop: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    described = {"reference_type": "order", "reference": "7", "metadata": {"a": 1}}

    made = await post(shop, "/transfers", GIFT | described)

    shown = made.json()
    assert made.status_code == 200
    assert shown == {
        "id": shown["id"], "type": "TRANSFER", **GIFT, **described,
        "reversed": "0", "reverses": None, "created": shown["created"],
    }  # fmt: skip
    assert list(shown)[:7] == ["id", "type", "from", "to", "asset", "amount", "reference_type"]
    assert (await shop.get(f"/transfers/{shown['id']}")).json() == shown
    assert (await shop.get("/transfers/999")).status_code == 404
    assert await bank.gold(engine, "alice", "bob") == [50, 150]


async def test_every_answer_has_the_fields_that_are_described_and_metadata_as_it_was_sent(
    shop: httpx.AsyncClient,
) -> None:
    exact = '{"price":1.10,"sum":12345678901234567890.123456789,"said":"é \\\\ \\" \\n"}'
    body = json.dumps(GIFT)[:-1] + f',"metadata":{exact}}}'
    split = {
        "transfers": None,
        **GIFT,
        "to": [{"account": "bob", "amount": "0.1"}, {"account": "carol", "amount": "0.2"}],
        "amount": None,
    }

    single = await shop.post("/transfers", content=body, headers={"Idempotency-Key": "one"})
    many = (await post(shop, "/transfers", {"transfers": [GIFT | {"amount": "0.1"}, split]})).json()["items"]
    reversal = (await post(shop, f"/transfers/{single.json()['id']}/reverse", {})).json()
    page = (await shop.get("/transfers?limit=4")).json()

    described = list(TransferView.model_json_schema(mode="serialization")["properties"])
    for shown in (single.json(), *many, reversal, *page["items"]):
        assert list(shown) == described
    assert f'"metadata":{exact}' in single.text
    assert f'"metadata":{exact}' in (await shop.get(f"/transfers/{single.json()['id']}")).text
    assert list(many[1]["to"][0]) == list(ShareView.model_fields)
    assert reversal["reverses"] == single.json()["id"]
    assert list(page) == list(TransferPage.model_fields)


async def test_numbers_are_rounded_to_the_decimals_of_the_asset_wherever_they_stand(
    shop: httpx.AsyncClient,
) -> None:
    third = {"from": "alice", "to": "bob", "asset": "gold", "amount": 1 / 30}
    split = {
        **third,
        "to": [{"account": "bob", "amount": 0.1 / 3}, {"account": "carol", "amount": 0.015}],
        "amount": 0.1 / 3 + 0.015,
    }

    single = await post(shop, "/transfers", third)
    many = await post(shop, "/transfers", {"transfers": [third, split]})
    held = await post(shop, "/account/alice/hold", {"asset": "gold", "amount": 168.01 / 0.25157 / 10_000})
    bought = {
        "order_id": "1",
        "buyer": "alice",
        "seller": "bob",
        "asset": "gold",
        "amount": 0.3333333333333333,
        "fee": 0.015,
    }
    escrow = await post(shop, "/escrow", bought)
    nothing = await post(shop, "/transfers", third | {"amount": 0.004})
    written = await post(shop, "/transfers", third | {"amount": "0.033"})

    assert single.json()["amount"] == "0.03"
    assert [(made["amount"], made["to"]) for made in many.json()["items"]] == [
        ("0.03", "bob"),
        ("0.05", [{"account": "bob", "amount": "0.03"}, {"account": "carol", "amount": "0.02"}]),
    ]
    assert (held.json()["amount"], escrow.json()["amount"], escrow.json()["fee"]) == ("0.07", "0.33", "0.02")
    assert (nothing.status_code, written.status_code) == (400, 400)


async def test_the_same_request_again_is_the_same_transfer(
    shop: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    first, same = [await post(shop, "/transfers", GIFT, "key") for _ in range(2)]
    other = await post(shop, "/transfers", GIFT | {"amount": "0.4"}, "key")
    without = await shop.post("/transfers", content=json.dumps(GIFT))

    assert same.json() == first.json()
    assert same.headers["idempotent-replayed"] == "true"
    assert (other.status_code, without.status_code) == (422, 400)
    assert without.json()["error"]["field"] == "Idempotency-Key"
    assert await bank.gold(engine, "alice", "bob") == [50, 150]


async def test_several_payees_are_one_transfer(shop: httpx.AsyncClient) -> None:
    shares = [{"account": "bob", "amount": "0.1"}, {"account": "carol", "amount": "0.2"}]

    made = await post(shop, "/transfers", {"from": "alice", "to": shares, "asset": "gold"})
    summed = await post(shop, "/transfers", {"from": "alice", "to": shares, "asset": "gold", "amount": 0.30})

    assert (made.json()["to"], made.json()["amount"]) == (shares, "0.3")
    assert (summed.json()["to"], summed.json()["amount"]) == (shares, "0.3")


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"to": "alice"}, 400, "to"),
        ({"to": "nobody"}, 404, "to"),
        ({"to": []}, 400, "to"),
        ({"to": [{"account": "bob", "amount": "x"}]}, 400, "to.0.amount"),
        ({"to": [{"account": "bob", "amount": 1}, {"account": "bob", "amount": 1}]}, 400, "to.1.account"),
        ({"to": [{"account": "bob", "amount": 1, "asset": "gems"}]}, 400, "to.0.asset"),
        ({"to": [{"account": "bob", "amount": "0.2"}, {"account": "carol", "amount": "0.2"}]}, 400, "amount"),
        ({"to": [{"account": "bob", "amount": 1}], "amount": True}, 400, "amount"),
        ({"to": [{"account": "bob", "amount": 1}], "amount": "9" * 99}, 400, "amount"),
        ({"to": [{"account": "bob", "amount": 1}], "amount": {"all": 1}}, 400, "amount"),
        ({"from": ""}, 400, "from"),
        ({"from": None}, 400, "from"),
        ({"asset": "lead"}, 404, "asset"),
        ({"amount": "0.001"}, 400, "amount"),
        ({"amount": "9" * 19}, 400, "amount"),
        ({"amount": 0}, 400, "amount"),
        ({"amount": True}, 400, "amount"),
        ({"amount": "1.01"}, 409, "amount"),
        ({"metadata": {"a": "x" * 8192}}, 400, "metadata"),
        ({"reference": "x" * 256}, 400, "reference"),
    ],
)
async def test_a_bad_request_names_the_field_and_moves_nothing(
    shop: httpx.AsyncClient, engine: AsyncEngine, change: dict[str, Any], status: int, field: str
) -> None:
    refused = await post(shop, "/transfers", GIFT | change)

    assert (refused.status_code, refused.json()["error"].get("field")) == (status, field)
    assert await bank.gold(engine, "alice", "bob") == [100, 100]


async def test_too_little_money_is_said_in_the_decimals_of_the_asset(shop: httpx.AsyncClient) -> None:
    refused = await post(shop, "/transfers", GIFT | {"amount": "12.5"})

    assert refused.json()["error"] == {
        "code": "insufficient-funds", "message": "alice has 1 gold, 12.5 needed.", "field": "amount",
    }  # fmt: skip


async def test_of_many_each_has_its_own_outcome_in_order(
    shop: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    split = {"from": "alice", "to": [{"account": "carol", "amount": "0.5"}], "asset": "gold"}
    many = {"transfers": [GIFT, GIFT | {"amount": "9"}, split, GIFT]}

    first, same = [await post(shop, "/transfers", many, "bulk") for _ in range(2)]

    items = first.json()["items"]
    short = {"code": "insufficient-funds", "message": "alice has 0.5 gold, 9 needed.", "field": "amount"}
    assert items[1] == {"error": short}
    assert items[3]["error"]["message"] == "alice has 0 gold, 0.5 needed."
    assert [items[n]["to"] for n in (0, 2)] == ["bob", "carol"]
    assert await bank.gold(engine, "alice", "bob", "carol") == [0, 150, 150]
    assert [item.get("id") for item in same.json()["items"]] == [item.get("id") for item in items]
    assert (await post(shop, "/transfers", GIFT, "bulk:0")).headers["idempotent-replayed"] == "true"


async def test_only_those_of_many_that_were_refused_are_tried_again(
    shop: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await post(shop, "/transfers", {"transfers": [GIFT, GIFT | {"amount": "9"}]}, "bulk")

    mended = await post(shop, "/transfers", {"transfers": [GIFT, GIFT | {"amount": "0.25"}]}, "bulk")
    again = await post(shop, "/transfers", {"transfers": [GIFT, GIFT | {"amount": "0.25"}]}, "bulk")

    assert [item["amount"] for item in mended.json()["items"]] == ["0.5", "0.25"]
    assert again.json() == mended.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert await bank.gold(engine, "alice", "bob") == [25, 175]


async def test_atomic_ones_are_all_made_or_none(shop: httpx.AsyncClient, engine: AsyncEngine) -> None:
    await post(shop, "/account/bob/transact", {"asset": "gems", "amount": 5, "type": "TOPUP"})
    swap = [GIFT, {"from": "bob", "to": "alice", "asset": "gems", "amount": "7"}]

    refused = await post(shop, "/transfers", {"transfers": swap, "atomic": True}, "swap")
    swap[1]["amount"] = "5"
    made, same = [
        await post(shop, "/transfers", {"transfers": swap, "atomic": True}, "swap") for _ in range(2)
    ]

    assert (refused.status_code, refused.json()["error"]["field"]) == (409, "transfers.1.amount")
    assert [item["amount"] for item in made.json()["items"]] == ["0.5", "5"]
    assert same.json() == made.json()
    assert await bank.gold(engine, "alice", "bob") == [50, 150]
    assert await bank.gold(engine, "alice", "bob", asset="gems") == [5, 0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"transfers": [GIFT] * 1001}, "transfers"),
        ({"transfers": []}, "transfers"),
        ({"transfers": [GIFT, GIFT | {"asset": 3}]}, "transfers.1.asset"),
        ({"transfers": [GIFT | {"to": [{"account": "bob", "amount": []}]}]}, "transfers.0.to.0.amount"),
        ({"transfers": [GIFT, GIFT | {"to": "nobody"}], "atomic": True}, "transfers.1.to"),
        ({"transfers": {}}, "transfers"),
        ({"transfers": [GIFT], "atomic": 1}, "atomic"),
    ],
)
async def test_many_that_are_wrong_name_the_one(
    shop: httpx.AsyncClient, engine: AsyncEngine, body: dict[str, Any], field: str
) -> None:
    refused = await post(shop, "/transfers", body)

    assert refused.status_code in (400, 404)
    assert refused.json()["error"]["field"] == field
    assert await bank.gold(engine, "alice", "bob") == [100, 100]


async def test_many_that_are_named_twice_are_those_that_are_read(
    shop: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    exact = await post(shop, "/transfers", {"transfers": [GIFT], "Transfers": [GIFT, GIFT]})
    last = await post(shop, "/transfers", {"TRANSFERS": [], "Transfers": [GIFT | {"amount": "0.25"}]})

    assert [[item["amount"] for item in made.json()["items"]] for made in (exact, last)] == [
        ["0.5"],
        ["0.25"],
    ]
    assert await bank.gold(engine, "alice", "bob") == [25, 175]


async def test_a_key_that_two_find_free_at_once_is_the_firsts(
    shop: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """A caller may choose the key that a transfer of an atomic request has: two requests may have one key."""
    theirs = {"from": "carol", "to": "dave", "asset": "gold", "amount": "0.01"}
    await shop.post("/account/dave", content="{}")

    for n in range(5):
        both = await asyncio.gather(
            post(shop, "/transfers", GIFT | {"amount": "0.01"}, f"{n}:0"),
            post(shop, "/transfers", {"transfers": [theirs], "atomic": True}, f"{n}"),
        )

        assert sorted(answer.status_code for answer in both) == [200, 422]
    assert sum(await bank.gold(engine, "bob", "dave")) == 105


async def test_a_transfer_is_taken_back_once(shop: httpx.AsyncClient, engine: AsyncEngine) -> None:
    made = (await post(shop, "/transfers", GIFT)).json()

    reversal = await post(shop, f"/transfers/{made['id']}/reverse", {"amount": "0.2"})
    again = await post(shop, f"/transfers/{made['id']}/reverse", {})

    assert {name: reversal.json()[name] for name in ("type", "from", "to", "amount", "reverses")} == {
        "type": "REVERSAL", "from": "bob", "to": "alice", "amount": "0.2", "reverses": made["id"],
    }  # fmt: skip
    assert (again.status_code, again.json()["error"]["field"]) == (409, "id")
    assert (await shop.get(f"/transfers/{made['id']}")).json()["reversed"] == "0.2"
    assert await bank.gold(engine, "alice", "bob") == [70, 130]


async def test_credits_are_given_and_taken_and_never_doge(
    shop: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async def transact(kind: str, **change: Any) -> httpx.Response:
        return await post(
            shop, "/account/alice/transact", {"asset": "gold", "amount": "2", "type": kind} | change
        )

    done = [await transact(kind) for kind in ("TOPUP", "BONUS", "SPEND")]
    refused = [
        await transact("SPEND", amount="9"), await transact("TOPUP", asset="DOGE"),
        await transact("BONUS", asset="DOGE"), await transact("GIFT"),
        await post(shop, "/account/nobody/transact", {"asset": "gold", "amount": 1, "type": "SPEND"}),
    ]  # fmt: skip

    assert [(answer.json()["from"], answer.json()["to"]) for answer in done] == [
        ("treasury", "alice"), ("treasury", "alice"), ("alice", "treasury"),
    ]  # fmt: skip
    assert [(answer.status_code, answer.json()["error"]["field"]) for answer in refused] == [
        (409, "amount"), (400, "asset"), (400, "asset"), (400, "type"), (404, "foreign_id"),
    ]  # fmt: skip
    assert await bank.gold(engine, "alice") == [300]


async def test_doge_that_is_spent_goes_to_the_platform_which_is_opened_for_it(
    shop: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    chain = await Chain(engine).start()
    await chain.mine(((await shop.get("/account/alice")).json()["id"], doge(10)))
    await chain.deepen(5)

    spent = await post(shop, "/account/alice/transact", {"asset": "DOGE", "amount": "2.5", "type": "SPEND"})

    assert spent.json()["to"] == "platform"
    assert await bank.gold(engine, "alice", "platform", asset="DOGE") == [doge("7.5"), doge("2.5")]


async def test_doge_that_is_spent_in_vain_opens_no_account_and_disturbs_nobody(
    shop: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    spend = {"asset": "DOGE", "amount": "2.5", "type": "SPEND"}

    refused = await post(shop, "/account/alice/transact", spend)
    unknown = await post(shop, "/account/nobody/transact", spend)
    async with engine.begin() as db:
        crediting = [Credit(name, kind, asset, "1").order(name, "platform") for name, kind, asset in (
            ("alice", "SPEND", "DOGE"), ("bob", "SPEND", "gold"), ("carol", "TOPUP", "gold"),
        )]  # fmt: skip
        lacking, *made = await transfers.open_and_make(db, crediting, scenario.INSTALLATION)

    assert [answer.json()["error"]["code"] for answer in (refused, unknown)] == [
        "insufficient-funds",
        "not-found",
    ]
    assert isinstance(lacking, LacksFunds)
    assert [isinstance(outcome, Transfer) for outcome in made] == [True, True]
    assert (await shop.get("/account/platform")).status_code == 404
    assert await bank.gold(engine, "alice", "bob", "carol") == [100, 0, 200]


async def test_without_a_ready_key_for_the_platform_the_spender_is_told_so(
    shop: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as db:
        await db.execute(sa.delete(ready_keys))

    refused = await post(shop, "/account/alice/transact", {"asset": "DOGE", "amount": "2.5", "type": "SPEND"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not-available")


async def test_lists_reach_from_one_end_of_the_calendar_to_the_other(shop: httpx.AsyncClient) -> None:
    made = (await post(shop, "/transfers", GIFT | {"reference": "r"})).json()
    ever = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}

    for path, more in (
        ("/transfers", {"limit": "1"}),
        ("/transfers", {"reference": "r"}),
        ("/account/bob/transfers", {}),
    ):
        answer = await shop.get(path, params=ever | more)
        assert [transfer["id"] for transfer in answer.json()["items"]][:1] == [made["id"]], answer.text


async def test_transfers_are_listed_in_pages_and_by_what_is_asked_for(shop: httpx.AsyncClient) -> None:
    made = [
        (await post(shop, "/transfers", GIFT | {"amount": "0.01", "reference": str(n), "from": name})).json()[
            "id"
        ]
        for n, name in enumerate(["alice", "carol", "alice"])
    ]

    first = (await shop.get("/transfers?limit=2")).json()
    rest = (await shop.get(f"/transfers?limit=2&cursor={first['cursor']}")).json()
    of_alice = (await shop.get("/account/alice/transfers?limit=1")).json()
    next_page = (await shop.get(f"/account/alice/transfers?limit=1&cursor={of_alice['cursor']}")).json()
    filtered = [
        [transfer["id"] for transfer in (await shop.get(f"/transfers?{query}")).json()["items"]]
        for query in (
            "reference=1",
            "foreign_id=carol",
            "asset=gems",
            "foreign_id=alice&reference=1",
            "limit=3",
        )
    ]

    assert [transfer["id"] for transfer in (*first["items"], *rest["items"])][:3] == made[::-1]
    assert [transfer["id"] for transfer in (*of_alice["items"], *next_page["items"])] == [made[2], made[0]]
    assert filtered[0] == [made[1]]
    assert filtered[1][0] == made[1]
    assert filtered[2:] == [[], [], made[::-1]]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/transfers?foreign_id=nobody", 404),
        ("/account/nobody/transfers", 404),
        ("/transfers?asset=lead", 404),
        ("/transfers?cursor=x", 400),
        ("/transfers?from=yesterday", 400),
        ("/transfers/0", 400),
        ("/transfers/x", 400),
    ],
)
async def test_a_list_of_nobody_or_from_nowhere_is_refused(
    shop: httpx.AsyncClient, path: str, status: int
) -> None:
    assert (await shop.get(path)).status_code == status
