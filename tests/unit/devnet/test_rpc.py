"""The RPC over HTTP: its manners, its errors, and the methods that the recording does not show."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from app.chain import wire
from devnet import devnet, http, json_text, rpc
from devnet.json_text import Amount
from devnet.node import Node

Call = Callable[..., Awaitable[Any]]
NOBODY = "mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8"  # HASH160 of nothing but zeros
PRE_GENESIS = "00" * 32
NO_TRANSACTION = (
    "No such mempool transaction. Use -txindex to enable blockchain transaction queries. "
    "Use gettransaction for wallet transactions."
)


async def post(running: devnet.Devnet, content: bytes | str, **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(
            running.rpc_url, content=content, **{"auth": ("kennel", "kennel"), **options}
        )


def refusal(node: Node, method: str, *params: object) -> tuple[int, str]:
    status, body = rpc.answer(node, json.dumps({"id": 7, "method": method, "params": params}).encode())
    reply = json.loads(body)
    assert (status, reply["result"], reply["id"]) == (500, None, 7)
    return reply["error"]["code"], reply["error"]["message"]


@pytest.mark.parametrize(
    ("content", "status", "code", "message"),
    [
        ("", 500, -32700, "Parse error"),
        ("[1, 2", 500, -32700, "Parse error"),
        ("\xff", 500, -32700, "Parse error"),
        ("[" * 100_000, 500, -32700, "Parse error"),
        ('{"id": NaN}', 500, -32700, "Parse error"),
        ('{"id": ' + "9" * 5000 + "}", 500, -32700, "Parse error"),
        ("5", 500, -32700, "Top-level object parse error"),
        ("{}", 400, -32600, "Missing method"),
        ('{"method": 5}', 400, -32600, "Method must be a string"),
        ('{"method": "getblockcount", "params": 5}', 400, -32600, "Params must be an array or object"),
        ('{"method": "getblockhash", "params": {"depth": 5}}', 500, -8, "Unknown named parameter depth"),
        ('{"method": "testmempoolaccept"}', 404, -32601, "Method not found"),
        ('{"method": "uptime"}', 404, -32601, "Method not found"),
    ],
)
def test_a_bad_request_is_told_so(node: Node, content: str, status: int, code: int, message: str) -> None:
    http_status, body = rpc.answer(node, content.encode("latin-1"))

    assert http_status == status
    assert json.loads(body)["error"] == {"code": code, "message": message}
    assert list(json.loads(body)) == ["result", "error", "id"]


async def test_a_bad_member_of_a_batch_fails_alone(running: devnet.Devnet) -> None:
    batch = [5, {"id": "a", "method": "getblockcount"}, {"id": [1], "method": "getblockhash", "params": [9]}]

    response = await post(running, json.dumps(batch))

    assert response.status_code == 200
    assert [
        (entry["result"], (entry["error"] or {}).get("code"), entry["id"]) for entry in response.json()
    ] == [
        (None, -32600, None),
        (0, None, "a"),
        (None, -8, None),
    ]


async def test_arguments_may_be_named(running: devnet.Devnet, call: Call) -> None:
    genesis = await call("getbestblockhash")

    response = await post(
        running, json.dumps({"method": "getblock", "params": {"verbosity": 0, "blockhash": genesis}})
    )

    assert response.json()["result"].startswith("01000000")


async def test_without_the_password_there_is_no_answer(running: devnet.Devnet) -> None:
    for auth in (None, ("kennel", ""), ("kennel", "kennel2"), ("doge", "kennel"), ("ünï", "cödé")):
        response = await post(running, '{"method": "getblockcount"}', auth=auth)

        assert (response.status_code, response.content) == (401, b"")
        assert response.headers["www-authenticate"] == 'Basic realm="jsonrpc"'


async def test_only_posts_to_the_root_are_served(running: devnet.Devnet) -> None:
    async with httpx.AsyncClient(auth=("kennel", "kennel")) as client:
        assert (await client.get(running.rpc_url)).status_code == 405
        assert (await client.post(running.rpc_url + "/wallet/faucet", content="{}")).status_code == 404


async def test_a_body_beyond_the_limit_is_refused(running: devnet.Devnet) -> None:
    assert (await post(running, bytes(http.MAX_BODY_BYTES + 1))).status_code == 413
    assert (await post(running, b" " * (http.MAX_BODY_BYTES - 2) + b"{}")).status_code == 400


@pytest.mark.parametrize("name", sorted(rpc.METHODS))
def test_a_wrong_number_of_arguments_is_answered_with_the_usage(node: Node, name: str) -> None:
    code, message = refusal(node, name, *[None] * 20)

    assert code == -1
    assert message.startswith(rpc.METHODS[name].usage + "\n\n")


@pytest.mark.parametrize(
    ("method", "arguments", "code", "message"),
    [
        ("getblockhash", [1.5], -1, "JSON integer out of range"),
        ("getblockhash", [2**40], -1, "JSON integer out of range"),
        ("getblockhash", [True], -1, "JSON value is not an integer as expected"),
        ("getblockhash", [-1], -8, "Block height out of range"),
        ("getblock", [5], -1, "JSON value is not a string as expected"),
        ("getblockheader", [PRE_GENESIS], -5, "Block not found"),
        ("getblockheader", ["zz"], -5, "Block not found"),
        ("invalidateblock", [PRE_GENESIS], -5, "Block not found"),
        ("reconsiderblock", [PRE_GENESIS], -5, "Block not found"),
        ("getrawmempool", [1], -1, "JSON value is not a boolean as expected"),
        ("getmempoolentry", [PRE_GENESIS], -5, "Transaction not in mempool"),
        ("getmempoolentry", ["zz"], -8, "parameter 1 must be hexadecimal string (not 'zz')"),
        ("getmempoolentry", ["00"], -8, "parameter 1 must be of length 64 (not 2)"),
        ("decoderawtransaction", ["00"], -22, "TX decode failed"),
        ("decoderawtransaction", [5], -3, "Expected type string, got number"),
        ("sendrawtransaction", ["zz"], -22, "TX decode failed"),
        ("sendrawtransaction", ["00", 0], -3, "Expected type bool, got number"),
        ("signrawtransaction", ["zz"], -22, "TX decode failed"),
        ("createrawtransaction", [{}, {}], -3, "Expected type array, got object"),
        ("createrawtransaction", [[{"txid": PRE_GENESIS}], {}], -8, "Invalid parameter, missing vout key"),
        (
            "createrawtransaction", [[{"txid": PRE_GENESIS, "vout": -1}], {}], -8,
            "Invalid parameter, vout must be positive",
        ),
        ("createrawtransaction", [[], {"D": 1}], -5, "Invalid Dogecoin address: D"),
        ("createrawtransaction", [[], {NOBODY: -1}], -3, "Amount out of range"),
        ("createrawtransaction", [[], {NOBODY: "0.123456789"}], -3, "Invalid amount"),
        ("createrawtransaction", [[], {NOBODY: True}], -3, "Amount is not a number or string"),
        ("createrawtransaction", [[], {NOBODY: 10_000_000_001}], -3, "Amount out of range"),
        ("generatetoaddress", [1, "junk"], -5, "Error: Invalid address"),
        ("generatetoaddress", [1, NOBODY, 1, 1], -32603, "ProcessNewBlock, block not accepted"),
        ("generateharder", [1, NOBODY, "2100ffff"], -8, "bits are easier than regtest's, or too hard"),
        ("generateharder", [1, NOBODY, "1d00ffff"], -8, "bits are easier than regtest's, or too hard"),
        ("sendtoaddress", ["junk", 1], -5, "Invalid Dogecoin address"),
        ("sendtoaddress", [NOBODY, 0], -3, "Invalid amount for send"),
        ("sendtoaddress", [NOBODY, 1], -6, "Insufficient funds"),
        ("dumpprivkey", [NOBODY], -4, f"Private key for address {NOBODY} is not known"),
        ("importprivkey", ["junk"], -5, "Invalid private key encoding"),
        ("getreceivedbyaddress", ["junk"], -5, "Invalid Dogecoin address"),
        ("getrawtransaction", [PRE_GENESIS], -5, NO_TRANSACTION),
        ("setmocktime", ["now"], -3, "Expected type number, got string"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_refused_in_the_nodes_words(
    node: Node, method: str, arguments: list[Any], code: int, message: str
) -> None:
    assert refusal(node, method, *arguments) == (code, message)


async def test_the_faucet_pays_and_the_receiver_sees_it(call: Call) -> None:
    await call("generate", 61)
    address = await call("getnewaddress")

    txid = await call("sendtoaddress", address, "12.34567891")

    assert await call("getrawmempool") == [txid]
    assert str(await call("getreceivedbyaddress", address)) == "0E-8"
    assert str(await call("getreceivedbyaddress", address, 0)) == "12.34567891"
    balance = await call("getbalance")
    entry = await call("getmempoolentry", txid)
    assert balance == 500_000 - entry["fee"]
    await call("generatetoaddress", 1, NOBODY)
    assert str(await call("getreceivedbyaddress", address)) == "12.34567891"
    assert await call("getreceivedbyaddress", NOBODY) == 0
    transaction = await call("getrawtransaction", txid, True)
    assert (transaction["confirmations"], transaction["blockhash"]) == (1, await call("getbestblockhash"))
    assert (await call("decoderawtransaction", transaction["hex"]))["vout"] == transaction["vout"]


async def test_many_are_paid_at_once_and_change_comes_back(call: Call) -> None:
    await call("generate", 61)
    addresses = [await call("getnewaddress") for _ in range(20)]

    txid = await call("sendmany", "", dict.fromkeys(addresses, "1000"))
    for _ in range(3):
        await call("sendtoaddress", NOBODY, 1)  # builds on the change, which is all there is

    await call("generate", 1)
    assert await call("getrawmempool") == []
    assert [await call("getreceivedbyaddress", address) for address in addresses] == [1000] * 20
    assert (await call("gettxout", txid, 19))["confirmations"] == 1


async def test_signing_with_given_keys_and_outputs_needs_no_wallet(call: Call) -> None:
    await call("generate", 61)
    address = await call("getnewaddress")
    key = await call("dumpprivkey", address)
    script = (await call("validateaddress", address))["scriptPubKey"]
    unknown = "11" * 32
    raw = await call("createrawtransaction", [{"txid": unknown, "vout": 3}], {NOBODY: 1, "data": "77"})

    signed = await call(
        "signrawtransaction", raw, [{"txid": unknown, "vout": 3, "scriptPubKey": script}], [key]
    )
    unsigned = await call("signrawtransaction", raw)
    other = await call("signrawtransaction", raw, [{"txid": unknown, "vout": 3, "scriptPubKey": script}], [])

    assert (signed["complete"], unsigned["complete"], other["complete"]) == (True, False, False)
    assert wire.parse_transaction(bytes.fromhex(signed["hex"])).outputs[1].script.hex() == "6a0177"
    assert unsigned["errors"][0]["error"] == "Input not found or already spent"
    assert other["errors"][0]["error"] == "Operation not valid with the current stack size"


async def test_an_imported_key_brings_its_coins(call: Call) -> None:
    stranger = "cPTrEL8ivESStkAPZnvAgf7JdZGHC6cU8xUoime5gUafspnqU6PY"
    await call("generatetoaddress", 61, "mmgZ8bdCjZQcobdF2NHU38aUmoFDQMfhoM")
    assert await call("getbalance") == 0

    await call("importprivkey", stranger)

    assert await call("getbalance") == 500_000
    assert await call("dumpprivkey", "mmgZ8bdCjZQcobdF2NHU38aUmoFDQMfhoM") == stranger


async def test_the_clock_can_be_set(call: Call) -> None:
    await call("setmocktime", 2_000_000_000)
    (first,) = await call("generate", 1)

    assert (await call("getblockheader", first))["time"] == 2_000_000_000
    assert (await call("getblockchaininfo"))["initialblockdownload"] is False


async def test_a_harder_block_is_worth_more_and_a_given_one_holds_what_it_is_told(call: Call) -> None:
    await call("generate", 61)
    txid = await call("sendtoaddress", NOBODY, 5)
    raw = await call("getrawtransaction", txid)

    (hard,) = await call("generateharder", 1, NOBODY, "1f7fffff")
    empty = await call("generateblock", NOBODY, [])

    header = await call("getblockheader", hard)
    assert (header["bits"], int(header["chainwork"], 16)) == ("1f7fffff", 2 * 62 + 0x200)
    assert (await call("getblock", hard))["tx"][1:] == [txid]
    assert len((await call("getblock", empty))["tx"]) == 1
    await call("invalidateblock", hard)
    full = await call("generateblock", NOBODY, [raw])
    assert (await call("getblock", full))["tx"][1:] == [txid]
    assert await call("getrawmempool") == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Amount(0), "0.00000000"),
        (Amount(1), "0.00000001"),
        (Amount(-150_000_000), "-1.50000000"),
        (Amount(10**18), "10000000000.00000000"),
        (2**64, "18446744073709551616"),
        (True, "true"),
        (None, "null"),
        (0.5, "0.5"),
        ({"a": ['ü\n"', {}]}, '{"a":["ü\\n\\"",{}]}'),
    ],
)  # fmt: skip
def test_json_is_written_as_the_node_writes_it(value: object, text: str) -> None:
    assert json_text.write(value) == text
