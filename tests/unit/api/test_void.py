"""Voiding and looking into transactions over HTTP, with a real node to be asked."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from app.chain.node import Node
from app.workers import questions
from devnet import signatures
from tests import chain_harness, scenario
from tests.chain_harness import ChainHarness
from tests.scenario import doge
from tests.unit.api.conftest import client_of


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path, max_mempool_bytes=400_000) as made:
        await made.fund("shop", 100)
        yield made
        await made.audit()


def api_on(harness: ChainHarness, node: Node) -> httpx.AsyncClient:
    api = context.of(harness.engine, scenario.commits(harness.engine))
    api = replace(api, pay_wait_seconds=0, node_queries=questions.to(node))
    return client_of(application.admin(api, lambda: "id"))


@pytest.fixture
async def api(harness: ChainHarness) -> AsyncIterator[httpx.AsyncClient]:
    async with api_on(harness, harness.node) as opened:
        yield opened


async def paid(api: httpx.AsyncClient, harness: ChainHarness, verb: str = "pay") -> int:
    answer = await api.post(
        f"/account/shop/{verb}", json={"to": await harness.node_address(), "amount": "10"}
    )
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["id"]
    return number


async def test_voiding_an_unsigned_payment_answers_with_it_and_a_key_repeats_the_answer(
    api: httpx.AsyncClient, harness: ChainHarness
) -> None:
    number = await paid(api, harness)

    once, again = [
        await api.post(f"/account/shop/payment/{number}/void", headers={"Idempotency-Key": "v"})
        for _ in range(2)
    ]

    assert (once.status_code, again.status_code) == (200, 200)
    assert once.json()["state"] == again.json()["state"] == "VOIDED"
    assert "idempotent-replayed" in again.headers
    assert (await api.post(f"/account/shop/payment/{number}/void")).status_code == 409
    assert (await harness.balance()).available == doge(100)


async def test_a_payment_that_the_node_holds_is_not_voided_and_one_that_it_never_saw_is(
    api: httpx.AsyncClient, harness: ChainHarness
) -> None:
    sent, signed = await paid(api, harness), await paid(api, harness, "paytx")
    await harness.send()

    refused = await api.post(f"/account/shop/payment/{sent}/void")
    accepted = await api.post(f"/account/shop/payment/{signed}/void")

    assert refused.status_code == 409
    assert "mempool" in refused.json()["error"]["message"]
    assert (accepted.status_code, accepted.json()["state"]) == (200, "CANCELLING")


@pytest.mark.parametrize("version", [0, 1])
async def test_a_payment_of_which_the_node_holds_a_twin_of_any_version_is_not_voided(
    api: httpx.AsyncClient, harness: ChainHarness, version: int
) -> None:
    payment = await harness.pay(await harness.node_address(), 10)
    await harness.send()
    await harness.call("fillmempool", "0.4")
    await harness.make_due()
    await harness.send()
    raws = [transaction["raw"] for transaction in await harness.transactions()]
    await harness.expire_mempool()
    await harness.mine(3)
    now = (await harness.call("getblock", await harness.call("getbestblockhash")))["time"]
    await harness.call("setmocktime", now + 3 * 24 * 3600)
    await harness.call("getmempoolinfo")
    signed = payment._replace(raw=raws[version])
    twin = await harness.sign_again(signed, signatures.HASH_TYPES["ALL|ANYONECANPAY"])
    await harness.call("sendrawtransaction", twin)
    before = await harness.balance()

    refused = await api.post(f"/account/shop/payment/{payment.id}/void")

    assert len(raws) == 2
    assert refused.status_code == 409
    assert "mempool" in refused.json()["error"]["message"]
    assert (await harness.states(payment), await harness.balance()) == (["BROADCAST"], before)
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]


async def test_without_the_node_a_signed_payment_is_not_voided(
    api: httpx.AsyncClient, harness: ChainHarness
) -> None:
    number = await paid(api, harness, "paytx")
    await harness.send()

    async with (
        Node("http://a:b@127.0.0.1:1", sleep=lambda _: asyncio.sleep(0)) as nobody,
        api_on(harness, nobody) as alone,
    ):
        voided = await alone.post(f"/account/shop/payment/{number}/void")
        decoded = await alone.post("/decode-txn", json={"hex": "00"})

    assert (voided.status_code, decoded.status_code) == (503, 503)


async def test_a_transaction_is_decoded_as_gigawallet_does(
    api: httpx.AsyncClient, harness: ChainHarness
) -> None:
    number = await paid(api, harness, "paytx")
    await harness.send()
    made = (await api.get(f"/account/shop/payment/{number}")).json()

    shown = (await api.post("/decode-txn", json={"hex": made["tx"]})).json()

    assert list(shown) == ["txid", "hash", "size", "vsize", "version", "locktime", "vin", "vout"]
    assert shown["txid"] == shown["hash"] == made["hex"]
    assert list(shown["vin"][0]) == ["txid", "vout", "scriptSig", "txinwitness", "sequence"]
    assert shown["vin"][0]["txinwitness"] is None
    assert (shown["vout"][0]["value"], shown["vout"][0]["n"]) == ("10", 0)
    assert shown["vout"][0]["scriptPubKey"]["addresses"] == [made["pay_to"][0]["to"]]


@pytest.mark.parametrize("text", ["", "zz", "0100"])
async def test_what_is_no_transaction_is_refused_in_gigawallets_words(
    api: httpx.AsyncClient, text: str
) -> None:
    answer = await api.post("/decode-txn", json={"hex": text})

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "bad-request"
    assert error["message"].startswith("error decoding transaction: ")
