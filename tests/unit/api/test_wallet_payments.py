"""Wallets submit their transactions over HTTP, and a node decides; no answer is lost, and none counts twice."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from app.api.relay import Relay
from app.chain import signing, wire
from app.chain.header import display
from app.chain.wallet_transactions import WalletTransactions
from app.db.tables import dogeconnect_payments
from app.db.tables import invoices as invoice_rows
from app.domain import dogecoin, invoices
from app.domain.dogecoin import REGTEST, Outpoint
from app.domain.invoices import CancelOrder, Invoice, cancelling, pay_from_account
from app.workers import payer_relay
from tests import chain_harness, scenario
from tests.chain_harness import ChainHarness
from tests.scenario import doge
from tests.unit.api.conftest import client_of, context_on
from tests.wallet import Request, Wallet

FRIEND = dogecoin.to_address(REGTEST, dogecoin.p2pkh(b"\1" * 20)) or ""
VECTORS = Path(__file__).parents[2] / "vectors"
MAINNET = "DPD7uK4B1kRmbfGmytBhG1DZjaMWNfbpwY"
UNKNOWN = "n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb"


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path / "node") as harness:
        await scenario.open_account(engine, vendor_name="Much Shop")
        yield harness
        await harness.audit()


@pytest.fixture
async def kennel(harness: ChainHarness, tmp_path: Path) -> context.AppContext:
    relay = await payer_relay.opened(tmp_path / "relay.key", harness.node)
    return replace(context_on(harness.engine), relay=relay, public_url="https://pay.shop.example")


@pytest.fixture
async def offering(harness: ChainHarness, kennel: context.AppContext) -> WalletTransactions:
    return WalletTransactions(harness.engine, harness.node, lambda: None)


@asynccontextmanager
async def stepping(kennel: context.AppContext, offering: WalletTransactions) -> AsyncIterator[None]:
    """Run two loops of a program while wallets wait: one asks the node, the other tells what it said."""

    async def repeat() -> None:
        while True:
            if kennel.submissions._callers:
                await offering.step()
                await kennel.submissions.step()
            await asyncio.sleep(0.005)

    task = asyncio.create_task(repeat())
    yield
    kennel.submissions.end()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def client(
    kennel: context.AppContext, offering: WalletTransactions
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application.public(kennel, lambda: "id")) as opened, stepping(kennel, offering):
        yield opened


@pytest.fixture
async def wallet(harness: ChainHarness) -> Wallet:
    wallet = Wallet()
    await wallet.fund(harness, "30", "30")
    return wallet


@pytest.fixture
async def made(harness: ChainHarness) -> Invoice:
    return await scenario.invoice(harness.engine, value=10, required_confirmations=2, expire_minutes=30)


async def requested(client: httpx.AsyncClient, invoice: Invoice) -> Request:
    uri = (await client.get(f"/invoice/{invoice.address}")).json()["uri"]
    return Request.of((await client.get(f"/dc/{invoice.address}")).json(), uri)


async def submit(client: httpx.AsyncClient, request: Request, raw: bytes, **changes: Any) -> httpx.Response:
    path = f"/dc/{request.content['id']}/pay"
    answer = await client.post(path, json=request.submission(raw, **changes))
    assert answer.headers["cache-control"] == "no-store"
    return answer


async def status(client: httpx.AsyncClient, invoice: Invoice) -> dict[str, Any]:
    answer = await client.post(f"/dc/{invoice.address}/status", json={"id": invoice.address})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def submissions(harness: ChainHarness) -> list[Any]:
    async with harness.engine.connect() as db:
        return list((await db.execute(sa.select(dogeconnect_payments))).mappings())


async def make_due(harness: ChainHarness) -> None:
    async with harness.engine.begin() as db:
        past = datetime.now(UTC) - timedelta(seconds=1)
        wanted = dogeconnect_payments.c.offer_at.is_not(None)
        await db.execute(sa.update(dogeconnect_payments).where(wanted).values(offer_at=past))


async def refused(client: httpx.AsyncClient, request: Request, raw: bytes, error: str, **changes: Any) -> str:
    """Submit what is answered with an error, and return the message."""
    answer = await submit(client, request, raw, **changes)
    assert answer.status_code == (404 if error == "not_found" else 400), answer.text
    assert answer.json().keys() == {"error", "message"}
    assert answer.json()["error"] == error, answer.text
    message: str = answer.json()["message"]
    assert message
    return message


async def declined(client: httpx.AsyncClient, request: Request, raw: bytes) -> str:
    """Submit what is declined, and return the reason."""
    answer = await submit(client, request, raw)
    assert answer.status_code == 403, answer.text
    assert answer.json().keys() == {"id", "status", "reason"}
    assert (answer.json()["id"], answer.json()["status"]) == (request.content["id"], "declined")
    reason: str = answer.json()["reason"]
    return reason


# ---------------------------------------------------------------- paying


async def test_a_wallet_pays_and_hears_of_it_until_it_is_confirmed(
    harness: ChainHarness, client: httpx.AsyncClient, wallet: Wallet, made: Invoice
) -> None:
    unpaid = await status(client, made)
    request = await requested(client, made)
    signed = wallet.sign(request.outputs)
    txid = display(signed.txid)

    answer = await submit(client, request, signed.raw, refund=FRIEND)

    accepted = {
        "id": made.address, "status": "accepted", "txid": txid, "required": 2, "confirmed": 0, "due_sec": 2,
    }  # fmt: skip
    assert unpaid == {"id": made.address, "status": "unpaid"}
    assert (answer.status_code, answer.json()) == (200, accepted)
    assert await harness.mempool() == [txid]
    assert await status(client, made) == accepted
    await harness.mine()
    assert await status(client, made) == accepted | {"confirmed": 1, "due_sec": 1}
    await harness.mine()
    confirmed = await status(client, made)
    at = datetime.fromisoformat(confirmed.pop("confirmed_at"))
    assert at.tzinfo is not None
    assert confirmed == accepted | {"status": "confirmed", "confirmed": 2, "due_sec": 0}
    assert (await scenario.shown(harness.engine, made.address)).state == "confirmed"


async def test_what_is_accepted_is_answered_so_again_whatever_is_submitted(
    harness: ChainHarness, client: httpx.AsyncClient, wallet: Wallet, made: Invoice
) -> None:
    request = await requested(client, made)
    first = await submit(client, request, wallet.sign(request.outputs).raw)

    same = await submit(client, request, b"", relay_token="", refund="junk")
    other = await submit(client, request, wallet.sign(request.outputs).raw)

    assert [first.json(), same.json()] == [other.json()] * 2
    await harness.mine(2)
    last = await submit(client, request, b"")
    assert (last.status_code, last.json()["status"]) == (200, "confirmed")
    assert len(await harness.mempool()) == 0


async def test_a_hundred_submissions_at_once_are_one(
    harness: ChainHarness, client: httpx.AsyncClient, wallet: Wallet, made: Invoice
) -> None:
    request = await requested(client, made)
    raws = [wallet.sign(request.outputs).raw for _ in range(2)]

    answers = await asyncio.gather(*(submit(client, request, raws[n % 2]) for n in range(100)))

    assert {answer.status_code for answer in answers} == {200}
    [accepted] = {answer.json()["txid"] for answer in answers}
    assert await harness.mempool() == [accepted]
    assert len(await submissions(harness)) == 1


async def test_what_the_wallet_has_sent_itself_is_accepted_too(
    harness: ChainHarness, client: httpx.AsyncClient, wallet: Wallet, made: Invoice
) -> None:
    request = await requested(client, made)
    raw = wallet.sign(request.outputs).raw
    await harness.call("sendrawtransaction", raw.hex())

    assert (await submit(client, request, raw)).status_code == 200


async def test_what_another_wallet_paid_is_told_to_every_wallet(
    harness: ChainHarness, client: httpx.AsyncClient, wallet: Wallet, made: Invoice
) -> None:
    request = await requested(client, made)
    txid = await harness.call("sendtoaddress", made.address, "10")
    await harness.mine()

    answer = await submit(client, request, wallet.sign(request.outputs).raw)

    assert answer.json()["txid"] == txid
    assert answer.json()["status"] == "accepted"
    assert await submissions(harness) == []


async def test_what_is_still_due_is_enough_and_more_is_taken_too(
    harness: ChainHarness, client: httpx.AsyncClient, wallet: Wallet, made: Invoice
) -> None:
    await harness.call("sendtoaddress", made.address, "4")
    await harness.mine()
    request = await requested(client, made)
    [output] = request.outputs
    half = wire.Output(output.value // 2, output.script)

    answer = await submit(client, request, wallet.sign([half, half, half]).raw)

    assert output.value == doge(6)
    assert answer.status_code == 200
    await harness.mine(2)
    assert (await scenario.shown(harness.engine, made.address)).received == doge(13)


async def test_an_invoice_that_was_paid_inside_is_confirmed_without_a_transaction(
    harness: ChainHarness, client: httpx.AsyncClient, made: Invoice
) -> None:
    await harness.fund("payer", 50)
    async with harness.engine.begin() as db:
        order = invoices.PayFromOrder(made.address, "payer")
        await pay_from_account.settle(db, [order], scenario.INSTALLATION)

    expected = {"id": made.address, "status": "confirmed", "required": 2, "confirmed": 2, "due_sec": 0}
    assert await status(client, made) == expected


# ---------------------------------------------------------------- what is refused


async def test_what_pays_too_little_or_somebody_else_has_invalid_outputs(
    harness: ChainHarness, client: httpx.AsyncClient, wallet: Wallet, made: Invoice
) -> None:
    request = await requested(client, made)
    [output] = request.outputs
    other = dogecoin.to_script(REGTEST, FRIEND)
    [coin, _] = wallet.coins

    for outputs in (
        [output._replace(value=output.value - 1)],
        [output._replace(script=other)],
        [output._replace(value=output.value - 1), output._replace(script=other)],
    ):
        message = await refused(client, request, wallet.sign(outputs, coin).raw, "invalid_outputs")
        assert made.address in message
    assert await submissions(harness) == []


async def test_what_is_no_transaction_is_invalid(
    harness: ChainHarness, client: httpx.AsyncClient, wallet: Wallet, made: Invoice
) -> None:
    request = await requested(client, made)
    [coin, _] = wallet.coins
    signed = wallet.sign(request.outputs, coin)
    [spent] = signed.inputs
    twice = wire.assemble([spent, spent], signed.outputs).raw
    coinbase = wire.assemble([wire.Input(bytes(32), 0xFFFFFFFF, b"", 0)], signed.outputs).raw
    large = wire.assemble([spent._replace(script=bytes(100_001))], signed.outputs).raw
    megabyte = wire.assemble([spent._replace(script=bytes(1_000_000))], signed.outputs).raw

    for raw in (b"", b"junk", signed.raw[:-1], signed.raw + b"\0", twice, coinbase, large, megabyte):
        await refused(client, request, raw, "invalid_tx")
    for text in ("xyz", "0", None, 7, "ü"):
        await refused(client, request, b"", "invalid_tx", tx=text)
    for refund in ("junk", MAINNET):
        assert "refund" in await refused(client, request, signed.raw, "invalid_tx", refund=refund)
    assert await submissions(harness) == []


async def test_a_body_that_is_none_is_invalid(client: httpx.AsyncClient, made: Invoice) -> None:
    for body in (b"", b"{", b"[]", b'"text"', b"\xff", b"[" * 5000):
        answer = await client.post(f"/dc/{made.address}/pay", content=body)

        assert answer.status_code in (400, 404), answer.text
        assert answer.json()["error"] in ("invalid_tx", "not_found")


@pytest.mark.parametrize("token", ["", "wrong", "ü", None, 7, "x" * 256])
async def test_without_the_requests_token_nothing_is_taken(
    client: httpx.AsyncClient, wallet: Wallet, made: Invoice, harness: ChainHarness, token: Any
) -> None:
    request = await requested(client, made)

    await refused(client, request, wallet.sign(request.outputs).raw, "invalid_token", relay_token=token)

    assert await submissions(harness) == []


async def test_for_another_id_there_is_no_payment(
    client: httpx.AsyncClient, wallet: Wallet, made: Invoice, harness: ChainHarness
) -> None:
    other = await scenario.invoice(harness.engine)
    request = await requested(client, made)
    raw = wallet.sign(request.outputs).raw

    for text in (UNKNOWN, MAINNET, other.address, "", "x" * 300, None, 7):
        await refused(client, request, raw, "not_found", id=text)
        answer = await client.post(f"/dc/{made.address}/status", json={"id": text})
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    for path in (f"/dc/{UNKNOWN}", f"/dc/{MAINNET}", "/dc/junk"):
        for end in ("pay", "status"):
            body = request.submission(raw, id=path.removeprefix("/dc/"))
            answer = await client.post(f"{path}/{end}", json=body)
            assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


async def test_the_token_of_one_invoice_pays_no_other(
    client: httpx.AsyncClient, wallet: Wallet, made: Invoice, harness: ChainHarness
) -> None:
    other = await requested(client, await scenario.invoice(harness.engine))
    request = await requested(client, made)
    token = other.content["relay_token"]

    await refused(client, request, wallet.sign(request.outputs).raw, "invalid_token", relay_token=token)

    assert await submissions(harness) == []


async def test_after_its_time_nothing_is_taken(
    harness: ChainHarness, client: httpx.AsyncClient, wallet: Wallet, made: Invoice
) -> None:
    request = await requested(client, made)
    raw = wallet.sign(request.outputs).raw
    cancelled = await scenario.invoice(harness.engine)
    request_of_cancelled = await requested(client, cancelled)
    async with harness.engine.begin() as db:
        over = sa.update(invoice_rows).where(invoice_rows.c.address == made.address)
        await db.execute(over.values(expires=datetime.now(UTC) - timedelta(seconds=1)))
        await cancelling.cancel(db, [CancelOrder("shop", cancelled.address)], scenario.INSTALLATION)

    await refused(client, request, raw, "expired")
    await refused(client, request_of_cancelled, raw, "expired")
    assert await harness.mempool() == []
    assert await status(client, made) == {"id": made.address, "status": "unpaid"}


# ---------------------------------------------------------------- what the node does not take


async def test_coins_that_are_spent_unknown_or_new_are_declined(
    harness: ChainHarness, client: httpx.AsyncClient, wallet: Wallet, made: Invoice
) -> None:
    request = await requested(client, made)
    spent, other = wallet.coins
    await harness.call("sendrawtransaction", wallet.sign([], spent).raw.hex())
    await harness.mine()
    await harness.call("sendrawtransaction", wallet.sign([], other).raw.hex())
    [block] = await harness.call("generatetoaddress", 1, wallet.address)
    await harness.follow()
    [coinbase, *_] = (await harness.call("getblock", block))["tx"]
    new = await wallet.coin(harness, coinbase)
    unknown = (Outpoint(b"\7" * 32, 0), doge(30))
    no_output = (Outpoint(new[0].txid, 2**31 - 1), doge(30))

    for coin in (spent, other, unknown, no_output):
        assert "unknown or spent" in await declined(client, request, wallet.sign(request.outputs, coin).raw)
    assert "too lately" in await declined(client, request, wallet.sign(request.outputs, new).raw)
    assert await submissions(harness) == []


async def test_a_transaction_of_another_network_pays_nothing_here(
    harness: ChainHarness, client: httpx.AsyncClient, made: Invoice
) -> None:
    request = await requested(client, made)
    block = json.loads((VECTORS / "dogecoin_mainnet_371337.json").read_text())["block"]
    _, of_mainnet, *_ = wire.parse_block(bytes.fromhex(block)).transactions
    paying_us = wire.assemble(of_mainnet.inputs, request.outputs)

    await refused(client, request, of_mainnet.raw, "invalid_outputs")
    assert "unknown or spent" in await declined(client, request, paying_us.raw)
    assert await submissions(harness) == []


async def test_too_low_a_fee_is_declined(client: httpx.AsyncClient, wallet: Wallet, made: Invoice) -> None:
    request = await requested(client, made)
    [coin, _] = wallet.coins

    for fee in (0, 100_000):
        reason = await declined(client, request, wallet.sign(request.outputs, coin, fee=fee).raw)
        assert "fee" in reason


async def test_an_unsigned_transaction_is_declined_and_makes_room_for_a_signed_one(
    harness: ChainHarness, client: httpx.AsyncClient, wallet: Wallet, made: Invoice
) -> None:
    request = await requested(client, made)
    signed = wallet.sign(request.outputs)
    [spent] = signed.inputs
    unsigned = wire.assemble([spent._replace(script=b"")], signed.outputs)
    stolen = signing.build([(spent.txid, spent.vout)], request.outputs)
    stolen = wire.assemble([stolen.inputs[0]._replace(script=spent.script)], stolen.outputs)

    assert "mandatory-script-verify-flag-failed" in await declined(client, request, unsigned.raw)
    assert await status(client, made) == {"id": made.address, "status": "unpaid"}
    assert "mandatory-script-verify-flag-failed" in await declined(client, request, stolen.raw)
    answer = await submit(client, request, signed.raw)
    assert (answer.status_code, answer.json()["txid"]) == (200, display(signed.txid))


async def test_while_the_node_is_away_nothing_is_decided(
    harness: ChainHarness,
    client: httpx.AsyncClient,
    kennel: context.AppContext,
    wallet: Wallet,
    made: Invoice,
) -> None:
    request = await requested(client, made)
    away = replace(kennel, relay=replace(kennel.relay, unspent=Relay().unspent))
    async with client_of(application.public(away, lambda: "id")) as lonely:
        answer = await submit(lonely, request, wallet.sign(request.outputs).raw)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert await submissions(harness) == []


async def test_what_has_no_answer_yet_is_stored_and_goes_out_later(
    harness: ChainHarness,
    kennel: context.AppContext,
    offering: WalletTransactions,
    wallet: Wallet,
    made: Invoice,
) -> None:
    impatient = replace(kennel, pay_wait_seconds=0)
    async with client_of(application.public(impatient, lambda: "id")) as client:
        request = await requested(client, made)
        raws = [wallet.sign(request.outputs).raw for _ in range(2)]
        first, other = [await submit(client, request, raw) for raw in raws]
        unpaid = await status(client, made)

        assert await offering.step()
        assert not await offering.step()
        later = await submit(client, request, raws[1])

    assert [first.status_code, other.status_code] == [503, 503]
    assert unpaid["status"] == "unpaid"
    assert (later.status_code, later.json()["txid"]) == (200, display(wire.parse_transaction(raws[0]).txid))
    assert len(await harness.mempool()) == 1


# ---------------------------------------------------------------- until a block decides


async def test_what_the_node_has_forgotten_is_offered_again_until_it_is_confirmed(
    harness: ChainHarness,
    client: httpx.AsyncClient,
    offering: WalletTransactions,
    wallet: Wallet,
    made: Invoice,
) -> None:
    request = await requested(client, made)
    await submit(client, request, wallet.sign(request.outputs).raw)
    [txid] = await harness.mempool()
    await harness.expire_mempool()
    forgotten = await harness.mempool()

    await make_due(harness)
    await offering.step()

    assert (forgotten, await harness.mempool()) == ([], [txid])
    await harness.mine(2)
    await make_due(harness)
    await offering.step()
    [row] = await submissions(harness)
    assert (row["state"], row["offer_at"]) == ("accepted", None)


async def test_while_blocks_hold_what_another_wallet_paid_a_forgotten_transaction_is_not_sent_too(
    harness: ChainHarness,
    client: httpx.AsyncClient,
    offering: WalletTransactions,
    wallet: Wallet,
    made: Invoice,
) -> None:
    request = await requested(client, made)
    await submit(client, request, wallet.sign(request.outputs).raw)
    await harness.expire_mempool()
    await harness.call("sendtoaddress", made.address, 10)
    await harness.mine()

    await make_due(harness)
    await offering.step()

    [row] = await submissions(harness)
    assert (await harness.mempool(), row["offer_at"] is None) == ([], False)


async def test_a_transaction_whose_coins_another_has_spent_makes_room_for_the_next(
    harness: ChainHarness,
    client: httpx.AsyncClient,
    offering: WalletTransactions,
    wallet: Wallet,
    made: Invoice,
) -> None:
    request = await requested(client, made)
    [coin, _] = wallet.coins
    await submit(client, request, wallet.sign(request.outputs, coin).raw)
    await harness.mine_only(wallet.sign([], coin).raw.hex())

    await make_due(harness)
    await offering.step()

    assert await status(client, made) == {"id": made.address, "status": "unpaid"}
    wallet.coins.remove(coin)
    assert (await submit(client, request, wallet.sign(request.outputs).raw)).status_code == 200


async def test_after_its_time_an_accepted_transaction_is_offered_no_more(
    harness: ChainHarness,
    client: httpx.AsyncClient,
    offering: WalletTransactions,
    wallet: Wallet,
    made: Invoice,
) -> None:
    request = await requested(client, made)
    await submit(client, request, wallet.sign(request.outputs).raw)
    await harness.expire_mempool()
    async with harness.engine.begin() as db:
        over = sa.update(invoice_rows).where(invoice_rows.c.address == made.address)
        await db.execute(over.values(expires=datetime.now(UTC) - timedelta(seconds=1)))

    await make_due(harness)
    await offering.step()

    assert await harness.mempool() == []
    [row] = await submissions(harness)
    assert row["offer_at"] is None


async def test_two_processes_offer_it_once(
    harness: ChainHarness, kennel: context.AppContext, wallet: Wallet, made: Invoice
) -> None:
    impatient = replace(kennel, pay_wait_seconds=0)
    async with client_of(application.public(impatient, lambda: "id")) as client:
        request = await requested(client, made)
        await submit(client, request, wallet.sign(request.outputs).raw)
    answers: list[int] = []
    two = [WalletTransactions(harness.engine, harness.node, lambda: answers.append(1)) for _ in range(2)]

    moved = await asyncio.gather(*(one.step() for one in two))

    assert sorted(moved) == [False, True]
    assert answers == [1]


# ---------------------------------------------------------------- refunds


async def refund(kennel: context.AppContext, invoice: Invoice, key: str) -> httpx.Response:
    async with client_of(application.admin(replace(kennel, pay_wait_seconds=0), lambda: "id")) as merchant:
        path = f"/invoice/{invoice.address}/refundtoaddr"
        return await merchant.post(path, json={"amount": "4"}, headers={"Idempotency-Key": key})


async def test_a_refund_goes_to_the_address_that_the_wallet_has_named_once_its_payment_is_confirmed(
    harness: ChainHarness,
    client: httpx.AsyncClient,
    kennel: context.AppContext,
    wallet: Wallet,
    made: Invoice,
) -> None:
    request = await requested(client, made)
    await submit(client, request, wallet.sign(request.outputs).raw, refund=FRIEND)
    await harness.mine()
    early = await refund(kennel, made, "early")
    await harness.mine()

    answer = await refund(kennel, made, "refund")

    assert (early.status_code, early.json()["error"]["field"]) == (409, "id")
    assert answer.status_code == 200, answer.text
    assert answer.json()["pay_to"] == [{"to": FRIEND, "amount": "4", "deduct_fee_percent": "0"}]
    again = await refund(kennel, made, "refund")
    assert again.json()["id"] == answer.json()["id"]
    [told] = await scenario.event_messages(harness.engine, "INV_PAYMENT_REFUNDED")
    assert (told["to"], told["amount"]) == (FRIEND, "4")


async def test_who_only_submitted_a_transaction_gets_no_refund_of_what_another_paid(
    harness: ChainHarness,
    client: httpx.AsyncClient,
    kennel: context.AppContext,
    wallet: Wallet,
    made: Invoice,
) -> None:
    request = await requested(client, made)
    [coin, _] = wallet.coins
    await submit(client, request, wallet.sign(request.outputs, coin).raw, refund=FRIEND)
    await harness.mine_only(wallet.sign([], coin).raw.hex())
    await harness.call("sendtoaddress", made.address, "10")
    await harness.mine(2)

    answer = await refund(kennel, made, "refund")

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "address")


async def test_where_the_wallet_has_named_no_address_one_is_asked_for(
    harness: ChainHarness,
    client: httpx.AsyncClient,
    kennel: context.AppContext,
    wallet: Wallet,
    made: Invoice,
) -> None:
    request = await requested(client, made)
    await submit(client, request, wallet.sign(request.outputs).raw)
    await harness.mine(2)

    answer = await refund(kennel, made, "refund")

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "address")
