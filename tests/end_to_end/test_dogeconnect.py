"""A wallet pays by DogeConnect, with a program and a node as real processes."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.end_to_end.program import Program, until_equal
from tests.end_to_end.shop import Shop, answered
from tests.wallet import Request, Wallet


def funded(program: Program, *amounts: str) -> Wallet:
    wallet = Wallet()
    for amount in amounts:
        txid = program.pay(wallet.address, amount)
        wallet.coins.append(wallet.coin_of(program.node("getrawtransaction", txid)))
    program.mine()
    return wallet


def test_a_payment_by_dogeconnect_is_seen_at_once_and_refunded_to_the_wallet(
    program: Program, shop: Shop
) -> None:
    wallet = funded(program, "30")
    invoice = shop.invoice("10", required_confirmations=1)
    path = f"/dc/{invoice['id']}"

    def state() -> Any:
        return answered(program.public.get(f"/invoice/{invoice['id']}/status"))["state"]

    request = Request.of(answered(program.public.get(path, params={"token": invoice["token"]})))
    submission = request.submission(wallet.sign(request.outputs).raw, refund=wallet.address)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: program.public.post(f"{path}/pay", json=submission), range(100)))

    assert {answer.status_code for answer in answers} <= {200, 429}  # one address may ask so often only
    [accepted] = {answer.text for answer in answers if answer.status_code == 200}
    assert '"accepted"' in accepted
    until_equal(state, "seen")
    program.mine()
    assert (
        answered(program.public.post(f"{path}/status", json={"id": invoice["id"]}))["status"] == "confirmed"
    )
    assert shop.balance() == ("0", "10")
    refund = answered(
        program.admin.post(
            f"/invoice/{invoice['id']}/refundtoaddr",
            json={"amount": "4"},
            headers={"Idempotency-Key": f"refund {invoice['id']}"},
        )
    )
    assert refund["pay_to"][0]["to"] == wallet.address
    program.mine()
    assert [item["name"] for item in request.content["items"]] == ["Treat"]


def test_a_transaction_of_a_megabyte_is_refused_and_the_wallet_hears_why(
    program: Program, shop: Shop
) -> None:
    invoice = shop.invoice("10")["id"]

    for size in (100_001, 1_000_000, 5_000_000):
        answer = program.public.post(f"/dc/{invoice}/pay", json={"id": invoice, "tx": "00" * size})

        assert answer.status_code == 400
        assert answer.json()["error"] == ("invalid_token" if size == 100_001 else "invalid_tx")
