"""Limits on payments: at once, in a day, to whom, and what waits for another key to approve it."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import outbox, payees, payments
from app.domain import dogecoin
from app.domain.installation import NewHistory
from app.domain.payments import pause, payouts
from app.money import COIN
from tests import funding
from tests.unit.api.access.conftest import ADMIN, Made, bearer

A = "n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv"
B = dogecoin.to_address(dogecoin.REGTEST, bytes.fromhex(f"76a914{'11' * 20}88ac")) or ""
DOGE_100 = 100 * COIN


@pytest.fixture
async def bank(locked: httpx.AsyncClient, ready: AsyncEngine, kennel: Any) -> httpx.AsyncClient:
    object.__setattr__(kennel, "pay_wait_seconds", 0)
    await funding.fund(ready, {"shop": 100 * DOGE_100, "other": 100 * DOGE_100})
    return locked


async def limit(bank: httpx.AsyncClient, **limits: Any) -> None:
    answer = await bank.post("/account/shop/limits", json=limits, headers=ADMIN)
    assert answer.status_code == 200, answer.text


async def pay(
    bank: httpx.AsyncClient, amount: str, to: str = A, headers: dict[str, str] = ADMIN, account: str = "shop"
) -> httpx.Response:
    return await bank.post(f"/account/{account}/pay", json={"to": to, "amount": amount}, headers=headers)


async def failing(bank: httpx.AsyncClient) -> list[str]:
    """The checks of the audit that fail: the money of these tests came from nowhere."""
    checks = (await bank.get("/audit", headers=ADMIN)).json()["checks"]
    return [check["name"] for check in checks if not check["ok"]]


async def test_limits_are_shown_whole_replaced_whole_and_none_at_first(bank: httpx.AsyncClient) -> None:
    first = (await bank.get("/account/shop/limits", headers=ADMIN)).json()
    await limit(bank, per_payment="10", per_day=20, payees=[B, A, A], payee_delay_seconds=60)
    whole = (await bank.get("/account/shop/limits", headers=ADMIN)).json()
    await limit(bank, approve_above="1")

    none = {
        "per_payment": "0",
        "per_day": "0",
        "approve_above": "0",
        "payees": None,
        "payee_delay_seconds": 0,
    }
    assert first == {"foreign_id": "shop", **none}
    assert whole == {
        **first, "per_payment": "10", "per_day": "20", "payees": sorted([A, B]), "payee_delay_seconds": 60
    }  # fmt: skip
    assert (await bank.get("/account/shop/limits", headers=ADMIN)).json() == {**first, "approve_above": "1"}


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"per_payment": "-1"}, "per_payment"),
        ({"per_day": "1e30"}, "per_day"),
        ({"payees": ["junk"]}, "payees.0"),
        ({"payee_delay_seconds": -1}, "payee_delay_seconds"),
    ],
)
async def test_limits_that_are_none_are_refused_by_name(
    bank: httpx.AsyncClient, limits: dict[str, Any], field: str
) -> None:
    answer = await bank.post("/account/shop/limits", json=limits, headers=ADMIN)

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_a_payment_above_a_limit_is_refused_and_moves_nothing(bank: httpx.AsyncClient) -> None:
    await limit(bank, per_payment="100", per_day="150")
    before = (await bank.get("/account/shop/balance", headers=ADMIN)).json()

    single = await pay(bank, "100.00000001")
    unmoved = (await bank.get("/account/shop/balance", headers=ADMIN)).json()
    first, over, rest = [await pay(bank, amount) for amount in ("100", "50.00000001", "50")]

    assert (single.status_code, single.json()["error"]["code"]) == (403, "above-limit")
    assert unmoved == before
    assert [answer.status_code for answer in (first, over, rest)] == [200, 403, 200]
    assert "50 are left" in over.json()["error"]["message"]
    assert (await pay(bank, "1000", account="other")).status_code == 200


async def test_a_fee_that_the_request_names_counts_too(bank: httpx.AsyncClient, make: Made) -> None:
    """Else whoever has a key gives to the miners what it may not send."""
    await limit(bank, per_payment="20", per_day="31", approve_above="15")
    key = bearer(await make("payments:write", per_payment="12"))

    async def pay_dear(fee: str, headers: dict[str, str] = ADMIN) -> str:
        body = {"to": A, "amount": "1", "explicit_fee": fee}
        answer = (await bank.post("/account/shop/pay", json=body, headers=headers)).json()
        return str(answer.get("state") or answer["error"]["code"])

    states = [await pay_dear(fee) for fee in ("19.00000001", "14.00000001", "14", "1")]

    assert states == ["above-limit", "AWAITING_APPROVAL", "PENDING", "above-limit"]
    assert await pay_dear("11.5", key) == "above-limit"


async def test_two_payments_at_once_do_not_both_take_what_is_left_of_the_day(
    bank: httpx.AsyncClient, make: Made
) -> None:
    await limit(bank, per_day="100")
    key = bearer(await make("payments:write", per_day="100"))

    of_account = await asyncio.gather(*(pay(bank, "60") for _ in range(8)))
    of_key = await asyncio.gather(*(pay(bank, "60", headers=key, account="other") for _ in range(8)))

    for answers in (of_account, of_key):
        assert sorted(answer.status_code for answer in answers) == [200] + [403] * 7


async def test_the_day_rolls_and_what_came_back_is_left_again(
    bank: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await limit(bank, per_day="100")
    first = (await pay(bank, "100")).json()["id"]
    assert (await pay(bank, "1")).status_code == 403

    assert (await bank.post(f"/account/shop/payment/{first}/void", headers=ADMIN)).status_code == 200
    again = await pay(bank, "100")
    async with engine.begin() as db:
        await db.execute(sa.update(payments).values(created=payments.c.created - timedelta(hours=24)))

    assert again.status_code == 200
    assert (await pay(bank, "100")).status_code == 200


async def test_only_listed_payees_are_paid_and_only_after_their_delay(
    bank: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await limit(bank, payees=[A], payee_delay_seconds=3600)
    early = await pay(bank, "1")
    async with engine.begin() as db:
        await db.execute(sa.update(payees).values(since=payees.c.since - timedelta(hours=1)))
    await limit(bank, payees=[A, B], payee_delay_seconds=3600)

    assert (early.status_code, early.json()["error"]["code"]) == (403, "above-limit")
    assert (await pay(bank, "1")).status_code == 200
    assert (await pay(bank, "1", to=B)).status_code == 403
    await limit(bank)
    assert (await pay(bank, "1", to=B)).status_code == 200


async def test_what_is_above_the_threshold_waits_for_another_key(
    bank: httpx.AsyncClient, make: Made, engine: AsyncEngine
) -> None:
    await limit(bank, approve_above="10")
    asker, approver = (
        bearer(await make("payments:write", "payments:approve")),
        bearer(await make("payments:approve")),
    )

    small, large = await pay(bank, "10", headers=asker), await pay(bank, "10.00000001", headers=asker)
    path = f"/account/shop/payment/{large.json()['id']}"
    own = await bank.post(f"{path}/approve", headers=asker)
    aside = (await bank.get("/account/shop/balance", headers=ADMIN)).json()["OutgoingBalance"]
    approved = await bank.post(f"{path}/approve", headers=approver)
    again = await bank.post(f"{path}/approve", headers=approver)

    assert small.json()["state"] == "PENDING"
    shown = {name: large.json()[name] for name in ("state", "hex", "tx")}
    assert shown == {"state": "AWAITING_APPROVAL", "hex": "", "tx": ""}
    assert (own.status_code, own.json()["error"]["code"]) == (403, "forbidden")
    assert float(aside) > 20
    assert (approved.status_code, approved.json()["state"], again.status_code) == (200, "PENDING", 409)
    async with engine.begin() as db:
        types = (await db.scalars(sa.select(outbox.c.type).order_by(outbox.c.id))).all()
    assert [name for name in types if name.startswith("PAYMENT_")] == [
        "PAYMENT_REQUESTED", "PAYMENT_REQUESTED", "PAYMENT_AWAITING_APPROVAL", "PAYMENT_APPROVED",
    ]  # fmt: skip


async def test_a_rejected_payment_gives_all_of_its_money_back(
    bank: httpx.AsyncClient, make: Made, engine: AsyncEngine
) -> None:
    before = (await bank.get("/account/shop/balance", headers=ADMIN)).json()
    faults = await failing(bank)
    asker = bearer(await make("payments:write", approve_above="1"))
    path = f"/account/shop/payment/{(await pay(bank, '5', headers=asker)).json()['id']}"
    waiting = await failing(bank)

    other = await bank.post(path.replace("shop", "other") + "/reject", headers=ADMIN)
    rejected = await bank.post(f"{path}/reject", headers=ADMIN)

    assert (waiting, other.status_code) == (faults, 404)
    assert rejected.json()["state"] == "VOIDED"
    assert (await bank.get("/account/shop/balance", headers=ADMIN)).json() == before
    assert await failing(bank) == faults
    async with engine.begin() as db:
        types = set(await db.scalars(sa.select(outbox.c.type)))
    assert "PAYMENT_REJECTED" in types


async def test_a_restore_ends_what_waits_because_it_may_have_been_approved_since(
    bank: httpx.AsyncClient, make: Made, engine: AsyncEngine
) -> None:
    before = (await bank.get("/account/shop/balance", headers=ADMIN)).json()
    asker = bearer(await make("payments:write", approve_above="1"))
    number = (await pay(bank, "5", headers=asker)).json()["id"]

    async with engine.begin() as db:
        await pause.begin_history(db, NewHistory("e" * 32, 0, 1))
        ended = await pause.end_pending(db)

    shown = (await bank.get(f"/account/shop/payment/{number}", headers=ADMIN)).json()
    assert (ended, shown["state"]) == (1, "FAILED")
    assert "restored from a backup" in shown["error"]
    assert (await bank.get("/account/shop/balance", headers=ADMIN)).json() == before


async def test_the_asker_may_void_what_waits(bank: httpx.AsyncClient, make: Made) -> None:
    key = bearer(await make("payments:write", approve_above="1"))
    number = (await pay(bank, "5", headers=key)).json()["id"]

    voided = await bank.post(f"/account/shop/payment/{number}/void", headers=key)

    assert (voided.status_code, voided.json()["state"]) == (200, "VOIDED")


async def set_payouts(bank: httpx.AsyncClient, headers: dict[str, str], **terms: str) -> None:
    answer = await bank.post("/account/shop", json=terms, headers=headers)
    assert answer.status_code == 200, answer.text


async def pay_out(engine: AsyncEngine) -> int:
    """Make the payouts that are due, as the clock does; returns how many."""
    async with engine.begin() as db:
        due, _ = await payouts.look(db, dogecoin.REGTEST, -1)
        return await payouts.pay_out(db, dogecoin.REGTEST, due)


async def verdict(bank: httpx.AsyncClient, number: int, headers: dict[str, str]) -> tuple[int, str]:
    answer = await bank.post(f"/account/shop/payment/{number}/approve", headers=headers)
    return answer.status_code, str(answer.json().get("state", ""))


async def test_who_has_set_the_payout_address_does_not_approve_the_payout_though_another_changed_it_since(
    bank: httpx.AsyncClient, make: Made, engine: AsyncEngine
) -> None:
    thief, other = [bearer(await make("accounts:write", "payments:approve")) for _ in range(2)]
    await limit(bank, approve_above="1")
    await set_payouts(bank, thief, payout_address=B, payout_threshold="1")
    made = await pay_out(engine)
    await set_payouts(bank, other, payout_address=A)
    [waiting] = (await bank.get("/account/shop/payments", headers=ADMIN)).json()["items"]

    own = await verdict(bank, waiting["id"], thief)
    of_another = await verdict(bank, waiting["id"], other)

    assert (made, waiting["state"], waiting["pay_to"][0]["to"]) == (1, "AWAITING_APPROVAL", B)
    assert own == (403, "")
    assert of_another == (200, "PENDING")


async def test_who_changes_other_terms_of_payouts_or_the_same_address_again_has_not_set_it(
    bank: httpx.AsyncClient, make: Made, engine: AsyncEngine
) -> None:
    setter, other = [bearer(await make("accounts:write", "payments:approve")) for _ in range(2)]
    await limit(bank, approve_above="1")
    await set_payouts(bank, setter, payout_address=A)
    await set_payouts(bank, other, payout_address=A, payout_threshold="1")
    await pay_out(engine)
    [waiting] = (await bank.get("/account/shop/payments", headers=ADMIN)).json()["items"]

    own, of_another = [await verdict(bank, waiting["id"], headers) for headers in (setter, other)]

    assert (own, of_another) == ((403, ""), (200, "PENDING"))


async def test_what_a_key_may_not_pay_does_not_go_out_as_a_payout_to_an_address_that_it_has_set(
    bank: httpx.AsyncClient, make: Made, engine: AsyncEngine
) -> None:
    thief = bearer(await make("accounts:write", "payments:write", per_payment="5"))
    await set_payouts(bank, thief, payout_address=B, payout_threshold="1")

    refused = await pay_out(engine)
    await set_payouts(bank, ADMIN, payout_address=A)
    made = await pay_out(engine)

    listed = (await bank.get("/account/shop/payments", headers=ADMIN)).json()["items"]
    assert (refused, made) == (0, 1)
    assert [[payee["to"] for payee in payment["pay_to"]] for payment in listed] == [[A]]


async def test_payouts_keep_to_the_limits_of_their_account(
    bank: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await set_payouts(bank, ADMIN, payout_address=A, payout_threshold="1")

    await limit(bank, payees=[B])
    refused = await pay_out(engine)
    await bank.post("/account/shop", json={"payout_threshold": "2"}, headers=ADMIN)
    await limit(bank, approve_above="1")
    waiting = await pay_out(engine)

    listed = (await bank.get("/account/shop/payments", headers=ADMIN)).json()["items"]
    assert (refused, waiting) == (0, 1)
    assert [payment["state"] for payment in listed] == ["AWAITING_APPROVAL"]
